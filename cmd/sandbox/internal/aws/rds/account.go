package rds

import (
	"context"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

type quota struct {
	AccountQuotaName string
	Used             int
	Max              int
}

// maxInstances is the account quota: what AWS grants large customers, since
// benchmarks go far beyond the 40 it starts with.
const maxInstances = 2000

func (r *region) describeAccountAttributes(_ context.Context, _ query) (any, error) {
	storage := 0
	for _, inst := range r.instances.All(versions.View{}) {
		storage += inst.AllocatedStorage
	}
	return struct {
		AccountQuotas []quota `xml:"AccountQuotas>AccountQuota"`
	}{[]quota{
		{"DBInstances", r.instances.Len(), maxInstances},
		{"AllocatedStorage", storage, 100_000},
		{"ManualSnapshots", r.snapshots.Len(), 100},
		{"DBParameterGroups", r.groups.Len(), maxParameterGroups},
		{"DBSubnetGroups", r.subnetGroups.Len(), maxSubnetGroups},
	}}, nil
}

// describeMaintenance is always empty: the servers of the sandbox are never patched.
func (*region) describeMaintenance(context.Context, query) (any, error) {
	return struct{ PendingMaintenanceActions struct{} }{}, nil
}
