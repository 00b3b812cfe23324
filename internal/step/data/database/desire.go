package database

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/utils/ptr"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is a database instance as far as we own or judge it.
type State struct {
	// Identity.
	Identifier, ARN string
	Record          scope.Record
	// Life.
	Status, Endpoint string
	// SeenAt is when AWS was read.
	SeenAt time.Time
	// PendingInterrupts says that AWS has queued a change that restarts the instance or fails it over.
	PendingInterrupts bool
	// CredentialPending says that AWS is setting a master password, whoever requested it.
	CredentialPending bool

	// Engine and size. Version and Storage are floors: what covers the floor reads as the floor, and
	// EngineVersion and Allocated are what is really there.
	EngineVersion, Version string
	// OtherMajor says that the engine is of another major than the wanted one.
	OtherMajor         bool
	InstanceClass      string
	Allocated, Storage int32
	// MaxStorage is how far AWS may grow the storage, in GiB; zero is not at all.
	MaxStorage  int32
	StorageType string
	// Iops are the provisioned ones; AWS wants them repeated when large storage grows.
	Iops    int32
	MultiAZ bool
	// Port is zero until AWS has given one; Listen is the port as it is compared.
	Port, Listen int32
	AutoMinor    bool

	// Protection. Key and Firewall are KeyARN and Groups as they are compared: empty as long as the
	// steps that own them have not said what they should be. Groups are those in force, also those that
	// AWS is taking away.
	Encrypted          bool
	KeyARN, Key        string
	Public             bool
	SubnetGroup, VPCID string
	// Home is what the subnets are like; only in an observed state.
	Home               Home
	Groups             []string
	Firewall           string
	DeletionProtection bool
	IAMAuthentication  bool
	ParameterGroup     string
	ParameterStatus    string
	// ForceSSL and MinTLS are the live values of the parameter group; "" when they could not be read.
	ForceSSL, MinTLS string
	CA               string
	CAValidTill      time.Time

	// Backup and logs.
	RetentionDays                   int32
	BackupWindow, MaintenanceWindow string
	CopyTags                        bool
	Logs                            []string

	// MasterUser and the fingerprint of the password that was last set.
	MasterUser, Credential string
	// Released is the value of the tag that says the database was released, or "".
	Released string
	// Recorded says whether the tenant's key records this database.
	Recorded bool

	// refused are the paths that the class does not allow, with the reason; only in a wanted state.
	refused map[string]string
	// leastRetention is the class's bound on RetentionDays; only in a wanted state.
	leastRetention int32
}

// Home is the network that an instance lives in.
type Home struct {
	// VPCID is the class's VPC.
	VPCID string
	// Exposed are subnets with a way to the internet, and those that are not the class's.
	Exposed []string
	// Err is why nothing could be seen.
	Err error
}

const (
	// States of parameters, as RDS names them.
	inSync        = "in-sync"
	applying      = "applying"
	pendingReboot = "pending-reboot"
	tls13         = "TLSv1.3"
	// firstTLS13 is the first major for which there is a parameter group with tls13 as the least version.
	// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html
	firstTLS13 = 16
	// unset stands for a stored password that does not exist yet.
	unset = "(to be created)"
)

// logExports are the logs that go to CloudWatch (FSBP RDS.9).
var logExports = []string{"postgresql", "upgrade"}

