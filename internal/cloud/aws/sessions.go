package aws

import (
	"context"
	"fmt"
	"sync"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go/middleware"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// Options are the settings of Sessions. The zero value of a field means its default.
type Options struct {
	// Sweep is how old a shared read may be; default 5 s.
	Sweep time.Duration
	// Freshness is how old a read without a batch form may be (key rotation, IAM); default 15 min.
	Freshness time.Duration
	// Lag is how long AWS listings may lag behind writes; default 15 s. Nothing that AWS could
	// duplicate is created before it was missing for this long.
	Lag time.Duration
	// Share is which part of AWS's published call limits the operator takes for itself; default 0.8.
	Share float64
	// Clock is the source of time; default the real one.
	Clock clock.PassiveClock
	// Metrics is called with every call; default nothing.
	Metrics func(service, operation, code string)
	// Load loads the base configuration; default the SDK's own chain, which honours AWS_CA_BUNDLE,
	// AWS_ENDPOINT_URL, HTTPS_PROXY, IRSA and pod identity.
	Load func(context.Context) (awssdk.Config, error)
}

// Sessions hands out AWS sessions. It is safe for concurrent use.
type Sessions struct {
	options Options
	base    awssdk.Config
	// readOnly is the session policy of sweeps.
	readOnly string

	mu       sync.Mutex
	accounts map[identity]*Account
	// budgets are by account and region, quotas by account.
	budgets map[string]*budget
	quotas  map[string]*quotas
}

// identity is what classes have in common that share an account's sessions and caches.
type identity struct {
	region, account, role, externalID string
}

// NewSessions loads the base configuration of the operator's own identity. It fails if the table of services is
// not complete.
func NewSessions(ctx context.Context, o Options) (*Sessions, error) {
	if err := checkServices(services); err != nil {
		return nil, err
	}
	policy, err := readOnly()
	if err != nil {
		return nil, err
	}
	o = o.withDefaults()
	base, err := o.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the AWS configuration: %w", err)
	}
	base.Retryer = func() awssdk.Retryer {
		return retry.NewStandard(func(s *retry.StandardOptions) { s.MaxAttempts = 2 })
	}
	return &Sessions{
		options: o, base: base, readOnly: policy,
		accounts: map[identity]*Account{}, budgets: map[string]*budget{}, quotas: map[string]*quotas{},
	}, nil
}

func (o Options) withDefaults() Options {
	if o.Sweep == 0 {
		o.Sweep = 5 * time.Second
	}
	if o.Freshness == 0 {
		o.Freshness = 15 * time.Minute
	}
	if o.Lag == 0 {
		o.Lag = 15 * time.Second
	}
	if o.Share == 0 {
		o.Share = 0.8
	}
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
	if o.Metrics == nil {
		o.Metrics = func(string, string, string) {}
	}
	if o.Load == nil {
		o.Load = func(ctx context.Context) (awssdk.Config, error) { return config.LoadDefaultConfig(ctx) }
	}
	return o
}

// own are the options of caches of what one platform reads: it waits for the budget as any call does.
func (o Options) own() cache.Options {
	return cache.Options{Clock: o.Clock, Late: fault.New(fault.Transient, v1alpha1.ReasonTransientError,
		"AWS has not answered for %s; it is tried again", cache.Patience)}
}

// common are the options of caches of what all platforms share. Their reads wait for the budget as long as it takes:
// the calls of single platforms would keep them away for minutes.
func (o Options) common() cache.Options {
	all := o.own()
	all.Context = patient
	return all
}

// Account returns the shared session of a class: its clients can only read.
func (s *Sessions) Account(class *v1alpha1.PlatformClass) *Account {
	id := identity{
		region: class.Spec.Region, account: class.Spec.AccountID,
		role: class.Spec.Identity.RoleARN, externalID: class.Spec.Identity.ExternalID,
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if a, ok := s.accounts[id]; ok {
		return a
	}
	if s.quotas[id.account] == nil {
		s.quotas[id.account] = newQuotas()
	}
	key := id.account + "/" + id.region
	if s.budgets[key] == nil {
		s.budgets[key] = newBudget(s.options.Share, id.region, s.quotas[id.account])
	}
	a := newAccount(s, id, s.budgets[key])
	s.accounts[id] = a
	return a
}

// assume returns a configuration that acts as the class's role. Credentials are cached until shortly
// before they expire.
func (s *Sessions) assume(id identity, b *budget, session string, options func(*stscreds.AssumeRoleOptions)) awssdk.Config {
	cfg := s.base.Copy()
	cfg.Region = id.region
	cfg.APIOptions = append(cfg.APIOptions, s.observe)
	client := sts.NewFromConfig(cfg)
	provider := stscreds.NewAssumeRoleProvider(client, id.role, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName = session
		o.ExternalID = awssdk.String(id.externalID)
		options(o)
	})
	cfg.Credentials = awssdk.NewCredentialsCache(provider, func(o *awssdk.CredentialsCacheOptions) {
		o.ExpiryWindow = 5 * time.Minute
		o.ExpiryWindowJitterFrac = 0.5
	})
	cfg.APIOptions = append(cfg.APIOptions, b.attach)
	return cfg
}

// sessionTags are the tenant's tags in the form that AssumeRole takes.
func sessionTags(owner naming.Owner) []ststypes.Tag {
	var tags []ststypes.Tag
	for k, v := range owner.Tags() {
		tags = append(tags, ststypes.Tag{Key: awssdk.String(k), Value: awssdk.String(v)})
	}
	return tags
}

// observe reports every call to the metrics, with the code of its error.
func (s *Sessions) observe(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("coach/metrics",
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
			middleware.InitializeOutput, middleware.Metadata, error,
		) {
			out, meta, err := next.HandleInitialize(ctx, in)
			s.options.Metrics(middleware.GetServiceID(ctx), middleware.GetOperationName(ctx), codeOf(err))
			return out, meta, err
		}), middleware.After)
}
