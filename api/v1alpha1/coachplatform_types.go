package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DeletionPolicy says what happens to a tenant's data when its platform object is deleted.
// +kubebuilder:validation:Enum=Retain
type DeletionPolicy string

// DeletionRetain releases everything and deletes nothing.
const DeletionRetain DeletionPolicy = "Retain"

// ManagementPolicy says how much the operator may do.
// +kubebuilder:validation:Enum=Full;Observe
type ManagementPolicy string

// Management policies.
const (
	// ManagementFull creates and repairs.
	ManagementFull ManagementPolicy = "Full"
	// ManagementObserve only observes and reports.
	ManagementObserve ManagementPolicy = "Observe"
)

// ChangePolicy says when changes that interrupt the tenant are made.
// +kubebuilder:validation:Enum=Approve
type ChangePolicy string

// ChangeApprove holds them until their hash is approved.
const ChangeApprove ChangePolicy = "Approve"

// Encryption is the tenant's own key.
type Encryption struct {
	// RotationDays is the age, in days, at which KMS rotates the key material.
	// https://docs.aws.amazon.com/kms/latest/developerguide/rotate-keys.html
	// +optional
	// +default=365
	// +kubebuilder:validation:Minimum=90
	// +kubebuilder:validation:Maximum=2560
	RotationDays int32 `json:"rotationDays,omitempty"`
}

// Storage of the database (gp3).
// +kubebuilder:validation:XValidation:rule="!has(self.maxSizeGiB) || self.maxSizeGiB * 10 >= self.sizeGiB * 11",message="maxSizeGiB must be at least 10 % above sizeGiB, as RDS asks; leave it out for no growth"
type Storage struct {
	// SizeGiB is the allocated storage in GiB. It can grow and cannot shrink below what the database has.
	// +optional
	// +default=20
	// +kubebuilder:validation:Minimum=20
	// +kubebuilder:validation:Maximum=65536
	SizeGiB int32 `json:"sizeGiB,omitempty"`
	// MaxSizeGiB lets RDS grow the storage by itself up to this size, in GiB: at least 10 % above sizeGiB.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_PIOPS.Autoscaling.html
	// +optional
	// +kubebuilder:validation:Minimum=22
	// +kubebuilder:validation:Maximum=65536
	MaxSizeGiB int32 `json:"maxSizeGiB,omitempty"`
}

// DatabaseTLS is how clients must connect.
type DatabaseTLS struct {
	// Required is always true: a connection without TLS is refused by the server.
	// +optional
	// +default=true
	// +kubebuilder:validation:XValidation:rule="self",message="tls.required cannot be false: personal data travels over TLS only; leave the field out"
	Required *bool `json:"required,omitempty"`
	// MinVersion is the least TLS version that the server speaks.
	// +optional
	// +default="TLSv1.2"
	// +kubebuilder:validation:Enum=TLSv1.2;TLSv1.3
	MinVersion string `json:"minVersion,omitempty"`
}

// Backup of the database.
type Backup struct {
	// RetentionDays is how long automated backups are kept, in days. Zero, which would disable them, is not allowed.
	// +optional
	// +default=14
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=35
	RetentionDays int32 `json:"retentionDays,omitempty"`
	// Window is the daily time of backups, UTC, at least 30 minutes, such as 02:00-03:00.
	// +optional
	// +default="02:00-03:00"
	// +kubebuilder:validation:MaxLength=11
	// +kubebuilder:validation:Pattern=`^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$`
	// +kubebuilder:validation:XValidation:rule="!self.matches('^([0-9]{2}[:-]){3}[0-9]{2}$') || (int(self.substring(6, 8)) * 60 + int(self.substring(9)) - int(self.substring(0, 2)) * 60 - int(self.substring(3, 5)) + 1440) % 1440 >= 30",message="a backup window is at least 30 minutes long, such as 02:00-03:00"
	Window string `json:"window,omitempty"`
}

