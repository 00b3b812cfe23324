package database

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// Paths of the fields.
const (
	pathClass       = "instanceClass"
	pathVersion     = "engineVersion"
	pathStorage     = "storage.sizeGiB"
	pathMaxStorage  = "storage.maxSizeGiB"
	pathMultiAZ     = "multiAZ"
	pathPort        = "port"
	pathAutoMinor   = "autoMinorVersionUpgrade"
	pathEncrypted   = "encrypted"
	pathKey         = "encryption.key"
	pathPublic      = "publiclyAccessible"
	pathSubnets     = "subnetGroup"
	pathGroups      = "securityGroups"
	pathProtection  = "deletionProtection"
	pathIAM         = "iamAuthentication"
	pathParameters  = "parameterGroup"
	pathReboot      = "parametersInForce"
	pathRetention   = "backup.retentionDays"
	pathBackup      = "backup.window"
	pathMaintenance = "maintenanceWindow"
	pathCopyTags    = "copyTagsToSnapshot"
	pathLogs        = "logExports"
	pathCredential  = "masterCredential"
	pathReleased    = "released"
	pathRecorded    = "recorded"
)

// Fields are what the step owns. What a change costs is the "downtime" column of
// https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html#USER_ModifyInstance.Settings
var Fields = []converge.Field[State]{
	{
		Path: pathRecorded, About: "the record, on the tenant's key, of which database this is",
		Get: func(s State) string { return strconv.FormatBool(s.Recorded) },
	},
	{Path: pathPublic, About: "a public address", Get: func(s State) string { return strconv.FormatBool(s.Public) }},
	{
		Path: pathGroups, About: "the security groups in force", Derived: true,
		Get: func(s State) string { return s.Firewall },
	},
	{
		Path: pathProtection, About: "protection from deletion",
		Get: func(s State) string { return strconv.FormatBool(s.DeletionProtection) },
	},
	{
		Path: pathEncrypted, About: "encryption at rest", Effect: converge.Replace,
		Get: func(s State) string { return strconv.FormatBool(s.Encrypted) },
	},
	{
		Path: pathKey, About: "the key that encrypts storage and snapshots", Effect: converge.Replace, Derived: true,
		Get: func(s State) string { return s.Key },
	},
	{
		Path: pathSubnets, About: "the subnets that the instance lives in", Effect: converge.Replace,
		Get: func(s State) string { return s.SubnetGroup },
	},
	{Path: pathParameters, About: "the parameter group", Get: func(s State) string { return s.ParameterGroup }},
	{
		Path: pathReboot, About: "whether the parameters are in force; a reboot puts them in force",
		Effect: converge.Disruptive, Get: inForce,
	},
	{
		Path: pathIAM, About: "log-in by IAM principals",
		Get: func(s State) string { return strconv.FormatBool(s.IAMAuthentication) },
	},
	{Path: pathRetention, About: "days that backups are kept", Get: func(s State) string { return number(s.RetentionDays) }},
	{Path: pathBackup, About: "the daily backup time, UTC", Get: func(s State) string { return s.BackupWindow }},
	{Path: pathMaintenance, About: "the weekly maintenance time, UTC", Get: func(s State) string { return s.MaintenanceWindow }},
	{Path: pathCopyTags, About: "tags on snapshots", Get: func(s State) string { return strconv.FormatBool(s.CopyTags) }},
	{Path: pathLogs, About: "logs that go to CloudWatch", Get: func(s State) string { return list(s.Logs) }},
	{Path: pathAutoMinor, About: "minor upgrades by AWS", Get: func(s State) string { return strconv.FormatBool(s.AutoMinor) }},
	{Path: pathStorage, About: "allocated storage, a floor", Get: func(s State) string { return number(s.Storage) }},
	{Path: pathMaxStorage, About: "how far AWS may grow the storage", Get: func(s State) string { return number(s.MaxStorage) }},
	{Path: pathMultiAZ, About: "a standby in a second zone", Get: func(s State) string { return strconv.FormatBool(s.MultiAZ) }},
	{
		Path: pathClass, About: "the size of the machine", Effect: converge.Disruptive,
		Get: func(s State) string { return s.InstanceClass },
	},
	{
		Path: pathVersion, About: "the engine version, a floor within its major", Effect: converge.Disruptive,
		Get: func(s State) string { return s.Version },
	},
	{Path: pathPort, About: "the port", Effect: converge.Disruptive, Get: func(s State) string { return number(s.Listen) }},
	{
		Path: pathCredential, About: "the master's password", Sensitive: true,
		Get: func(s State) string { return s.Credential },
	},
	{Path: pathReleased, About: "the mark of a released database", Get: func(s State) string { return s.Released }},
}

// queued are the paths that wait for the maintenance window unless their Modify is an immediate one.
// An immediate Modify also fires all else that waits, so nothing else is ever sent in one. The other
// paths change as soon as possible either way.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBInstance.html
var queued = []string{pathIAM, pathMultiAZ, pathStorage, pathClass, pathVersion}

// immediate says whether changing a path takes an immediate Modify. How long backups are kept does
// only while none are kept: switching them on waits, another number of days does not.
func immediate(got State, path string) bool {
	if path == pathRetention {
		return got.RetentionDays == 0
	}
	return slices.Contains(queued, path)
}

// minEffect gives a change the cost of what it would also set off: an immediate Modify fires what waits
// for the maintenance window, and moving that window to the present does as well.
func minEffect(got State, path string) converge.Effect {
	switch {
	case path == pathVersion && got.OtherMajor:
		return converge.Replace // a major is not changed by accident, and cannot be taken back
	case got.PendingInterrupts && (immediate(got, path) || path == pathMaintenance):
		return converge.Disruptive
	default:
		return converge.InPlace
	}
}

// inForce is "pending-reboot" when only a reboot helps; AWS applies everything else by itself.
func inForce(s State) string {
	if s.ParameterStatus == pendingReboot {
		return pendingReboot
	}
	return inSync
}

func number(n int32) string { return strconv.FormatInt(int64(n), 10) }

func list(items []string) string {
	items = slices.Clone(items)
	slices.Sort(items)
	return strings.Join(items, " ")
}

// covers says whether a version is at or above a floor of the same major; "16" is covered by any 16.
func covers(version, floor string) bool {
	major, minor := split(version)
	floorMajor, floorMinor := split(floor)
	return major == floorMajor && minor >= floorMinor
}

func split(version string) (major, minor int) {
	left, right, _ := strings.Cut(version, ".")
	right, _, _ = strings.Cut(right, "-")
	return atoi(left), atoi(right)
}

func atoi(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}

func yes(ok bool, text string) (converge.Verdict, string) { return converge.VerdictOf(ok), text }

func onOff(name string, on bool) string {
	if on {
		return fmt.Sprintf("%s is on", name)
	}
	return fmt.Sprintf("%s is off", name)
}
