package rds

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// check refuses an instance AWS would not make, whether new or to be changed.
func (r *region) check(inst Instance) error {
	switch {
	case !slices.Contains(classes, inst.DBInstanceClass):
		return invalidCombination("RDS does not support creating a DB instance with the following combination: "+
			"DBInstanceClass=%s, Engine=postgres, EngineVersion=%s, LicenseModel=postgresql-license. For supported combinations "+
			"of instance class and database engine version, see the documentation.", inst.DBInstanceClass, inst.EngineVersion)
	case inst.real && !slices.Contains(r.Plane.Majors(), major(inst.EngineVersion)):
		return invalidCombination("Cannot find version %s for postgres: the sandbox has no server of that major version", inst.EngineVersion)
	case inst.port < 1150 || inst.port > 65535:
		return invalidValue("Invalid database port: %d. It must be between 1150 and 65535", inst.port)
	case inst.BackupRetentionPeriod < 0 || inst.BackupRetentionPeriod > 35:
		return invalidValue("Invalid backup retention period: %d. Must be between 0 and 35", inst.BackupRetentionPeriod)
	case !knownAuthority(inst.CACertificateIdentifier):
		return notFound("CertificateNotFound", "Certificate %s not found", inst.CACertificateIdentifier)
	case inst.MonitoringInterval > 0 && inst.MonitoringRoleARN == "":
		return invalidCombination("A MonitoringRoleARN value is required if you specify a MonitoringInterval value other than 0.")
	}
	for _, name := range inst.EnabledCloudwatchLogsExports {
		if !slices.Contains(logTypes, name) {
			return invalidCombination("You cannot use the log types '%s' with engine version postgres %s.", name, inst.EngineVersion)
		}
	}
	if err := checkStorage(inst); err != nil {
		return err
	}
	if err := checkTags(inst.TagList); err != nil {
		return err
	}
	return checkWindows(inst.PreferredBackupWindow, inst.PreferredMaintenanceWindow)
}

func checkStorage(inst Instance) error {
	smallest := map[string]int{"gp2": 20, "gp3": 20, "io1": 100, "io2": 100}[inst.StorageType]
	switch {
	case smallest == 0:
		return invalidValue("Invalid storage type: %s", inst.StorageType)
	case inst.AllocatedStorage < smallest || inst.AllocatedStorage > 65536:
		return invalidValue("Invalid storage size for engine name postgres and storage type %s: %d", inst.StorageType, inst.AllocatedStorage)
	case inst.MaxAllocatedStorage != 0 && inst.MaxAllocatedStorage <= inst.AllocatedStorage:
		return invalidCombination("Max storage size must be greater than storage size")
	case strings.HasPrefix(inst.StorageType, "io") && inst.Iops < 1000:
		return invalidCombination("You must specify both the storage size and iops when using storage type %s", inst.StorageType)
	case inst.StorageType == "gp2" && (inst.Iops != 0 || inst.StorageThroughput != 0):
		return invalidCombination("Iops and StorageThroughput cannot be set with storage type gp2")
	case inst.StorageType == "gp3" && inst.AllocatedStorage < 400 && (inst.Iops != 3000 || inst.StorageThroughput != 125):
		return invalidCombination("You can't specify IOPS or storage throughput for engine postgres and a storage size less than 400.")
	}
	return nil
}

var backupWindow = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$`)

// checkWindows checks the form of both windows, that each is at least half an hour
// long and that they do not overlap on any day.
func checkWindows(backup, maintenance string) error {
	if !backupWindow.MatchString(backup) {
		return invalidValue("Invalid backup window format: %s. Should be specified as a range hh24:mi-hh24:mi (24H Clock UTC).", backup)
	}
	from, until, ok := maintenanceWindow(maintenance)
	if !ok {
		return invalidValue("Invalid maintenance window format: %s. "+
			"Should be specified as a range ddd:hh24:mi-ddd:hh24:mi (24H Clock UTC).", maintenance)
	}
	start, end, _ := strings.Cut(backup, "-")
	for day := range 7 {
		first := day*minutesOfDay + clock(start)
		length := (clock(end) - clock(start) + minutesOfDay) % minutesOfDay
		if length < 30 {
			return invalidValue("The backup window must be at least 30 minutes.")
		}
		if overlap(first, first+length, from, until) {
			return invalidCombination("The backup window and maintenance window must not overlap.")
		}
	}
	return nil
}

const (
	minutesOfDay  = 24 * 60
	minutesOfWeek = 7 * minutesOfDay
)

// clock is the minute of the day of "hh:mm".
func clock(text string) int {
	var h, m int
	if _, err := fmt.Sscanf(text, "%d:%d", &h, &m); err != nil {
		return 0 // the form was checked before
	}
	return h*60 + m
}

var (
	weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
	weekTime = regexp.MustCompile(`^([a-z]{3}):(([01]\d|2[0-3]):[0-5]\d)-([a-z]{3}):(([01]\d|2[0-3]):[0-5]\d)$`)
)

// maintenanceWindow is the first and last minute of the week; the last may lie in
// the next.
func maintenanceWindow(text string) (from, until int, ok bool) {
	parts := weekTime.FindStringSubmatch(text)
	if parts == nil {
		return 0, 0, false
	}
	first, last := slices.Index(weekdays, parts[1]), slices.Index(weekdays, parts[4])
	if first < 0 || last < 0 {
		return 0, 0, false
	}
	from, until = first*minutesOfDay+clock(parts[2]), last*minutesOfDay+clock(parts[5])
	if until < from {
		until += minutesOfWeek
	}
	return from, until, until-from >= 30 && until-from <= minutesOfDay
}

// overlap reports whether two spans of a week meet, also around its end.
func overlap(a1, a2, b1, b2 int) bool {
	for _, shift := range []int{-minutesOfWeek, 0, minutesOfWeek} {
		if a1+shift < b2 && b1 < a2+shift {
			return true
		}
	}
	return false
}

// restorable is the latest moment an instance can be restored to: five minutes
// ago, while backups are on.
func restorable(inst Instance, now time.Time) string {
	if inst.BackupRetentionPeriod == 0 || inst.LatestRestorableTime == "" {
		return ""
	}
	latest := now.Add(-5 * time.Minute).UTC().Format(stampLayout)
	return max(latest, inst.InstanceCreateTime)
}