// AllowFrom is who may open a connection to the database. Nobody else can.
type AllowFrom struct {
	// CIDRs are IPv4 ranges, no wider than the class allows.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=18
	// +kubebuilder:validation:items:XValidation:rule="isCIDR(self) && cidr(self).ip().family() == 4 && cidr(self).masked() == cidr(self)",message="not an IPv4 range in CIDR form with its host bits zero, such as 203.0.113.0/28 or 203.0.113.7/32"
	// +kubebuilder:validation:items:XValidation:rule="!self.endsWith('/0')",message="a range that is the whole internet is never allowed; name the addresses that need access"
	CIDRs []string `json:"cidrs,omitempty"`
	// SecurityGroupIDs whose members may connect: in the class's accepted list, or tagged as this tenant's.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^sg-[0-9a-f]{8,17}$`
	SecurityGroupIDs []string `json:"securityGroupIDs,omitempty"`
	// InstanceIDs of EC2 instances that may connect, from their present private addresses: in the
	// class's accepted list, or tagged as this tenant's.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=10
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^i-[0-9a-f]{8,17}$`
	InstanceIDs []string `json:"instanceIDs,omitempty"`
}

// RoleAccess is what a login may do in the database.
// +kubebuilder:validation:Enum=ReadWrite;ReadOnly
type RoleAccess string

// Accesses.
const (
	// AccessReadWrite reads and writes, and makes and changes tables; all that it makes belongs to the
	// platform's one owner role, so that every other login can use it.
	AccessReadWrite RoleAccess = "ReadWrite"
	// AccessReadOnly reads.
	AccessReadOnly RoleAccess = "ReadOnly"
)

// DatabaseRole is one more login of the database, besides coach_app (ReadWrite) and coach_reader
// (ReadOnly), which every platform has. Its credentials are in the Secret <platform>-database-<name>,
// with hyphens for underscores.
type DatabaseRole struct {
	// Name of the login: lower-case letters, digits and underscores, such as reporting.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^[a-z]([a-z0-9_]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="!self.matches('^(pg_|rds|coach_)')",message="names that begin with pg_ (PostgreSQL), rds (RDS) or coach_ (the operator) are reserved; choose another, such as reporting"
	// +kubebuilder:validation:XValidation:rule="!(self in ['admin', 'app', 'current_role', 'current_user', 'none', 'postgres', 'public', 'reader', 'session_user', 'user'])",message="this name is reserved by PostgreSQL or the operator; choose another, such as reporting"
	Name string `json:"name,omitempty"`
	// Access is what the login may do.
	// +required
	Access RoleAccess `json:"access,omitempty"`
	// ConnectionLimit is how many sessions the login may have at a time; the default is the database's own limit.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=5000
	ConnectionLimit int32 `json:"connectionLimit,omitempty"`
	// IAM makes the login one of IAM principals: it has no password, and a token of rds-db:connect logs in.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
	// +optional
	IAM bool `json:"iam,omitempty"`
}

// Database is the tenant's RDS PostgreSQL instance.
// +kubebuilder:validation:XValidation:rule="!has(self.roles) || !self.roles.exists(r, has(r.iam) && r.iam) || self.iamAuthentication",message="roles: a login with iam: true needs iamAuthentication, which is false; leave iamAuthentication out, or iam"
type Database struct {
	// EngineVersion is a floor within its major: "16" takes the newest 16, "16.4" that or newer. The major
	// can change only to the one that the database runs, once AWS has upgraded it at its end of support.
	// +optional
	// +default="16"
	// +kubebuilder:validation:MaxLength=5
	// +kubebuilder:validation:Pattern=`^(14|15|16|17|18)(\.[0-9]{1,2})?$`
	EngineVersion string `json:"engineVersion,omitempty"`
	// InstanceClass is the size of the machine, one that the class allows.
	// +optional
	// +default="db.t4g.medium"
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^db\.[a-z0-9]+\.[a-z0-9]+$`
	InstanceClass string `json:"instanceClass,omitempty"`
	// Storage of the database.
	// +optional
	// +default={}
	Storage Storage `json:"storage,omitzero"`
	// MultiAZ keeps a standby in a second Availability Zone.
	// +optional
	// +default=true
	MultiAZ *bool `json:"multiAZ,omitempty"`
	// Encrypted is always true: storage and snapshots are encrypted with the tenant's key.
	// +optional
	// +default=true
	// +kubebuilder:validation:XValidation:rule="self",message="encrypted cannot be false: personal data is stored encrypted only; leave the field out"
	Encrypted *bool `json:"encrypted,omitempty"`
	// PubliclyAccessible is always false.
	// +optional
	// +default=false
	// +kubebuilder:validation:XValidation:rule="!self",message="publiclyAccessible cannot be true: the database has no public address; use allowFrom to admit private ones"
	PubliclyAccessible *bool `json:"publiclyAccessible,omitempty"`
	// DeletionProtection makes AWS refuse to delete the instance.
	// +optional
	// +default=true
	DeletionProtection *bool `json:"deletionProtection,omitempty"`
	// IAMAuthentication lets IAM principals log in as database roles that are granted rds_iam.
	// +optional
	// +default=true
	IAMAuthentication *bool `json:"iamAuthentication,omitempty"`
	// Port of the database; not the default 5432 (FSBP RDS.23). It cannot change.
	// +optional
	// +default=5433
	// +kubebuilder:validation:Minimum=1150
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:validation:XValidation:rule="self != 5432",message="5432 is the port every scanner tries first (FSBP RDS.23); choose another, such as 5433"
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="database.port cannot be changed: clients and firewall would be cut off; make a new platform"
	Port int32 `json:"port,omitempty"`
	// TLS is how clients must connect.
	// +optional
	// +default={}
	TLS DatabaseTLS `json:"tls,omitzero"`
	// Backup of the database.
	// +optional
	// +default={}
	Backup Backup `json:"backup,omitzero"`
	// MaintenanceWindow is the weekly time for AWS's own maintenance, UTC, at least 30 minutes, outside
	// the backup window, such as sun:04:00-sun:05:00.
	// +optional
	// +default="sun:04:00-sun:05:00"
	// +kubebuilder:validation:MaxLength=19
	// +kubebuilder:validation:Pattern=`^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$`
	MaintenanceWindow string `json:"maintenanceWindow,omitempty"`
	// AllowFrom is who may connect, besides the class's own workload security groups.
	// +optional
	// +default={}
	AllowFrom AllowFrom `json:"allowFrom,omitzero"`
	// Roles are further logins.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=20
	Roles []DatabaseRole `json:"roles,omitempty"`
}

