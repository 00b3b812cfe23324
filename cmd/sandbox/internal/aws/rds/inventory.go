package rds

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// InstanceEntry is an instance.
type InstanceEntry struct {
	Name                string            `json:"name"`
	ARN                 string            `json:"arn"`
	ResourceID          string            `json:"resourceID"`
	Status              string            `json:"status"`
	Class               string            `json:"class"`
	EngineVersion       string            `json:"engineVersion"`
	Storage             int               `json:"storage"`
	StorageType         string            `json:"storageType"`
	MaxStorage          int               `json:"maxStorage"`
	MultiAZ             bool              `json:"multiAZ"`
	Encrypted           bool              `json:"encrypted"`
	KeyARN              string            `json:"keyARN"`
	Public              bool              `json:"public"`
	DeletionProtection  bool              `json:"deletionProtection"`
	IAMAuthentication   bool              `json:"iamAuthentication"`
	AutoMinorUpgrade    bool              `json:"autoMinorUpgrade"`
	CopyTagsToSnapshot  bool              `json:"copyTagsToSnapshot"`
	Endpoint            string            `json:"endpoint"`
	Port                int               `json:"port"`
	MasterUser          string            `json:"masterUser"`
	Database            string            `json:"database"`
	BackupRetentionDays int               `json:"backupRetentionDays"`
	BackupWindow        string            `json:"backupWindow"`
	MaintenanceWindow   string            `json:"maintenanceWindow"`
	Certificate         string            `json:"certificate"`
	ParameterGroup      string            `json:"parameterGroup"`
	ParameterStatus     string            `json:"parameterStatus"`
	SubnetGroup         string            `json:"subnetGroup"`
	SecurityGroups      []string          `json:"securityGroups"`
	LogExports          []string          `json:"logExports"`
	Pending             bool              `json:"pending"` // a modification waits
	Real                bool              `json:"real"`    // a PostgreSQL server stands behind it
	Tags                map[string]string `json:"tags"`
}

// SnapshotEntry is a snapshot.
type SnapshotEntry struct {
	Name       string            `json:"name"`
	ARN        string            `json:"arn"`
	Instance   string            `json:"instance"`
	ResourceID string            `json:"resourceID"`
	Status     string            `json:"status"`
	Encrypted  bool              `json:"encrypted"`
	KeyARN     string            `json:"keyARN"`
	SharedWith []string          `json:"sharedWith"`
	Tags       map[string]string `json:"tags"`
}

// SubnetGroupEntry is a DB subnet group.
type SubnetGroupEntry struct {
	Name    string            `json:"name"`
	ARN     string            `json:"arn"`
	VPC     string            `json:"vpc"`
	Subnets []string          `json:"subnets"`
	Tags    map[string]string `json:"tags"`
}

// ParameterGroupEntry is a DB parameter group with the values set in it.
type ParameterGroupEntry struct {
	Name   string            `json:"name"`
	ARN    string            `json:"arn"`
	Family string            `json:"family"`
	Values map[string]string `json:"values"`
	Tags   map[string]string `json:"tags"`
}

// Inventory lists an account and region as it is now, without the times at which
// it came about, so that two worlds can be compared.
func (s *Service) Inventory(_ context.Context, account, name string) (map[string]any, error) {
	r := s.region(account, name)
	instances, snapshots := []InstanceEntry{}, []SnapshotEntry{}
	subnetGroups, parameterGroups := []SubnetGroupEntry{}, []ParameterGroupEntry{}
	for _, inst := range r.instances.All(versions.View{}) {
		instances = append(instances, inst.entry())
	}
	for _, sn := range r.snapshots.All(versions.View{}) {
		snapshots = append(snapshots, SnapshotEntry{
			Name: sn.DBSnapshotIdentifier, ARN: sn.DBSnapshotARN, Instance: sn.DBInstanceIdentifier, ResourceID: sn.ResourceID,
			Status: sn.Status, Encrypted: sn.Encrypted, KeyARN: sn.KMSKeyID, SharedWith: sorted(sn.shared), Tags: tagMap(sn.TagList),
		})
	}
	for _, group := range r.subnetGroups.All(versions.View{}) {
		entry := SubnetGroupEntry{Name: group.DBSubnetGroupName, ARN: group.DBSubnetGroupARN, VPC: group.VpcID, Tags: tagMap(group.tags)}
		for _, subnet := range group.Subnets {
			entry.Subnets = append(entry.Subnets, subnet.SubnetIdentifier)
		}
		entry.Subnets = sorted(entry.Subnets)
		subnetGroups = append(subnetGroups, entry)
	}
	for _, group := range r.groups.All(versions.View{}) {
		parameterGroups = append(parameterGroups, ParameterGroupEntry{
			Name: group.DBParameterGroupName, ARN: group.DBParameterGroupARN, Family: group.DBParameterGroupFamily,
			Values: group.effective(), Tags: tagMap(group.tags),
		})
	}
	return map[string]any{
		"instances": instances, "snapshots": snapshots, "subnetGroups": subnetGroups, "parameterGroups": parameterGroups,
	}, nil
}

// Statuses is what an instance's status was, oldest first, in the last minutes.
func (s *Service) Statuses(account, name, instance string) []string {
	statuses := []string{}
	for _, inst := range s.region(account, name).instances.History(strings.ToLower(instance)) {
		if len(statuses) == 0 || statuses[len(statuses)-1] != inst.DBInstanceStatus {
			statuses = append(statuses, inst.DBInstanceStatus)
		}
	}
	return statuses
}

func (i Instance) entry() InstanceEntry {
	entry := InstanceEntry{
		Name: i.DBInstanceIdentifier, ARN: i.DBInstanceARN, ResourceID: i.ResourceID, Status: i.DBInstanceStatus,
		Class: i.DBInstanceClass, EngineVersion: i.EngineVersion, Storage: i.AllocatedStorage, StorageType: i.StorageType,
		MaxStorage: i.MaxAllocatedStorage, MultiAZ: i.MultiAZ, Encrypted: i.StorageEncrypted, KeyARN: i.KMSKeyID,
		Public: i.PubliclyAccessible, DeletionProtection: i.DeletionProtection, IAMAuthentication: i.IAMDatabaseAuthenticationEnabled,
		AutoMinorUpgrade: i.AutoMinorVersionUpgrade, CopyTagsToSnapshot: i.CopyTagsToSnapshot, Port: i.port,
		MasterUser: i.MasterUsername, Database: i.DBName, BackupRetentionDays: i.BackupRetentionPeriod,
		BackupWindow: i.PreferredBackupWindow, MaintenanceWindow: i.PreferredMaintenanceWindow,
		Certificate: i.CACertificateIdentifier, ParameterGroup: i.parameterGroup(), ParameterStatus: i.parameterStatus(),
		SubnetGroup: i.DBSubnetGroup.DBSubnetGroupName, LogExports: sorted(i.EnabledCloudwatchLogsExports),
		SecurityGroups: []string{}, Pending: !i.PendingModifiedValues.empty(), Real: i.real, Tags: tagMap(i.TagList),
	}
	if i.Endpoint != nil {
		entry.Endpoint = i.Endpoint.Address
	}
	for _, group := range i.VpcSecurityGroups {
		entry.SecurityGroups = append(entry.SecurityGroups, group.VpcSecurityGroupID)
	}
	return entry
}

func sorted(list []string) []string {
	if list == nil {
		return []string{}
	}
	return slices.Sorted(slices.Values(list))
}

func tagMap(tags []Tag) map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for _, t := range tags {
			if !yield(t.Key, t.Value) {
				return
			}
		}
	})
}
