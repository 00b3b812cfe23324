// Package ec2 stands before moto's EC2 and repairs what security groups need:
// changes of rules are all or nothing, equal rules are recognised however they are
// written, what is in use is not deleted, listings have pages and lag.
package ec2

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// InUse reports whether a database uses a security group.
type InUse func(account, region, group string) bool

// Service answers for EC2.
type Service struct {
	moto     *moto.Server
	settings *setting.Store
	inUse    InUse
	now      func() time.Time
	mu       sync.Mutex
	regions  map[place]*region
}

type place struct{ account, region string }

// New returns the service; now is the clock.
func New(server *moto.Server, settings *setting.Store, inUse InUse, now func() time.Time) *Service {
	return &Service{moto: server, settings: settings, inUse: inUse, now: now, regions: map[place]*region{}}
}

// region is EC2 in one account and region. Operations that write hold mu.
type region struct {
	*Service
	place
	mu       sync.Mutex
	groups   *versions.Store[group]
	mirrored bool
	seen     sync.Mutex // guards what follows
	recall   recall
}

func (s *Service) region(account, name string) *region {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{account, name}
	if known, ok := s.regions[at]; ok {
		return known
	}
	r := &region{Service: s, place: at, groups: versions.New[group](s.now)}
	s.regions[at] = r
	return r
}

// Forget drops what is remembered of an account; moto forgets the rest.
func (s *Service) Forget(account string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for at := range s.regions {
		if at.account == account {
			delete(s.regions, at)
		}
	}
}

type operation func(*region, context.Context, identity.Call) (*wire.Answer, error)

// groupOperations need the mirror of security groups.
var groupOperations = map[string]operation{
	"AuthorizeSecurityGroupEgress":               (*region).authorize,
	"AuthorizeSecurityGroupIngress":              (*region).authorize,
	"CreateSecurityGroup":                        (*region).createGroup,
	"DeleteSecurityGroup":                        (*region).deleteGroup,
	"DescribeSecurityGroupRules":                 (*region).describeRules,
	"DescribeSecurityGroups":                     (*region).describeGroups,
	"ModifySecurityGroupRules":                   (*region).changing,
	"RevokeSecurityGroupEgress":                  (*region).revoke,
	"RevokeSecurityGroupIngress":                 (*region).revoke,
	"UpdateSecurityGroupRuleDescriptionsEgress":  (*region).changing,
	"UpdateSecurityGroupRuleDescriptionsIngress": (*region).changing,
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	r := s.region(call.Caller.Account, call.Region)
	handle, ofGroups := groupOperations[call.Operation]
	switch {
	case call.Form.Bool("DryRun", false):
		return r.moto.Forward(ctx, call.Request, r.account)
	case ofGroups:
		return r.onGroups(ctx, call, handle)
	case call.ReadOnly():
		return r.read(ctx, call)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, err := r.changing(ctx, call)
	r.seen.Lock()
	defer r.seen.Unlock()
	r.recall.written()
	return answer, err
}

// onGroups answers a call about security groups. Reads do not wait for writes.
func (r *region) onGroups(ctx context.Context, call identity.Call, handle operation) (*wire.Answer, error) {
	r.mu.Lock()
	if err := r.ready(ctx); err != nil {
		r.mu.Unlock()
		return nil, err
	}
	if call.ReadOnly() {
		r.mu.Unlock()
		return handle(r, ctx, call)
	}
	defer r.mu.Unlock()
	return handle(r, ctx, call)
}

// read lets moto answer and remembers the answer, or gives a remembered one when
// a stale one is requested.
func (r *region) read(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	key := call.Form.Encode()
	if call.Stale {
		r.seen.Lock()
		before, ok := r.recall.before(key)
		r.seen.Unlock()
		if ok {
			return before, nil
		}
	}
	answer, err := r.moto.Forward(ctx, call.Request, r.account)
	if err == nil && !call.Stale {
		r.seen.Lock()
		defer r.seen.Unlock()
		r.recall.note(key, answer)
	}
	return answer, err
}

func (r *region) as() moto.Account { return r.moto.As(r.account, r.place.region) }

// remembered is how many answers are kept for stale reads.
const remembered = 100

// recall is the answers to reads since the last write, and those before it.
type recall struct {
	now, old map[string]*wire.Answer
}

func (c *recall) note(key string, answer *wire.Answer) {
	if c.now == nil || len(c.now) >= remembered {
		c.now = map[string]*wire.Answer{}
	}
	c.now[key] = answer
}

// written makes what was current the past. What was not read since the write
// before is as true as it was then.
func (c *recall) written() {
	if c.old == nil || len(c.old) >= remembered {
		c.old = map[string]*wire.Answer{}
	}
	maps.Copy(c.old, c.now)
	c.now = nil
}

func (c *recall) before(key string) (*wire.Answer, bool) {
	answer, ok := c.old[key]
	return answer, ok
}
