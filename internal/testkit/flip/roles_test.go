package flip_test

import "github.com/coachplatform/coach-operator/api/v1alpha1"

const (
	extras, rights, public = "CP-ROLE-01", "CP-ROLE-02", "CP-ROLE-03"

	// objects is why there are gaps.
	objects = "what the app creates is its own, and its privileges are not read"
)

// roles are breaches of what each role may do, by the database's master.
var roles = family{
	name: "rights", major: "16",
	breaches: []breach{
		bysql("the app may create roles", rights, "ALTER ROLE coach_app CREATEROLE"),
		bysql("the app may create databases", rights, "ALTER ROLE coach_app CREATEDB"),
		bysql("the owner may create roles", rights, "ALTER ROLE coach_owner CREATEROLE"),
		bysql("the probe may create databases", rights, "ALTER ROLE coach_probe CREATEDB"),
		bysql("the app is a master", rights, "GRANT rds_superuser TO coach_app"),
		bysql("the app replicates", rights, "GRANT rds_replication TO coach_app"),
		bysql("the reader is an owner", rights, "GRANT coach_owner TO coach_reader"),
		bysql("the probe is a reader", rights, "GRANT coach_readers TO coach_probe"),
		bysql("the reader may pass on what it has", rights, "GRANT coach_readers TO coach_reader WITH ADMIN OPTION"),
		bysql("the app sees other sessions", rights, "GRANT pg_monitor TO coach_app"),
		bysql("the app ends other sessions", rights, "GRANT pg_signal_backend TO coach_app"),
		{
			what: "the app is a master by way of a role between", by: bySQL, controls: []string{rights},
			do: sql("CREATE ROLE between", "GRANT rds_superuser TO between", "GRANT between TO coach_app"), repair: sql("DROP ROLE between"),
		},
		{
			what: "a role between is an owner", by: bySQL, controls: []string{rights},
			do: sql("CREATE ROLE between", "GRANT coach_owner TO between"), repair: sql("DROP ROLE between"),
		},
		bysql("the master is an owner", rights, "GRANT coach_owner TO coach_master"),
		bysql("the reader may create schemas", rights, "GRANT CREATE ON DATABASE coach TO coach_reader"),
		bysql("the reader may create temporary tables", rights, "GRANT TEMPORARY ON DATABASE coach TO coach_reader"),
		bysql("the probe may connect to another database", rights, "GRANT CONNECT ON DATABASE postgres TO coach_probe"),
		bysql("the reader may fill the schema", rights, "GRANT CREATE ON SCHEMA public TO coach_reader"),
		bysql("readers may fill the schema", rights, "GRANT CREATE ON SCHEMA public TO coach_readers"),
		created("readers may write what the owner will create", rights,
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA public GRANT INSERT ON TABLES TO coach_readers"),
		gap("the reader may write a table", rights, objects, asApp("CREATE TABLE public.notes (text text)", "GRANT INSERT ON public.notes TO coach_reader"),
			asApp("DROP TABLE public.notes")),
		gap("the probe may read a table", rights, objects, asApp("CREATE TABLE public.notes (text text)", "GRANT SELECT ON public.notes TO coach_probe"),
			asApp("DROP TABLE public.notes")),
		bysql("a login of the name of RDS's proxy", extras, "CREATE ROLE rdsproxyadmin LOGIN PASSWORD 'x'"),
		bysql("PUBLIC may connect", public, "GRANT CONNECT ON DATABASE coach TO PUBLIC"),
		bysql("PUBLIC may create schemas", public, "GRANT CREATE ON DATABASE coach TO PUBLIC"),
		bysql("PUBLIC may create temporary tables", public, "GRANT TEMPORARY ON DATABASE coach TO PUBLIC"),
		bysql("PUBLIC may connect to another database", public, "GRANT CONNECT ON DATABASE postgres TO PUBLIC"),
		bysql("PUBLIC may create temporary tables elsewhere", public, "GRANT TEMPORARY ON DATABASE postgres TO PUBLIC"),
		bysql("PUBLIC may connect to the template of new databases", public, "GRANT CONNECT ON DATABASE template1 TO PUBLIC"),
		bysql("a new database, open to PUBLIC", public, "CREATE DATABASE more"),
		bysql("PUBLIC may fill the schema", public, "GRANT CREATE ON SCHEMA public TO PUBLIC"),
		bysql("PUBLIC may use the schema", public, "GRANT USAGE ON SCHEMA public TO PUBLIC"),
		gap("PUBLIC may read a table", public, objects, asApp("CREATE TABLE public.notes (text text)", "GRANT SELECT ON public.notes TO PUBLIC"),
			asApp("DROP TABLE public.notes")),
		gap("PUBLIC may use another schema", public, objects, asApp("CREATE SCHEMA billing", "GRANT ALL ON SCHEMA billing TO PUBLIC"),
			asApp("DROP SCHEMA billing")),
		created("PUBLIC may read what the owner will create", public,
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC"),
	},
	refusals: []refusal{
		denied("a superuser created", rights, "ALTER ROLE coach_app SUPERUSER"),
		denied("a role that is above row security", rights, "ALTER ROLE coach_app BYPASSRLS"),
		denied("a role that replicates", rights, "ALTER ROLE coach_app REPLICATION"),
		denied("the reader reads everything", rights, "GRANT pg_read_all_data TO coach_reader"),
		denied("the reader writes everything", rights, "GRANT pg_write_all_data TO coach_reader"),
		denied("a role that runs programs on the server", rights, "GRANT pg_execute_server_program TO coach_app"),
		{
			what: "rights taken by the app itself", by: bySQL, controls: []string{rights, extras}, answer: "42501",
			do: func(w *world) error { return w.as(app, w.password(app), "coach", "CREATE ROLE friend LOGIN") },
		},
		{
			what: "the database taken over by the app", by: bySQL, controls: []string{public, rights}, answer: "42501",
			do: func(w *world) error {
				return w.as(app, w.password(app), "coach", "ALTER DATABASE coach OWNER TO coach_app")
			},
		},
	},
}

// logins are breaches of who may log in and how.
var logins = family{
	name: "logins", major: "15",
	change: func(s *v1alpha1.CoachPlatformSpec) {
		s.Database.Roles = []v1alpha1.DatabaseRole{{Name: "reporting", Access: v1alpha1.AccessReadOnly}}
	},
	breaches: []breach{
		bysql("a login that was not requested", extras, "CREATE ROLE backdoor LOGIN PASSWORD 'x'"),
		bysql("a login without a password", extras, "CREATE ROLE nopassword LOGIN"),
		bysql("a login by IAM", extras, "CREATE ROLE byiam LOGIN", "GRANT rds_iam TO byiam"),
		bysql("a login whose name looks like one of RDS's", extras, "CREATE ROLE rds_backdoor LOGIN"),
		bysql("a login whose name is quoted", extras, `CREATE ROLE "x""; DROP ROLE y --" LOGIN`),
		bysql("a login whose name differs from ours in its case", extras, `CREATE ROLE "Coach_App" LOGIN`),
		gap("a login of the name of RDS's proxy, before PostgreSQL 16", extras, "only from 16 on it is known who created a role",
			sql("CREATE ROLE rdsproxyadmin LOGIN PASSWORD 'x'"), sql("DROP ROLE rdsproxyadmin")),
		bysql("a login that ended", extras, "CREATE ROLE ended LOGIN VALID UNTIL '2001-01-01'"),
		bysql("a login with the operator's mark", extras, "CREATE ROLE marked LOGIN", "COMMENT ON ROLE marked IS 'coach-operator'"),
		bysql("the owner can log in", extras, "ALTER ROLE coach_owner LOGIN"),
		bysql("readers can log in", extras, "ALTER ROLE coach_readers LOGIN PASSWORD 'x'"),
		{
			what: "our login renamed", by: bySQL, controls: []string{extras}, do: sql("ALTER ROLE coach_reader RENAME TO coach_writer"),
		},
		{
			what: "a role of the spec created by somebody else", by: bySQL, controls: []string{extras},
			do: sql("COMMENT ON ROLE reporting IS NULL"), repair: sql("COMMENT ON ROLE reporting IS 'coach-operator'"),
		},
		{
			what: "a role taken out of the spec, its login still there", by: byKubernetes, controls: []string{extras},
			do: func(w *world) { w.edit(func(p *v1alpha1.CoachPlatform) { p.Spec.Database.Roles = nil }) },
		},
		bysql("another password of the app", verifiers, "ALTER ROLE coach_app PASSWORD 'other'"),
		bysql("another password of the probe", verifiers, "ALTER ROLE coach_probe PASSWORD 'other'"),
		bysql("no password", verifiers, "ALTER ROLE coach_reader PASSWORD NULL"),
		bysql("a password that is kept as MD5", verifiers, "SET password_encryption = 'md5'", "ALTER ROLE coach_reader PASSWORD 'other'"),
		{
			what: "the right password, kept as MD5", by: bySQL, controls: []string{verifiers},
			do: func(w *world) {
				sql("SET password_encryption = 'md5'", "ALTER ROLE coach_reader PASSWORD '"+w.password(reader)+"'")(w)
			},
		},
		bysql("a password that ended", verifiers, "ALTER ROLE coach_reader VALID UNTIL '2001-01-01'"),
		bysql("another password of all logins at once", verifiers, "ALTER ROLE coach_app PASSWORD 'x'", "ALTER ROLE coach_reader PASSWORD 'x'"),
		{
			what: "new passwords in the database kept as MD5", by: bySQL, controls: []string{verifiers},
			do: sql("ALTER DATABASE coach SET password_encryption = 'md5'"), repair: sql("ALTER DATABASE coach RESET password_encryption"),
		},
		{
			what: "new passwords of the probe kept as MD5", by: bySQL, controls: []string{verifiers},
			do: sql("ALTER ROLE coach_probe SET password_encryption = 'md5'"), repair: sql("ALTER ROLE coach_probe RESET password_encryption"),
		},
		{
			what: "the stored password of the app changed", by: byKubernetes, controls: []string{verifiers},
			do: func(w *world) { w.setPassword(app, "another-password-of-the-app") },
		},
		{
			what: "the stored password of the reader changed", by: byKubernetes, controls: []string{verifiers},
			do: func(w *world) { w.setPassword(reader, "another-password-of-the-reader") },
		},
	},
	refusals: []refusal{
		{
			what: "a login of PostgreSQL's reserved names", by: bySQL, controls: []string{extras}, answer: "42939",
			do: trySQL("CREATE ROLE pg_backdoor LOGIN"),
		},
		{
			what: "a login of the operator's reserved names in the spec", by: byKubernetes, controls: []string{extras}, answer: "reserved",
			do: func(w *world) error {
				return w.tryEdit(func(p *v1alpha1.CoachPlatform) {
					p.Spec.Database.Roles = []v1alpha1.DatabaseRole{{Name: "coach_owner", Access: v1alpha1.AccessReadWrite}}
				})
			},
		},
	},
}

func bysql(what, control string, statements ...string) breach {
	return breach{what: what, by: bySQL, controls: []string{control}, do: sql(statements...)}
}

// gap is a breach that is not seen.
func gap(what, control, why string, do, undo func(*world)) breach {
	return breach{what: what, by: bySQL, controls: []string{control}, do: do, repair: undo, unseen: why}
}

func denied(what, control string, statements ...string) refusal {
	return refusal{what: what, by: bySQL, controls: []string{control}, answer: "42501", do: trySQL(statements...)}
}

// asApp runs statements as the app, whose new objects are the owner's.
func asApp(statements ...string) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("running SQL", w.as(app, w.password(app), "coach", statements...))
	}
}

// created is a breach of what the owner will create, which only the owner can set.
func created(what, control, statement string) breach {
	return bysql(what, control, "GRANT coach_owner TO coach_master", statement, "REVOKE coach_owner FROM coach_master")
}
