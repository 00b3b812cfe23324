package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Tag is a tag of an AWS resource.
type Tag struct {
	// Key of the tag.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	Key string `json:"key,omitempty"`
	// Value of the tag.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	Value string `json:"value,omitempty"`
}

// Selector names AWS resources by ID, or by tags that they all carry.
// +kubebuilder:validation:XValidation:rule="has(self.ids) != has(self.tags)",message="give either ids or tags, not both and not neither"
type Selector struct {
	// IDs of the resources, such as vpc-0a1b2c3d.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^(vpc|subnet|sg)-[0-9a-f]{8,17}$`
	IDs []string `json:"ids,omitempty"`
	// Tags that every selected resource carries.
	// +optional
	// +listType=map
	// +listMapKey=key
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	Tags []Tag `json:"tags,omitempty"`
}

// ClassIdentity is who the operator becomes in the class's AWS account.
type ClassIdentity struct {
	// RoleARN is the IAM role that the operator assumes, with ExternalID and, for writes, with the
	// tenant's session tags.
	// +required
	// +kubebuilder:validation:MinLength=20
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/[\w+=,.@/-]+$`
	RoleARN string `json:"roleARN,omitempty"`
	// ExternalID is what the role's trust policy requires, so that nobody else can make the operator
	// act there (the confused deputy problem). It is not a secret.
	// +required
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=1224
	// +kubebuilder:validation:Pattern=`^[\w+=,.@:/-]*$`
	ExternalID string `json:"externalID,omitempty"`
}

// ClassNetwork is where the class's databases live.
type ClassNetwork struct {
	// VPC of all resources; it must select exactly one.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.ids) || self.ids.all(id, id.startsWith('vpc-'))",message="network.vpc.ids: the ID of a VPC begins with vpc-"
	VPC Selector `json:"vpc,omitzero"`
	// Subnets of the databases: private, in two zones or more.
	// +required
	// +kubebuilder:validation:XValidation:rule="!has(self.ids) || self.ids.all(id, id.startsWith('subnet-'))",message="network.subnets.ids: the ID of a subnet begins with subnet-"
	Subnets Selector `json:"subnets,omitzero"`
	// WorkloadSecurityGroups may reach every database of the class: those of the cluster's nodes or pods.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.ids) || self.ids.all(id, id.startsWith('sg-'))",message="network.workloadSecurityGroups.ids: the ID of a security group begins with sg-"
	WorkloadSecurityGroups Selector `json:"workloadSecurityGroups,omitzero"`
	// OperatorSecurityGroup is the operator's own; it may reach every database of the class.
	// +optional
	// +kubebuilder:validation:XValidation:rule="!has(self.ids) || self.ids.all(id, id.startsWith('sg-'))",message="network.operatorSecurityGroup.ids: the ID of a security group begins with sg-"
	OperatorSecurityGroup Selector `json:"operatorSecurityGroup,omitzero"`
}

// ClassDatabase bounds what platforms may ask of their database.
type ClassDatabase struct {
	// InstanceClasses that platforms may choose from.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=32
	// +kubebuilder:validation:items:Pattern=`^db\.[a-z0-9]+\.[a-z0-9]+$`
	InstanceClasses []string `json:"instanceClasses,omitempty"`
	// EngineVersions are the PostgreSQL majors that platforms may choose from.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	// +kubebuilder:validation:items:Enum="14";"15";"16";"17";"18"
	EngineVersions []string `json:"engineVersions,omitempty"`
	// MaxStorageGiB is the most storage that a platform may request, in GiB.
	// +optional
	// +default=1000
	// +kubebuilder:validation:Minimum=20
	// +kubebuilder:validation:Maximum=65536
	MaxStorageGiB int32 `json:"maxStorageGiB,omitempty"`
	// MinBackupRetentionDays is the least number of days that a platform keeps its backups.
	// +optional
	// +default=7
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=35
	MinBackupRetentionDays int32 `json:"minBackupRetentionDays,omitempty"`
	// WidestCIDRPrefix is the shortest IPv4 prefix that a platform may allow: 24 admits /24 to /32.
	// +optional
	// +default=24
	// +kubebuilder:validation:Minimum=8
	// +kubebuilder:validation:Maximum=32
	WidestCIDRPrefix int32 `json:"widestCIDRPrefix,omitempty"`
	// LogRetentionDays is how many days CloudWatch Logs keeps the logs of databases: a value that it supports.
	// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
	// +optional
	// +default=365
	// +kubebuilder:validation:Enum=1;3;5;7;14;30;60;90;120;150;180;365;400;545;731;1096;1827;2192;2557;2922;3288;3653
	LogRetentionDays int32 `json:"logRetentionDays,omitempty"`
}

// ClassAccepted lists the AWS identifiers that a tenant's spec may name. One that is not listed must
// carry the tenant's own coach: tags.
type ClassAccepted struct {
	// SecurityGroupIDs that platforms may allow.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^sg-[0-9a-f]{8,17}$`
	SecurityGroupIDs []string `json:"securityGroupIDs,omitempty"`
	// InstanceIDs of EC2 instances that platforms may allow.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:items:Pattern=`^i-[0-9a-f]{8,17}$`
	InstanceIDs []string `json:"instanceIDs,omitempty"`
}