// Desire returns the wanted instance.
func Desire(in *scope.Platform) (State, error) {
	spec := in.Spec.Database
	major, _, _ := strings.Cut(spec.EngineVersion, ".")
	want := State{
		Identifier:         in.Tenant.Resource(),
		Version:            spec.EngineVersion,
		InstanceClass:      spec.InstanceClass,
		Storage:            spec.Storage.SizeGiB,
		MaxStorage:         spec.Storage.MaxSizeGiB,
		MultiAZ:            ptr.Deref(spec.MultiAZ, true),
		Port:               spec.Port,
		Listen:             spec.Port,
		AutoMinor:          true,
		Encrypted:          true,
		KeyARN:             in.Key.ARN,
		Key:                in.Key.ARN,
		SubnetGroup:        naming.SubnetGroup(in.Shared),
		DeletionProtection: ptr.Deref(spec.DeletionProtection, true),
		IAMAuthentication:  ptr.Deref(spec.IAMAuthentication, true),
		ParameterGroup:     naming.ParameterGroup(in.Shared, major, spec.TLS.MinVersion),
		ParameterStatus:    inSync,
		MinTLS:             spec.TLS.MinVersion,
		RetentionDays:      spec.Backup.RetentionDays,
		BackupWindow:       spec.Backup.Window,
		MaintenanceWindow:  spec.MaintenanceWindow,
		CopyTags:           true,
		Logs:               logExports,
		MasterUser:         scope.Master,
		Credential:         in.MasterFingerprint,
		Recorded:           true,
		refused:            refusals(in, major),
		leastRetention:     in.Class.Spec.Database.MinBackupRetentionDays,
	}
	if in.Firewall.GroupID != "" {
		want.Groups, want.Firewall = []string{in.Firewall.GroupID}, in.Firewall.GroupID
	}
	if want.Credential == "" {
		want.Credential = unset
	}
	return want, nil
}

// refusals are the values of the spec that the class does not allow.
func refusals(in *scope.Platform, major string) map[string]string {
	spec, class := in.Spec.Database, in.Class.Spec.Database
	refused := map[string]string{}
	if !slices.Contains(class.InstanceClasses, spec.InstanceClass) {
		refused[pathClass] = fmt.Sprintf("database.instanceClass %s is not offered by class %s; choose one of %s",
			spec.InstanceClass, in.Class.Name, strings.Join(class.InstanceClasses, ", "))
	}
	if !slices.Contains(class.EngineVersions, major) {
		refused[pathVersion] = fmt.Sprintf("database.engineVersion %s is not offered by class %s; choose one of %s",
			spec.EngineVersion, in.Class.Name, strings.Join(class.EngineVersions, ", "))
	}
	if max(spec.Storage.SizeGiB, spec.Storage.MaxSizeGiB) > class.MaxStorageGiB {
		text := fmt.Sprintf("database.storage is above the %d GiB that class %s allows; lower sizeGiB or maxSizeGiB",
			class.MaxStorageGiB, in.Class.Name)
		refused[pathStorage], refused[pathMaxStorage] = text, text
	}
	if spec.TLS.MinVersion == tls13 && atoi(major) < firstTLS13 {
		refused[pathParameters] = fmt.Sprintf("database.tls.minVersion %s is not offered for PostgreSQL %s; leave it at TLSv1.2, or "+
			"create a new platform of major %d or newer", tls13, major, firstTLS13)
	}
	if spec.Backup.RetentionDays < class.MinBackupRetentionDays {
		refused[pathRetention] = fmt.Sprintf("database.backup.retentionDays is below the %d days that class %s requires; raise it",
			class.MinBackupRetentionDays, in.Class.Name)
	}
	return refused
}

// constrain takes out of what is wanted what the class refuses and what would never work, so that it does
// not hold up the rest; degraded reports it. Backups are never kept shorter than the class requires.
func constrain(want, got State) State {
	if got.Identifier == "" {
		return want // there is nothing to leave as it is
	}
	leave := map[string]func(){
		pathClass:      func() { want.InstanceClass = got.InstanceClass },
		pathVersion:    func() { want.Version = got.Version },
		pathStorage:    func() { want.Storage = got.Storage },
		pathMaxStorage: func() { want.MaxStorage = got.MaxStorage },
		pathParameters: func() { want.ParameterGroup = got.ParameterGroup },
		pathRetention:  func() { want.RetentionDays = max(got.RetentionDays, want.leastRetention) },
	}
	for path := range want.refused {
		leave[path]()
	}
	if got.OtherMajor {
		want.ParameterGroup = got.ParameterGroup // one of another major does not fit
	}
	return want
}
