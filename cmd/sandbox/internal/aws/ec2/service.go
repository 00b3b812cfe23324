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
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
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

// Forget drops everything an account holds.
func (s *Service) Forget(ctx context.Context, account string) error {
	if err := s.moto.Reset(ctx, account); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.regions, func(at place, _ *region) bool { return at.account == account })
	return nil
}

// operation answers one operation in a region.
type operation func(*region, context.Context, identity.Call) (*wire.Answer, error)

var operations = map[string]service.Operation[operation, *Service]{
	"AssociateRouteTable":                        {Handle: (*region).write, Needs: changing},
	"AttachInternetGateway":                      {Handle: (*region).write, Needs: changing},
	"AttachNetworkInterface":                     {Handle: (*region).write, Needs: changing},
	"AuthorizeSecurityGroupEgress":               {Handle: onGroups((*region).authorize), Needs: changing},
	"AuthorizeSecurityGroupIngress":              {Handle: onGroups((*region).authorize), Needs: changing},
	"CreateInternetGateway":                      {Handle: (*region).write, Needs: changing},
	"CreateManagedPrefixList":                    {Handle: (*region).write, Needs: changing},
	"CreateNetworkInterface":                     {Handle: (*region).write, Needs: changing},
	"CreateRoute":                                {Handle: (*region).write, Needs: changing},
	"CreateRouteTable":                           {Handle: (*region).write, Needs: changing},
	"CreateSecurityGroup":                        {Handle: onGroups((*region).createGroup), Needs: creatingGroup},
	"CreateSubnet":                               {Handle: (*region).write, Needs: changing},
	"CreateTags":                                 {Handle: (*region).write, Needs: changing},
	"CreateVpc":                                  {Handle: (*region).write, Needs: changing},
	"DeleteNetworkInterface":                     {Handle: (*region).write, Needs: changing},
	"DeleteRoute":                                {Handle: (*region).write, Needs: changing},
	"DeleteSecurityGroup":                        {Handle: onGroups((*region).deleteGroup), Needs: changing},
	"DeleteSubnet":                               {Handle: (*region).write, Needs: changing},
	"DeleteTags":                                 {Handle: (*region).write, Needs: changing},
	"DeleteVpc":                                  {Handle: (*region).write, Needs: changing},
	"DescribeAvailabilityZones":                  {Handle: (*region).read, Needs: describing},
	"DescribeImages":                             {Handle: (*region).read, Needs: describing},
	"DescribeInstances":                          {Handle: (*region).read, Needs: describing},
	"DescribeInternetGateways":                   {Handle: (*region).read, Needs: describing},
	"DescribeManagedPrefixLists":                 {Handle: (*region).read, Needs: describing},
	"DescribeNetworkAcls":                        {Handle: (*region).read, Needs: describing},
	"DescribeNetworkInterfaces":                  {Handle: (*region).read, Needs: describing},
	"DescribeRouteTables":                        {Handle: (*region).read, Needs: describing},
	"DescribeSecurityGroupRules":                 {Handle: onGroups((*region).describeRules), Needs: describing},
	"DescribeSecurityGroups":                     {Handle: onGroups((*region).describeGroups), Needs: describing},
	"DescribeSubnets":                            {Handle: (*region).read, Needs: describing},
	"DescribeTags":                               {Handle: (*region).read, Needs: describing},
	"DescribeVpcs":                               {Handle: (*region).read, Needs: describing},
	"DetachNetworkInterface":                     {Handle: (*region).write, Needs: changing},
	"DisassociateRouteTable":                     {Handle: (*region).write, Needs: changing},
	"ModifySecurityGroupRules":                   {Handle: onGroups((*region).changing), Needs: changing},
	"ReplaceRoute":                               {Handle: (*region).write, Needs: changing},
	"ReplaceRouteTableAssociation":               {Handle: (*region).write, Needs: changing},
	"RevokeSecurityGroupEgress":                  {Handle: onGroups((*region).revoke), Needs: changing},
	"RevokeSecurityGroupIngress":                 {Handle: onGroups((*region).revoke), Needs: changing},
	"RunInstances":                               {Handle: (*region).write, Needs: changing},
	"TerminateInstances":                         {Handle: (*region).write, Needs: changing},
	"UpdateSecurityGroupRuleDescriptionsEgress":  {Handle: onGroups((*region).changing), Needs: changing},
	"UpdateSecurityGroupRuleDescriptionsIngress": {Handle: onGroups((*region).changing), Needs: changing},
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	r := s.region(call.Caller.Account, call.Region)
	if call.Form.Bool("DryRun", false) {
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	return operations[call.Operation].Handle(r, ctx, call)
}

// onGroups makes an operation of one that needs the mirror of security groups. Reads do not wait for writes.
func onGroups(handle operation) operation {
	return func(r *region, ctx context.Context, call identity.Call) (*wire.Answer, error) {
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
}

// write lets moto answer; what was read before is the past then.
func (r *region) write(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	answer, err := r.changing(ctx, call)
	r.seen.Lock()
	defer r.seen.Unlock()
	r.recall.written()
	return answer, err
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