// Exemption accepts that a control does not hold, for a reason and until a day. It is shown apart and
// never counts as verified.
type Exemption struct {
	// Control is the ID of the control, such as CP-DB-04.
	// +required
	// +kubebuilder:validation:MinLength=4
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:Pattern=`^CP-[A-Z]+-[0-9]{2}$`
	Control string `json:"control,omitempty"`
	// Reason that an auditor can read.
	// +required
	// +kubebuilder:validation:MinLength=10
	// +kubebuilder:validation:MaxLength=512
	Reason string `json:"reason,omitempty"`
	// ExpiresAt ends the exemption.
	// +required
	ExpiresAt metav1.Time `json:"expiresAt,omitzero"`
}

// PlatformClassSpec is what a class offers. Everything that could extend a tenant's access is here.
// +kubebuilder:validation:XValidation:rule="self.identity.roleARN.split(':')[4] == self.accountID",message="identity.roleARN must be a role of the account in accountID"
type PlatformClassSpec struct {
	// Region of all resources of the class. It is immutable: databases do not move.
	// +required
	// +kubebuilder:validation:MinLength=9
	// +kubebuilder:validation:MaxLength=25
	// +kubebuilder:validation:Pattern=`^[a-z]{2}(-[a-z]+)+-[0-9]$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="region cannot change, since databases do not move; make a new class"
	Region string `json:"region,omitempty"`
	// AccountID is the AWS account of all resources of the class. It is immutable.
	// +required
	// +kubebuilder:validation:MinLength=12
	// +kubebuilder:validation:MaxLength=12
	// +kubebuilder:validation:Pattern=`^[0-9]{12}$`
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="accountID cannot change, since databases do not move; make a new class"
	AccountID string `json:"accountID,omitempty"`
	// Identity is who the operator becomes in that account.
	// +required
	Identity ClassIdentity `json:"identity,omitzero"`
	// Network is where databases live and who may reach all of them.
	// +required
	Network ClassNetwork `json:"network,omitzero"`
	// Database bounds what platforms may request.
	// +required
	Database ClassDatabase `json:"database,omitzero"`
	// Accepted lists the AWS identifiers that platforms may name.
	// +optional
	Accepted ClassAccepted `json:"accepted,omitzero"`
	// CABundle holds the certificates, as PEM, of the only authorities that may vouch for databases. Left
	// out, they are those that AWS publishes for RDS in the region. A change counts from the next
	// connection on.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL.html
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=262144
	// +kubebuilder:validation:XValidation:rule="self.contains('-----BEGIN CERTIFICATE-----')",message="caBundle holds no certificate; give PEM blocks that begin with -----BEGIN CERTIFICATE-----, or leave it out"
	CABundle string `json:"caBundle,omitempty"`
	// Stripe is what platforms of the class may do at Stripe; without it, they have no payouts.
	// +optional
	Stripe ClassStripe `json:"stripe,omitzero"`
	// AllowedNamespaces may use the class: names, or prefixes that end in *.
	// +required
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=63
	// +kubebuilder:validation:items:Pattern=`^[a-z0-9]?([a-z0-9-]*[a-z0-9])?-?\*?$`
	AllowedNamespaces []string `json:"allowedNamespaces,omitempty"`
	// Exemptions from controls, for every platform of the class.
	// +optional
	// +listType=map
	// +listMapKey=control
	// +kubebuilder:validation:MaxItems=32
	Exemptions []Exemption `json:"exemptions,omitempty"`
}

