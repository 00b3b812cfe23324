package flip_test

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// instance are breaches of the instance's settings.
var instance = family{
	name: "instance", major: "16",
	breaches: []breach{
		change("made public", rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true)}, "CP-DB-03"),
		change("made public together with another change",
			rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true), PreferredBackupWindow: awssdk.String("12:00-13:00")}, "CP-DB-03"),
		later("made public in a change that is not for now", rds.ModifyDBInstanceInput{PubliclyAccessible: awssdk.Bool(true)}, "CP-DB-03"),
		{what: "made public by the sandbox, past AWS's API", by: bySabotage, controls: []string{"CP-DB-03"}, do: sabotage("public-access")},
		change("IAM authentication switched off", rds.ModifyDBInstanceInput{EnableIAMDatabaseAuthentication: awssdk.Bool(false)}, "CP-DB-05"),
		{
			what: "IAM authentication switched off in the maintenance window", by: byAWS, controls: []string{"CP-DB-05"},
			do: fired(rds.ModifyDBInstanceInput{EnableIAMDatabaseAuthentication: awssdk.Bool(false)}),
		},
		spec("IAM authentication switched off in the spec", func(d *v1alpha1.Database, on bool) { d.IAMAuthentication = &on }, "CP-DB-05"),
		change("backups switched off", rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(0)}, "CP-DB-06"),
		change("backups kept for a day", rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(1)}, "CP-DB-06"),
		change("backups kept for six days", rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(6)}, "CP-DB-06"),
		{what: "backups dropped by the sandbox, past AWS's API", by: bySabotage, controls: []string{"CP-DB-06"}, do: sabotage("backup-off")},
		{
			what: "backups that are kept for less than the class requires since now", by: byKubernetes, controls: []string{"CP-DB-06"},
			do: func(w *world) {
				w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Database.MinBackupRetentionDays = 21 })
			},
			repair: func(w *world) {
				w.editClass(func(c *v1alpha1.PlatformClassSpec) { c.Database.MinBackupRetentionDays = 7 })
			},
		},
		change("deletion protection switched off", rds.ModifyDBInstanceInput{DeletionProtection: awssdk.Bool(false)}, "CP-DB-07"),
		later("deletion protection switched off in a change that is not for now",
			rds.ModifyDBInstanceInput{DeletionProtection: awssdk.Bool(false)}, "CP-DB-07"),
		{what: "deletion protection dropped by the sandbox, past AWS's API", by: bySabotage, controls: []string{"CP-DB-07"}, do: sabotage("unprotect")},
		spec("deletion protection switched off in the spec", func(d *v1alpha1.Database, on bool) { d.DeletionProtection = &on }, "CP-DB-07"),
		change("the standby taken away", rds.ModifyDBInstanceInput{MultiAZ: awssdk.Bool(false)}, "CP-DB-08"),
		{
			what: "the standby taken away in the maintenance window", by: byAWS, controls: []string{"CP-DB-08"},
			do: fired(rds.ModifyDBInstanceInput{MultiAZ: awssdk.Bool(false)}),
		},
		spec("the standby taken away in the spec", func(d *v1alpha1.Database, on bool) { d.MultiAZ = &on }, "CP-DB-08"),
		unlogged("the upgrade log exported no more", "upgrade"),
		unlogged("the log of sessions and errors exported no more", "postgresql"),
		unlogged("no log exported", "upgrade", "postgresql"),
		change("minor upgrades switched off", rds.ModifyDBInstanceInput{AutoMinorVersionUpgrade: awssdk.Bool(false)}, "CP-DB-10"),
		later("minor upgrades switched off in a change that is not for now",
			rds.ModifyDBInstanceInput{AutoMinorVersionUpgrade: awssdk.Bool(false)}, "CP-DB-10"),
		change("tags copied to snapshots no more", rds.ModifyDBInstanceInput{CopyTagsToSnapshot: awssdk.Bool(false)}, "CP-DB-11"),
		later("tags copied to snapshots no more, in a change that is not for now",
			rds.ModifyDBInstanceInput{CopyTagsToSnapshot: awssdk.Bool(false)}, "CP-DB-11"),
		change("all protection that can be switched off, at once", rds.ModifyDBInstanceInput{
			PubliclyAccessible: awssdk.Bool(true), DeletionProtection: awssdk.Bool(false), BackupRetentionPeriod: awssdk.Int32(0),
			EnableIAMDatabaseAuthentication: awssdk.Bool(false), MultiAZ: awssdk.Bool(false), AutoMinorVersionUpgrade: awssdk.Bool(false),
			CopyTagsToSnapshot:                awssdk.Bool(false),
			CloudwatchLogsExportConfiguration: &rdstypes.CloudwatchLogsExportConfiguration{DisableLogTypes: []string{"postgresql", "upgrade"}},
		}, "CP-DB-03", "CP-DB-05", "CP-DB-06", "CP-DB-07", "CP-DB-08", "CP-DB-09", "CP-DB-10", "CP-DB-11"),
		change("the port made the usual one", rds.ModifyDBInstanceInput{DBPortNumber: awssdk.Int32(5432)}, "CP-DB-12"),
		{what: "89 days before the certificate ends", by: byTime, controls: []string{"CP-DB-14"}, do: beforeEnd(89), repair: today},
		{what: "a day before the certificate ends", by: byTime, controls: []string{"CP-DB-14"}, do: beforeEnd(1), repair: today},
		{what: "the day the certificate ends", by: byTime, controls: []string{"CP-DB-14"}, do: beforeEnd(0), repair: today},
		{what: "a year after the certificate ended", by: byTime, controls: []string{"CP-DB-14"}, do: beforeEnd(-365), repair: today},
	},
	refusals: []refusal{
		refuse("public access in the spec", "publiclyAccessible", func(d *v1alpha1.Database) { d.PubliclyAccessible = new(true) }, "CP-DB-03"),
		refuse("no encryption in the spec", "encrypted", func(d *v1alpha1.Database) { d.Encrypted = new(false) }, "CP-DB-01"),
		refuse("no TLS in the spec", "tls.required", func(d *v1alpha1.Database) { d.TLS.Required = new(false) }, "CP-DB-02", "CP-TLS-01"),
		refuse("an old TLS version in the spec", "TLSv1.1", func(d *v1alpha1.Database) { d.TLS.MinVersion = "TLSv1.1" }, "CP-DB-02"),
		refuse("no backups in the spec", "retentionDays", func(d *v1alpha1.Database) { d.Backup.RetentionDays = -1 }, "CP-DB-06"),
		refuse("the usual port in the spec", "5432", func(d *v1alpha1.Database) { d.Port = 5432 }, "CP-DB-12"),
		refuse("another port in the spec", "cannot be changed", func(d *v1alpha1.Database) { d.Port = 5434 }, "CP-DB-12"),
		{
			what: "deletion while protected", by: byAWS, controls: []string{"CP-DB-07"}, answer: "protected",
			do: func(w *world) error {
				_, err := w.rds().DeleteDBInstance(w.Context(), &rds.DeleteDBInstanceInput{
					DBInstanceIdentifier: awssdk.String(w.tenant.Resource()), SkipFinalSnapshot: awssdk.Bool(true),
				})
				return err
			},
		},
		{
			what: "backups kept for longer than RDS does", by: byAWS, controls: []string{"CP-DB-06"}, answer: "ackup",
			do: refusedModify(rds.ModifyDBInstanceInput{BackupRetentionPeriod: awssdk.Int32(36)}),
		},
		{
			what: "a port below those that RDS has", by: byAWS, controls: []string{"CP-DB-12"}, answer: "ort",
			do: refusedModify(rds.ModifyDBInstanceInput{DBPortNumber: awssdk.Int32(80)}),
		},
		{
			what: "a certificate of an authority that RDS does not have", by: byAWS, controls: []string{"CP-DB-14"}, answer: "ertificate",
			do: refusedModify(rds.ModifyDBInstanceInput{CACertificateIdentifier: awssdk.String("rds-ca-2015")}),
		},
	},
}

