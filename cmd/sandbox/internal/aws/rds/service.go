// Package rds models Amazon RDS for PostgreSQL: instances that take time to
// change, modifications that wait, snapshots, subnet and parameter groups, and,
// where requested, a real PostgreSQL server behind each instance.
package rds

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
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
}

// Config is what the service is made of. Plane is nil when no instance is real.
type Config struct {
	Moto     *moto.Server
	Keys     Keys
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

// Tagged is every tagged resource of an account and region: tags by ARN.
func (s *Service) Tagged(account, name string, view versions.View) map[string][]Tag {
	r := s.region(account, name)
	tagged := map[string][]Tag{}
	for _, inst := range r.instances.All(view) {
		tagged[inst.DBInstanceARN] = inst.TagList
	}
	for _, snapshot := range r.snapshots.All(view) {
		tagged[snapshot.DBSnapshotARN] = snapshot.TagList
	}
	for _, group := range r.subnetGroups.All(view) {
		tagged[group.DBSubnetGroupARN] = group.tags
	}
	for _, group := range r.groups.All(view) {
		tagged[group.DBParameterGroupARN] = group.tags
	}
	return tagged
}

// UsesSecurityGroup reports whether an instance uses a security group.
func (s *Service) UsesSecurityGroup(account, name, group string) bool {
	return slices.ContainsFunc(s.region(account, name).instances.All(versions.View{}), func(i Instance) bool {
		return slices.ContainsFunc(i.VpcSecurityGroups, func(m GroupMembership) bool { return m.VpcSecurityGroupID == group })
	})
}

// TagsOf is the tags of the resource an ARN names, nil when there is none.
func (s *Service) TagsOf(account, name, arn string) map[string]string {
	tags, err := s.region(account, name).tagsOf(arn, versions.View{})
	if err != nil {
		return nil
	}
	found := make(map[string]string, len(tags))
	for _, t := range tags {
		found[t.Key] = t.Value
	}
	return found
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

var operations = map[string]operation{
	"AddTagsToResource":                  (*region).addTags,
	"CreateDBInstance":                   (*region).createInstance,
	"CreateDBParameterGroup":             (*region).createParameterGroup,
	"CreateDBSnapshot":                   (*region).createSnapshot,
	"CreateDBSubnetGroup":                (*region).createSubnetGroup,
	"DeleteDBInstance":                   (*region).deleteInstance,
	"DeleteDBParameterGroup":             (*region).deleteParameterGroup,
	"DeleteDBSnapshot":                   (*region).deleteSnapshot,
	"DeleteDBSubnetGroup":                (*region).deleteSubnetGroup,
	"DescribeAccountAttributes":          (*region).describeAccountAttributes,
	"DescribeCertificates":               (*region).describeCertificates,
	"DescribeDBEngineVersions":           (*region).describeEngineVersions,
	"DescribeDBInstances":                (*region).describeInstances,
	"DescribeDBParameterGroups":          (*region).describeParameterGroups,
	"DescribeDBParameters":               (*region).describeParameters,
	"DescribeDBSnapshotAttributes":       (*region).describeSnapshotAttributes,
	"DescribeDBSnapshots":                (*region).describeSnapshots,
	"DescribeDBSubnetGroups":             (*region).describeSubnetGroups,
	"DescribeEngineDefaultParameters":    (*region).describeEngineDefaults,
	"DescribeOrderableDBInstanceOptions": (*region).describeOrderable,
	"DescribePendingMaintenanceActions":  (*region).describeMaintenance,
	"ListTagsForResource":                (*region).listTags,
	"ModifyDBInstance":                   (*region).modifyInstance,
	"ModifyDBParameterGroup":             (*region).modifyParameterGroup,
	"ModifyDBSnapshotAttribute":          (*region).modifySnapshotAttribute,
	"ModifyDBSubnetGroup":                (*region).modifySubnetGroup,
	"RebootDBInstance":                   (*region).rebootInstance,
	"RemoveTagsFromResource":             (*region).removeTags,
	"ResetDBParameterGroup":              (*region).resetParameterGroup,
	"RestoreDBInstanceFromDBSnapshot":    (*region).restoreFromSnapshot,
	"StartDBInstance":                    (*region).startInstance,
	"StopDBInstance":                     (*region).stopInstance,
}

// Serve answers one call.
func (s *Service) Serve(ctx context.Context, call identity.Call) (any, error) {
	handle, ok := operations[call.Operation]
	if !ok {
		return nil, wire.Errorf(http.StatusNotImplemented, "NotImplemented", "the sandbox does not do rds:%s", call.Operation)
	}
	r := s.region(call.Caller.Account, call.Region)
	if !call.ReadOnly() {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	return handle(r, ctx, query{Form: call.Form, stale: call.Stale})
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