// Quota is how much of an account's allowance is used.
type Quota struct {
	// Name of the quota, as AWS gives it.
	// +required
	// +kubebuilder:validation:MaxLength=64
	Name string `json:"name,omitempty"`
	// Used is how much is in use.
	// +required
	Used int64 `json:"used"`
	// Limit is how much there may be.
	// +required
	Limit int64 `json:"limit"`
}

// PlatformClassStatus is the last observation.
type PlatformClassStatus struct {
	// ObservedGeneration is the generation of the spec that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`
	// Conditions of the class.
	// +optional
	// +listType=map
	// +listMapKey=type
	// +kubebuilder:validation:MaxItems=16
	Conditions []metav1.Condition `json:"conditions,omitempty"`
	// Steps say what each step of the last pass found, in the order in which they run.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Steps []StepStatus `json:"steps,omitempty"`
	// VPCID is the VPC that was found.
	// +optional
	// +kubebuilder:validation:MaxLength=64
	VPCID string `json:"vpcID,omitempty"`
	// SubnetIDs are the subnets that were found.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=32
	// +kubebuilder:validation:items:MaxLength=64
	SubnetIDs []string `json:"subnetIDs,omitempty"`
	// Quotas of the account that platforms use up.
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Quotas []Quota `json:"quotas,omitempty"`
	// Platforms is how many platforms use the class.
	// +optional
	Platforms int32 `json:"platforms,omitempty"`
	// Plan lists the differences between spec and AWS.
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Plan []PlannedChange `json:"plan,omitempty"`
}

// PlatformClass is an offer: an AWS account and region with its network, its bounds and its rules.
// Cluster operators write it, tenants name it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:scope=Cluster,shortName=pclass,categories=coach
// +kubebuilder:printcolumn:name="READY",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="REGION",type=string,JSONPath=`.spec.region`
// +kubebuilder:printcolumn:name="ACCOUNT",type=string,JSONPath=`.spec.accountID`
// +kubebuilder:printcolumn:name="PLATFORMS",type=integer,JSONPath=`.status.platforms`
// +kubebuilder:printcolumn:name="REASON",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`,priority=1
// +kubebuilder:printcolumn:name="AGE",type=date,JSONPath=`.metadata.creationTimestamp`
type PlatformClass struct {
	metav1.TypeMeta `json:",inline"`
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty"`
	// Spec is what the class offers.
	// +required
	Spec PlatformClassSpec `json:"spec,omitzero"`
	// Status is the last observation. Its generation is -1 until there was one, so that whoever waits for the object by
	// kstatus does not take a new one for done (https://pkg.go.dev/sigs.k8s.io/cli-utils/pkg/kstatus).
	// +optional
	// +default={"observedGeneration": -1}
	Status PlatformClassStatus `json:"status,omitzero"`
}

// PlatformClassList is a list of classes.
// +kubebuilder:object:root=true
type PlatformClassList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PlatformClass `json:"items"`
}

// GetConditions returns the conditions.
func (c *PlatformClass) GetConditions() *[]metav1.Condition { return &c.Status.Conditions }
