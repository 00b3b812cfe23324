package rds

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Instance is a DB instance as DescribeDBInstances shows it, and, in unexported
// fields, what AWS knows but does not show. It is a value: a change is a changed
// copy.
type Instance struct {
	DBInstanceIdentifier             string
	DBInstanceClass                  string
	Engine                           string
	DBInstanceStatus                 string
	MasterUsername                   string
	DBName                           string    `xml:",omitempty"`
	Endpoint                         *Endpoint `xml:",omitempty"`
	AllocatedStorage                 int
	InstanceCreateTime               string `xml:",omitempty"`
	PreferredBackupWindow            string
	BackupRetentionPeriod            int
	DBSecurityGroups                 struct{}
	VpcSecurityGroups                []GroupMembership     `xml:"VpcSecurityGroups>VpcSecurityGroupMembership"`
	DBParameterGroups                []ParameterMembership `xml:"DBParameterGroups>DBParameterGroup"`
	AvailabilityZone                 string                `xml:",omitempty"`
	SecondaryAvailabilityZone        string                `xml:",omitempty"`
	DBSubnetGroup                    SubnetGroup
	PreferredMaintenanceWindow       string
	PendingModifiedValues            Pending
	LatestRestorableTime             string `xml:",omitempty"`
	MultiAZ                          bool
	EngineVersion                    string
	AutoMinorVersionUpgrade          bool
	ReadReplicaDBInstanceIdentifiers struct{}
	LicenseModel                     string
	Iops                             int                `xml:",omitempty"`
	StorageThroughput                int                `xml:",omitempty"`
	OptionGroupMemberships           []optionMembership `xml:"OptionGroupMemberships>OptionGroupMembership"`
	PubliclyAccessible               bool
	StorageType                      string
	DBInstancePort                   int `xml:"DbInstancePort"` // always 0, as in AWS
	StorageEncrypted                 bool
	KMSKeyID                         string `xml:"KmsKeyId,omitempty"`
	ResourceID                       string `xml:"DbiResourceId"`
	CACertificateIdentifier          string
	CertificateDetails               *certificateDetails `xml:",omitempty"`
	DomainMemberships                struct{}
	CopyTagsToSnapshot               bool
	MonitoringInterval               int
	MonitoringRoleARN                string `xml:"MonitoringRoleArn,omitempty"`
	DBInstanceARN                    string `xml:"DBInstanceArn"`
	IAMDatabaseAuthenticationEnabled bool
	PerformanceInsightsEnabled       bool
	EnabledCloudwatchLogsExports     []string `xml:"EnabledCloudwatchLogsExports>member"`
	DeletionProtection               bool
	MaxAllocatedStorage              int   `xml:",omitempty"`
	TagList                          []Tag `xml:"TagList>Tag"`
	CustomerOwnedIPEnabled           bool  `xml:"CustomerOwnedIpEnabled"`
	ActivityStreamStatus             string
	BackupTarget                     string
	NetworkType                      string
	StorageVolumeStatus              string `xml:",omitempty"`
	DedicatedLogVolume               bool
	DatabaseInsightsMode             string

	// host and port are the endpoint, also while AWS does not show it.
	host string
	port int
	// turn counts the background changes started; a change whose turn is over stops.
	turn int
	// busy is true from the moment a background change was accepted until it ended.
	busy bool
	// gone makes the instance vanish at its next change.
	gone bool
	// optimized is when storage may be changed again.
	optimized time.Time
	// real reports whether a PostgreSQL server stands behind the instance.
	real bool
	// plane is held while something is done to that server.
	plane *sync.Mutex
	// parameters are the values set in the parameter group that are in effect.
	parameters map[string]string
	// password is what the master password is to become.
	password string
}

// Endpoint is where clients connect.
type Endpoint struct {
	Address      string
	Port         int
	HostedZoneID string `xml:"HostedZoneId"`
}

// GroupMembership is a security group in use.
type GroupMembership struct {
	VpcSecurityGroupID string `xml:"VpcSecurityGroupId"`
	Status             string
}

// ParameterMembership is the parameter group in use, and whether its values are.
type ParameterMembership struct {
	DBParameterGroupName string
	ParameterApplyStatus string
}

type optionMembership struct {
	OptionGroupName string
	Status          string
}

type certificateDetails struct {
	CAIdentifier string
	ValidTill    string
}

