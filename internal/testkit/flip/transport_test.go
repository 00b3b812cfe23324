package flip_test

import (
	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	enforced, plaintext, sessions = "CP-DB-02", "CP-TLS-01", "CP-TLS-02"
	verifiers                     = "CP-ROLE-04"
)

// transport are breaches of what goes over the wire.
var transport = family{
	name: "transport", major: "16",
	breaches: []breach{
		{
			what: "`rds.force_ssl` set to 0 in the class's group", by: byAWS, controls: []string{enforced, plaintext},
			do: setParameter("rds.force_ssl", "0"),
		},
		{
			what: "`rds.force_ssl` switched off by the sandbox, past AWS's API", by: bySabotage, controls: []string{enforced, plaintext},
			do: sabotage("force-ssl-off"),
		},
		{
			what: "a parameter group with `rds.force_ssl` 0 put in force by a reboot", by: byAWS, controls: []string{enforced, plaintext},
			do: func(w *world) { w.useParameters(w.openParameters()); w.reboot() },
		},
		{
			what: "another parameter group that waits for a reboot", by: byAWS, controls: []string{enforced},
			do: func(w *world) { w.useParameters("default.postgres16") },
		},
		{
			what: "a parameter of the class's group that waits for a reboot", by: byAWS, controls: []string{enforced},
			do: func(w *world) {
				_, err := w.rds().ModifyDBParameterGroup(w.Context(), &rds.ModifyDBParameterGroupInput{
					DBParameterGroupName: awssdk.String(w.parameters()), Parameters: []rdstypes.Parameter{{
						ParameterName: awssdk.String("ssl_ciphers"), ParameterValue: awssdk.String("HIGH:!aNULL"),
						ApplyMethod: rdstypes.ApplyMethodPendingReboot,
					}},
				})
				w.must("setting a parameter", err)
				w.await("the wait for a reboot", func(db *rdstypes.DBInstance) bool {
					return *db.DBParameterGroups[0].ParameterApplyStatus == "pending-reboot"
				})
			},
		},
		unencrypted("a session of the master's without TLS", master, scope.DatabaseName),
		unencrypted("a session of the app's without TLS", app, scope.DatabaseName),
		unencrypted("a session of the reader's without TLS", reader, scope.DatabaseName),
		unencrypted("a session without TLS with another database of the server", master, "postgres"),
		{
			what: "a session without TLS that outlived the repair", by: bySQL, controls: []string{sessions}, do: outlive, repair: ended,
		},
		{
			what: "a session without TLS of a login that was not requested", by: bySQL, controls: []string{sessions, "CP-ROLE-01"},
			do: func(w *world) {
				sql("CREATE ROLE visitor LOGIN PASSWORD 'visitor-visitor'", "GRANT CONNECT ON DATABASE coach TO visitor")(w)
				w.allowPlain()
				w.later(w.plain("visitor", "visitor-visitor", scope.DatabaseName))
			},
			repair: ended,
		},
		{
			what: "`password_encryption` set to md5 in the class's group", by: byAWS, controls: []string{verifiers},
			do: setParameter("password_encryption", "md5"),
		},
	},
	refusals: []refusal{
		{
			what: "TLS 1.1 as the least version requested", by: byAWS, controls: []string{enforced, plaintext}, answer: "Invalid parameter value",
			do: func(w *world) error {
				return w.account.SetParameter(w.Context(), w.parameters(), "ssl_min_protocol_version", "TLSv1.1")
			},
		},
		{
			what: "AWS's default parameter group changed", by: byAWS, controls: []string{enforced, plaintext}, answer: "cannot be changed",
			do: func(w *world) error {
				return w.account.SetParameter(w.Context(), "default.postgres16", "rds.force_ssl", "0")
			},
		},
		{
			what: "`ssl` switched off by SQL", by: bySQL, controls: []string{enforced, plaintext, sessions}, answer: "42501",
			do: trySQL("ALTER SYSTEM SET ssl = off"),
		},
		{
			what: "a session without TLS while the server refuses it", by: byNetwork, controls: []string{plaintext, sessions}, answer: "no encryption",
			do: func(w *world) error { return w.tryPlain(master, w.password(master), scope.DatabaseName) },
		},
	},
}

// transportOf14 are breaches of a major whose defaults admit logins without TLS.
var transportOf14 = family{
	name: "transport of an old major", major: "14",
	breaches: []breach{
		{
			what: "AWS's default parameters of PostgreSQL 14 put in force", by: byAWS, controls: []string{enforced, plaintext},
			do: func(w *world) { w.useParameters("default.postgres14"); w.reboot() },
		},
		{
			what: "all parameters of the class's group of PostgreSQL 14 set back", by: byAWS, controls: []string{enforced, plaintext},
			do: func(w *world) {
				_, err := w.rds().ResetDBParameterGroup(w.Context(), &rds.ResetDBParameterGroupInput{
					DBParameterGroupName: awssdk.String(w.parameters()), ResetAllParameters: awssdk.Bool(true),
				})
				w.must("resetting a parameter group", err)
			},
		},
		{
			what: "`rds.force_ssl` of PostgreSQL 14 set back alone", by: byAWS, controls: []string{enforced, plaintext},
			do: func(w *world) {
				_, err := w.rds().ResetDBParameterGroup(w.Context(), &rds.ResetDBParameterGroupInput{
					DBParameterGroupName: awssdk.String(w.parameters()), Parameters: []rdstypes.Parameter{
						{ParameterName: awssdk.String("rds.force_ssl"), ApplyMethod: rdstypes.ApplyMethodImmediate},
					},
				})
				w.must("resetting a parameter", err)
			},
		},
	},
}

// useParameters gives the instance another parameter group, which waits for a reboot.
func (w *world) useParameters(name string) {
	w.Helper()
	modify(rds.ModifyDBInstanceInput{DBParameterGroupName: &name})(w)
	w.await("the wait for a reboot", func(db *rdstypes.DBInstance) bool {
		return *db.DBParameterGroups[0].ParameterApplyStatus == "pending-reboot"
	})
}

func (w *world) reboot() {
	w.Helper()
	_, err := w.rds().RebootDBInstance(w.Context(), &rds.RebootDBInstanceInput{DBInstanceIdentifier: awssdk.String(w.tenant.Resource())})
	w.must("rebooting", err)
	w.awaitState("available")
}

// allowPlain makes the server admit logins without TLS.
func (w *world) allowPlain() {
	w.Helper()
	setParameter("rds.force_ssl", "0")(w)
	w.until("a login without TLS", func() bool { return w.tryPlain(master, w.password(master), scope.DatabaseName) == nil })
}

func unencrypted(what, login, database string) breach {
	return breach{
		what: what, by: bySQL, controls: []string{sessions, plaintext, enforced}, repair: ended,
		do: func(w *world) {
			w.allowPlain()
			w.later(w.plain(login, w.password(login), database))
		},
	}
}

// outlive opens a session without TLS and has the server refuse new ones again.
func outlive(w *world) {
	w.Helper()
	w.allowPlain()
	w.later(w.plain(app, w.password(app), scope.DatabaseName))
	setParameter("rds.force_ssl", "1")(w)
	w.until("no login without TLS", func() bool { return w.tryPlain(master, w.password(master), scope.DatabaseName) != nil })
}
