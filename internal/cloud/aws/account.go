package aws

import (
	"context"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	tagging "github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// writerIdle is how long an unused write session is kept.
const writerIdle = time.Hour

// Account is one account and region, seen as one role. Its own clients can only read.
type Account struct {
	RDS     *rds.Client
	EC2     *ec2.Client
	KMS     *kms.Client
	Tagging *tagging.Client
	sts     *sts.Client

	sessions *Sessions
	id       identity
	budget   *budget
	read     awssdk.Config

	instances *cache.ListCache[rdstypes.DBInstance]
	keys      *cache.ListCache[listedKeys]
	aliases   *cache.ListCache[[]string]
	keyFacts  *cache.KeyedCache[Key]
	keyTags   *cache.KeyedCache[map[string]string]
	keyNames  *cache.KeyedCache[[]string]
	networks  *cache.KeyedCache[Network]
	caller    *cache.KeyedCache[string]
	groups    *cache.ListCache[Group]
	peers     *cache.BatchCache[Group]
	hosts     *cache.BatchCache[Host]
	shared    *shared
	written   written

	mu      sync.Mutex
	writers map[string]*writer
	// lists are those of services that have no client here.
	lists map[string]any
}

// written are reads of single things that were written lately: while a list may be behind the write, one read after it
// serves until the list has caught up.
type written struct {
	instances *cache.KeyedCache[*rdstypes.DBInstance]
	groups    *cache.KeyedCache[*Group]
}

// writer is one owner's write session.
type writer struct {
	cfg  awssdk.Config
	used time.Time
}

func newAccount(s *Sessions, id identity, b *budget) *Account {
	cfg := s.assume(id, b, "coach-sweep", func(o *stscreds.AssumeRoleOptions) { o.Policy = &s.readOnly })
	a := &Account{
		RDS: rds.NewFromConfig(cfg), EC2: ec2.NewFromConfig(cfg), KMS: kms.NewFromConfig(cfg),
		Tagging: tagging.NewFromConfig(cfg), sts: sts.NewFromConfig(cfg),
		sessions: s, id: id, budget: b, read: cfg, writers: map[string]*writer{}, lists: map[string]any{},
		keyFacts: cache.NewKeyed[Key](s.options.own(), s.options.Freshness),
		keyTags:  cache.NewKeyed[map[string]string](s.options.own(), s.options.Freshness),
		keyNames: cache.NewKeyed[[]string](s.options.own(), s.options.Freshness),
		networks: cache.NewKeyed[Network](s.options.common(), s.options.Sweep+min(slack, s.options.Sweep)),
		caller:   cache.NewKeyed[string](s.options.common(), s.options.Freshness),
		shared:   newShared(s.options),
		written: written{
			instances: cache.NewKeyed[*rdstypes.DBInstance](s.options.own(), s.options.Lag),
			groups:    cache.NewKeyed[*Group](s.options.own(), s.options.Lag),
		},
	}
	a.instances = cache.NewList(s.options.common(), s.options.Lag, a.listInstances)
	a.keys = cache.NewList(s.options.common(), s.options.Lag, a.listKeys)
	a.aliases = cache.NewList(s.options.common(), s.options.Lag, a.listAliases)
	a.groups = cache.NewList(s.options.common(), s.options.Lag, a.listGroups)
	a.peers = cache.NewBatch(s.options.common(), s.options.Sweep, a.loadGroups)
	a.hosts = cache.NewBatch(s.options.common(), s.options.Sweep, a.loadHosts)
	return a
}

// Region is the account's region.
func (a *Account) Region() string { return a.id.region }

// ID is the 12-digit account ID that the class names.
func (a *Account) ID() string { return a.id.account }

// Lag is how long listings may lag behind writes.
func (a *Account) Lag() time.Duration { return a.sessions.options.Lag }

// Now is the present time.
func (a *Account) Now() time.Time { return a.sessions.options.Clock.Now() }

// Read returns the session of sweeps, which can only read. It is for services that have no client here.
func (a *Account) Read() awssdk.Config { return a.read }

// Write returns a session that acts for one owner only: it carries the owner's tags, so that the
// role's policy can bind every write to them (attribute-based access control), and it has a call
// limit of its own.
func (a *Account) Write(owner naming.Owner) awssdk.Config {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, name := a.Now(), owner.Resource()
	w, ok := a.writers[name]
	if !ok {
		a.forgetIdle(now)
		tags := sessionTags(owner)
		w = &writer{cfg: a.sessions.assume(a.id, a.budget.forTenant(), name,
			func(o *stscreds.AssumeRoleOptions) { o.Tags = tags })}
		a.writers[name] = w
	}
	w.used = now
	return w.cfg
}

func (a *Account) forgetIdle(now time.Time) {
	for name, w := range a.writers {
		if now.Sub(w.used) > writerIdle {
			delete(a.writers, name)
		}
	}
}

// Prove says whether the session really is in the account that the class names. Only then does
// absence count.
func (a *Account) Prove(ctx context.Context, fresh bool) error {
	got, _, err := a.caller.Get(ctx, "", fresh, func(ctx context.Context) (string, error) {
		out, err := a.sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", Classify(err)
		}
		return awssdk.ToString(out.Account), nil
	})
	if err != nil {
		return err
	}
	if got != a.id.account {
		return fault.New(fault.Denied, v1alpha1.ReasonWrongAccount,
			"the role leads to account %s and the class says %s; correct identity.roleARN of the class", got, a.id.account)
	}
	return nil
}