// Pending is what was requested and is not in effect yet; nil is nothing.
type Pending struct {
	DBInstanceClass                  *string `xml:",omitempty"`
	AllocatedStorage                 *int    `xml:",omitempty"`
	MasterUserPassword               *string `xml:",omitempty"` // always "****"
	Port                             *int    `xml:",omitempty"`
	BackupRetentionPeriod            *int    `xml:",omitempty"`
	MultiAZ                          *bool   `xml:",omitempty"`
	EngineVersion                    *string `xml:",omitempty"`
	Iops                             *int    `xml:",omitempty"`
	DBInstanceIdentifier             *string `xml:",omitempty"`
	StorageType                      *string `xml:",omitempty"`
	StorageThroughput                *int    `xml:",omitempty"`
	CACertificateIdentifier          *string `xml:",omitempty"`
	DBSubnetGroupName                *string `xml:",omitempty"`
	IAMDatabaseAuthenticationEnabled *bool   `xml:",omitempty"`
	PendingCloudwatchLogsExports     *logs   `xml:",omitempty"`

	// parameterGroup is taken with a new major version.
	parameterGroup string
}

type logs struct {
	Enable  []string `xml:"LogTypesToEnable>member"`
	Disable []string `xml:"LogTypesToDisable>member"`
}

func (p Pending) empty() bool { return p == Pending{} }

// Tag is a tag.
type Tag struct {
	Key   string
	Value string
}

// Snapshot is a DB snapshot.
type Snapshot struct {
	DBSnapshotIdentifier             string
	DBInstanceIdentifier             string
	SnapshotCreateTime               string `xml:",omitempty"`
	OriginalSnapshotCreateTime       string `xml:",omitempty"`
	Engine                           string
	AllocatedStorage                 int
	Status                           string
	Port                             int
	AvailabilityZone                 string `xml:",omitempty"`
	VpcID                            string `xml:"VpcId,omitempty"`
	InstanceCreateTime               string `xml:",omitempty"`
	MasterUsername                   string
	EngineVersion                    string
	LicenseModel                     string
	SnapshotType                     string
	Iops                             int `xml:",omitempty"`
	OptionGroupName                  string
	PercentProgress                  int
	StorageType                      string
	StorageThroughput                int `xml:",omitempty"`
	Encrypted                        bool
	KMSKeyID                         string `xml:"KmsKeyId,omitempty"`
	DBSnapshotARN                    string `xml:"DBSnapshotArn"`
	SourceDBSnapshotIdentifier       string `xml:",omitempty"`
	SourceRegion                     string `xml:",omitempty"`
	IAMDatabaseAuthenticationEnabled bool
	ProcessorFeatures                struct{}
	ResourceID                       string `xml:"DbiResourceId"`
	TagList                          []Tag  `xml:"TagList>Tag"`
	SnapshotTarget                   string

	name       string // database name, which AWS does not show
	real       bool   // there is data behind it
	shared     []string
	parameters map[string]string
}

// SubnetGroup is a DB subnet group.
type SubnetGroup struct {
	DBSubnetGroupName        string
	DBSubnetGroupDescription string
	VpcID                    string `xml:"VpcId"`
	SubnetGroupStatus        string
	Subnets                  []Subnet `xml:"Subnets>Subnet"`
	DBSubnetGroupARN         string   `xml:"DBSubnetGroupArn"`
	SupportedNetworkTypes    []string `xml:"SupportedNetworkTypes>member"`

	tags []Tag
}

// Subnet is one of its subnets.
type Subnet struct {
	SubnetIdentifier       string
	SubnetAvailabilityZone zone
	SubnetOutpost          struct{}
	SubnetStatus           string
}

type zone struct{ Name string }

// zones are the availability zones covered, sorted.
func (g SubnetGroup) zones() []string {
	names := map[string]bool{}
	for _, subnet := range g.Subnets {
		names[subnet.SubnetAvailabilityZone.Name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// ParameterGroup is a DB parameter group.
type ParameterGroup struct {
	DBParameterGroupName   string
	DBParameterGroupFamily string
	Description            string
	DBParameterGroupARN    string `xml:"DBParameterGroupArn"`

	values map[string]parameterValue
	tags   []Tag
}

type parameterValue struct{ value, method string }

// major is the version that the group is for.
func (g ParameterGroup) major() string {
	return strings.TrimPrefix(g.DBParameterGroupFamily, "postgres")
}

// with is a copy with one more value.
func (g ParameterGroup) with(name string, value parameterValue) ParameterGroup {
	g.values = maps.Clone(g.values)
	if g.values == nil {
		g.values = map[string]parameterValue{}
	}
	g.values[name] = value
	return g
}

// effective are the values set in the group.
func (g ParameterGroup) effective() map[string]string {
	values := make(map[string]string, len(g.values))
	for name, v := range g.values {
		values[name] = v.value
	}
	return values
}
