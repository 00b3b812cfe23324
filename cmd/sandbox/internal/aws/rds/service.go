// Package rds models Amazon RDS for PostgreSQL: instances that take time to
// change, modifications that wait, snapshots, subnet and parameter groups, and,
// where requested, a real PostgreSQL server behind each instance.
package rds

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/service"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// Plane runs databases; *postgres.Plane is one.
type Plane interface {
	servers
	changes
	snapshots
}

// servers come and go.
type servers interface {
	Create(ctx context.Context, spec postgres.Spec) (netip.Addr, error)
	Reboot(ctx context.Context, id string) error
	Stop(ctx context.Context, id string) error
	Start(ctx context.Context, id string) error
	Delete(ctx context.Context, id string) error
	Address(id string) (netip.Addr, bool)
	Majors() []string
}

// changes are made to a server.
type changes interface {
	Configure(ctx context.Context, id string, settings postgres.Settings) error
	Move(ctx context.Context, id, host string, port int) error
	SetMasterPassword(ctx context.Context, id, password string) error
	Promote(ctx context.Context, id string) error
}

// snapshots hold a server's data.
type snapshots interface {
	Snapshot(ctx context.Context, id, snapshot string) error
	Restore(ctx context.Context, spec postgres.Spec, snapshot string) (netip.Addr, error)
	DeleteSnapshot(ctx context.Context, snapshot string) error
}

// Keys knows KMS keys.
type Keys interface {
	// Usable resolves a key ID, alias or ARN, "" for the account's default RDS key,
	// to the key's full ARN. ok is false when there is no such key or it cannot
	// encrypt.
	Usable(account, region, key string) (arn string, ok bool)
	// ARN resolves a key ID, alias or ARN to an ARN, whether or not there is such a key.
	ARN(account, region, key string) string
}

// Logs knows log groups.
type Logs interface {
	// Ensure creates a log group without key and without retention, unless there is one.
	Ensure(account, region, name string)
}

// Networks calls EC2 as an account in a region, with parameters given as name, value, name, value.
type Networks func(ctx context.Context, account, region, operation string, pairs ...string) (*etree.Element, error)

// Config is what the service is made of. Plane is nil when no instance is real.
type Config struct {
	Networks Networks
	Keys     Keys
	Logs     Logs
	Plane    Plane
	Settings *setting.Store
	Now      func() time.Time
	Log      *slog.Logger
}

// Service answers for RDS.
type Service struct {
	Config
	ctx  context.Context //nolint:containedctx // background changes end with the service, not with a call
	stop context.CancelFunc
	work sync.WaitGroup

	mu      sync.Mutex
	regions map[place]*region
}

type place struct{ account, region string }

// New returns the service; its background changes end with ctx.
func New(ctx context.Context, config Config) *Service {
	ctx, stop := context.WithCancel(ctx)
	return &Service{Config: config, ctx: ctx, stop: stop, regions: map[place]*region{}}
}

// Close ends every background change and waits for them.
func (s *Service) Close() {
	s.stop()
	s.work.Wait()
}

// Forget drops everything an account holds; what is under way for it stops and
// its servers are deleted.
func (s *Service) Forget(ctx context.Context, account string) error {
	s.mu.Lock()
	var dropped []*region
	for at, r := range s.regions {
		if at.account == account {
			dropped = append(dropped, r)
			delete(s.regions, at)
		}
	}
	s.mu.Unlock()
	var problems []error
	for _, r := range dropped {
		problems = append(problems, r.close(ctx))
	}
	return errors.Join(problems...)
}

func (r *region) close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	var problems []error
	for _, inst := range r.instances.All(versions.View{}) {
		if inst.real {
			problems = append(problems, r.remove(ctx, inst))
		}
	}
	for _, snapshot := range r.snapshots.All(versions.View{}) {
		if snapshot.real {
			problems = append(problems, r.Plane.DeleteSnapshot(ctx, planeSnapshot(snapshot)))
		}
	}
	return errors.Join(problems...)
}

// remove deletes an instance's server when nothing else is done to it.
func (r *region) remove(ctx context.Context, inst Instance) error {
	inst.plane.Lock()
	defer inst.plane.Unlock()
	return r.planeDelete(ctx, inst)
}

// UsesSecurityGroup reports whether an instance uses a security group.
func (s *Service) UsesSecurityGroup(account, name, group string) bool {
	return slices.ContainsFunc(s.region(account, name).instances.All(versions.View{}), func(i Instance) bool {
		return slices.ContainsFunc(i.VpcSecurityGroups, func(m GroupMembership) bool { return m.VpcSecurityGroupID == group })
	})
}

// operation answers one operation in a region.
type operation func(r *region, ctx context.Context, q query) (any, error)

// query is what was requested.
type query struct {
	wire.Form
	stale bool
}

// with is the query with one parameter set by the sandbox.
func (q query) with(name, value string) query {
	q.Form = q.With(name, value)
	return q
}

// view is how a read of one resource by name sees it.
func (q query) view() versions.View { return versions.View{Stale: q.stale} }