// CoachPlatformSpec is what a tenant requests.
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.stripe) || has(self.stripe)",message="stripe cannot be taken away once it is there, since coaches' accounts depend on it; make a new platform"
type CoachPlatformSpec struct {
	// ClassName is the PlatformClass to use. It cannot change.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([a-z0-9-]*[a-z0-9])?$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="className cannot change, since databases do not move between accounts; make a new platform"
	ClassName string `json:"className,omitempty"`
	// DisplayName is the business's name for people.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	DisplayName string `json:"displayName,omitempty"`
	// DeletionPolicy says what happens to the data when this object is deleted.
	// +optional
	// +default="Retain"
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
	// ManagementPolicy says how much the operator may do: Observe never writes to AWS.
	// +optional
	// +default="Full"
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`
	// ChangePolicy says when changes that interrupt the tenant are made.
	// +optional
	// +default="Approve"
	ChangePolicy ChangePolicy `json:"changePolicy,omitempty"`
	// Encryption is the tenant's own key.
	// +optional
	// +default={}
	Encryption Encryption `json:"encryption,omitzero"`
	// Database is the tenant's database.
	// +optional
	// +default={}
	Database Database `json:"database,omitzero"`
	// Stripe is the business's own Stripe account; without it, the platform has no payouts.
	// +optional
	Stripe PlatformStripe `json:"stripe,omitzero"`
}

// CoachPlatform is one tenant's environment.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=cp,categories=coach
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="metadata.name: at most 40 characters, since names of AWS resources are made from it"
// +kubebuilder:validation:XValidation:rule="self.spec.database.engineVersion.split('.')[0] == oldSelf.spec.database.engineVersion.split('.')[0] || !has(self.status) || !has(self.status.database) || !has(self.status.database.resourceID) || has(self.status.database.engineVersion) && self.spec.database.engineVersion.split('.')[0] == self.status.database.engineVersion.split('.')[0]",message="the major version cannot change in place, but to the one that the database runs; set it back, or move the data to a new platform",fieldPath=".spec.database.engineVersion"
// +kubebuilder:validation:XValidation:rule="self.spec.database.storage.sizeGiB >= oldSelf.spec.database.storage.sizeGiB || !has(self.status) || !has(self.status.database) || !has(self.status.database.resourceID) || has(self.status.database.allocatedGiB) && self.spec.database.storage.sizeGiB >= self.status.database.allocatedGiB",message="storage cannot shrink on RDS below what the database has (status.database.allocatedGiB); set sizeGiB back, or move the data to a new platform",fieldPath=".spec.database.storage.sizeGiB"
// +kubebuilder:printcolumn:name="READY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="DATABASE",type=string,JSONPath=`.status.database.state`
// +kubebuilder:printcolumn:name="SECURITY",type=string,JSONPath=`.status.security.summary`
// +kubebuilder:printcolumn:name="DRIFT",type=string,JSONPath=`.status.drift`
// +kubebuilder:printcolumn:name="ENDPOINT",type=string,JSONPath=`.status.database.endpoint`
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="REASON",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="CLASS",type=string,JSONPath=`.spec.className`,priority=1
// +kubebuilder:printcolumn:name="VERSION",type=string,JSONPath=`.status.database.engineVersion`,priority=1
// +kubebuilder:printcolumn:name="PLAN",type=string,JSONPath=`.status.planSummary`,priority=1
type CoachPlatform struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// Spec is what the tenant requests.
	// +required
	Spec CoachPlatformSpec `json:"spec,omitzero"`
	// Status is the last observation. Its generation is -1 until there was one, so that whoever waits for the object by
	// kstatus does not take a new one for done (https://pkg.go.dev/sigs.k8s.io/cli-utils/pkg/kstatus).
	// +optional
	// +default={"observedGeneration": -1}
	Status CoachPlatformStatus `json:"status,omitzero"`
}

// CoachPlatformList is a list of platforms.
// +kubebuilder:object:root=true
type CoachPlatformList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []CoachPlatform `json:"items"`
}

// GetConditions returns the conditions.
func (p *CoachPlatform) GetConditions() *[]metav1.Condition { return &p.Status.Conditions }