func change(what string, to rds.ModifyDBInstanceInput, controls ...string) breach {
	return breach{what: what, by: byAWS, controls: controls, do: modify(to)}
}

// later is a change that AWS makes at once, though it was not requested to.
func later(what string, to rds.ModifyDBInstanceInput, controls ...string) breach {
	return breach{what: what, by: byAWS, controls: controls, do: func(w *world) {
		w.Helper()
		w.must("modifying the instance", w.tryModify(to))
	}}
}

// fired is a change that waits for the maintenance window and is set off by the next immediate change.
func fired(to rds.ModifyDBInstanceInput) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("queueing a change", w.tryModify(to))
		modify(rds.ModifyDBInstanceInput{PreferredBackupWindow: awssdk.String("12:00-13:00")})(w)
	}
}

// spec switches something off that a spec may switch off: it is wanted, and Violated all the same.
func spec(what string, set func(d *v1alpha1.Database, on bool), controls ...string) breach {
	to := func(on bool) func(*world) {
		return func(w *world) {
			w.Helper()
			w.edit(func(p *v1alpha1.CoachPlatform) { set(&p.Spec.Database, on) })
		}
	}
	return breach{what: what, by: byKubernetes, controls: controls, do: to(false), repair: to(true)}
}

func refuse(what, answer string, set func(*v1alpha1.Database), controls ...string) refusal {
	return refusal{what: what, by: byKubernetes, controls: controls, answer: answer, do: func(w *world) error {
		return w.tryEdit(func(p *v1alpha1.CoachPlatform) { set(&p.Spec.Database) })
	}}
}

func unlogged(what string, logs ...string) breach {
	return change(what, rds.ModifyDBInstanceInput{
		CloudwatchLogsExportConfiguration: &rdstypes.CloudwatchLogsExportConfiguration{DisableLogTypes: logs},
	}, "CP-DB-09")
}

// beforeEnd lets so many days be left of the certificate.
func beforeEnd(days int) func(*world) {
	return func(w *world) {
		w.Helper()
		end := w.live().CertificateDetails.ValidTill
		w.clock.set(end.AddDate(0, 0, -days).Sub(w.clock.Now()))
	}
}

// today lets it be today again, for an operator that has seen no other day.
func today(w *world) {
	w.Helper()
	w.clock.set(0)
	w.restart()
}