var operations = map[string]service.Operation[operation, *Service]{
	"AddTagsToResource":                  {Handle: (*region).addTags, Needs: needs},
	"CreateDBInstance":                   {Handle: (*region).createInstance, Needs: needs},
	"CreateDBParameterGroup":             {Handle: (*region).createParameterGroup, Needs: needs},
	"CreateDBSnapshot":                   {Handle: (*region).createSnapshot, Needs: needs},
	"CreateDBSubnetGroup":                {Handle: (*region).createSubnetGroup, Needs: needs},
	"DeleteDBInstance":                   {Handle: (*region).deleteInstance, Needs: needs},
	"DeleteDBParameterGroup":             {Handle: (*region).deleteParameterGroup, Needs: needs},
	"DeleteDBSnapshot":                   {Handle: (*region).deleteSnapshot, Needs: needs},
	"DeleteDBSubnetGroup":                {Handle: (*region).deleteSubnetGroup, Needs: needs},
	"DescribeAccountAttributes":          {Handle: (*region).describeAccountAttributes, Needs: needs},
	"DescribeCertificates":               {Handle: (*region).describeCertificates, Needs: needs},
	"DescribeDBEngineVersions":           {Handle: (*region).describeEngineVersions, Needs: needs},
	"DescribeDBInstances":                {Handle: (*region).describeInstances, Needs: needs},
	"DescribeDBParameterGroups":          {Handle: (*region).describeParameterGroups, Needs: needs},
	"DescribeDBParameters":               {Handle: (*region).describeParameters, Needs: needs},
	"DescribeDBSnapshotAttributes":       {Handle: (*region).describeSnapshotAttributes, Needs: needs},
	"DescribeDBSnapshots":                {Handle: (*region).describeSnapshots, Needs: needs},
	"DescribeDBSubnetGroups":             {Handle: (*region).describeSubnetGroups, Needs: needs},
	"DescribeEngineDefaultParameters":    {Handle: (*region).describeEngineDefaults, Needs: needs},
	"DescribeOrderableDBInstanceOptions": {Handle: (*region).describeOrderable, Needs: needs},
	"DescribePendingMaintenanceActions":  {Handle: (*region).describeMaintenance, Needs: needs},
	"ListTagsForResource":                {Handle: (*region).listTags, Needs: needs},
	"ModifyDBInstance":                   {Handle: (*region).modifyInstance, Needs: needs},
	"ModifyDBParameterGroup":             {Handle: (*region).modifyParameterGroup, Needs: needs},
	"ModifyDBSnapshotAttribute":          {Handle: (*region).modifySnapshotAttribute, Needs: needs},
	"ModifyDBSubnetGroup":                {Handle: (*region).modifySubnetGroup, Needs: needs},
	"RebootDBInstance":                   {Handle: (*region).rebootInstance, Needs: needs},
	"RemoveTagsFromResource":             {Handle: (*region).removeTags, Needs: needs},
	"ResetDBParameterGroup":              {Handle: (*region).resetParameterGroup, Needs: needs},
	"RestoreDBInstanceFromDBSnapshot":    {Handle: (*region).restoreFromSnapshot, Needs: needs},
	"StartDBInstance":                    {Handle: (*region).startInstance, Needs: needs},
	"StopDBInstance":                     {Handle: (*region).stopInstance, Needs: needs},
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	r := s.region(call.Caller.Account, call.Region)
	if !call.ReadOnly() {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	return operations[call.Operation].Handle(r, ctx, query{Form: call.Form, stale: call.Stale})
}

// region is RDS in one account and region. Operations that write hold mu.
type region struct {
	*Service
	place
	mu           sync.Mutex
	closed       bool // the account was reset: background changes stop
	instances    *versions.Store[Instance]
	snapshots    *versions.Store[Snapshot]
	groups       *versions.Store[ParameterGroup]
	subnetGroups *versions.Store[SubnetGroup]
}

func (s *Service) region(account, name string) *region {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := place{account, name}
	if known, ok := s.regions[at]; ok {
		return known
	}
	r := &region{
		Service: s, place: at,
		instances:    versions.New[Instance](s.Now),
		snapshots:    versions.New[Snapshot](s.Now),
		groups:       versions.New[ParameterGroup](s.Now),
		subnetGroups: versions.New[SubnetGroup](s.Now),
	}
	s.regions[at] = r
	return r
}

// listing is how a read of many resources sees them: a moment late.
func (r *region) listing(q query) versions.View {
	view := q.view()
	view.Lag = time.Duration(r.Settings.Of(r.account).Lag)
	return view
}

func (r *region) pace() time.Duration { return time.Duration(r.Settings.Of(r.account).Pace) }

func (r *region) arn(kind, name string) string {
	return "arn:aws:rds:" + r.place.region + ":" + r.account + ":" + kind + ":" + name
}

func (r *region) stamp() string { return r.Now().UTC().Format(stampLayout) }

const stampLayout = "2006-01-02T15:04:05.000Z"
