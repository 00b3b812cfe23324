package flip_test

import (
	"slices"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	extras, rights, public, lends = "CP-ROLE-01", "CP-ROLE-02", "CP-ROLE-03", "CP-ROLE-05"

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
		bysql("a role of PostgreSQL's own may fill the schema", rights, "GRANT ALL ON SCHEMA public TO pg_monitor"),
		bysql("a role of PostgreSQL's own may create schemas", rights, "GRANT CREATE ON DATABASE coach TO pg_monitor"),
		bysql("a role of PostgreSQL's own may connect to another database", rights, "GRANT CONNECT ON DATABASE postgres TO pg_read_all_stats"),
		bysql("a role of PostgreSQL's own is an owner", rights, "GRANT coach_owner TO pg_monitor"),
		bysql("a role of PostgreSQL's own, which the probe is a member of, is a member of another role", rights,
			"CREATE ROLE above", "GRANT above TO pg_monitor"),
		bysql("a role of AWS's own may fill the schema", rights, "GRANT CREATE ON SCHEMA public TO rdstopmgr"),
		bysql("a role of AWS's own may connect", rights, "GRANT CONNECT ON DATABASE coach TO rdstopmgr"),
		bysql("a role of AWS's own is a reader", rights, "GRANT coach_readers TO rdstopmgr"),
		bysql("a role of AWS's own is a master", rights, "GRANT rds_superuser TO rdstopmgr"),
		bysql("RDS's role for masters is an owner", rights, "GRANT coach_owner TO rds_superuser"),
		bysql("the master is a member of another role", rights, "CREATE ROLE beside", "GRANT beside TO coach_master"),
		{
			what: "the master is a superuser, past AWS's API", by: bySabotage, controls: []string{rights}, do: sabotage("superuser-master"),
		},
		bysql("what the master will create can be read by a role of PostgreSQL's own", rights,
			"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor"),
		bysql("the functions that the master will create can be passed on", rights,
			"ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO coach_reader WITH GRANT OPTION"),
		created("readers may write what the owner will create in every schema", rights,
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner GRANT UPDATE ON TABLES TO coach_readers"),
		created("the reader may write what the owner will create in another schema", rights,
			"CREATE SCHEMA more AUTHORIZATION coach_owner; "+
				"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner IN SCHEMA more GRANT INSERT ON TABLES TO coach_reader"),
		bysql("a login of the name of RDS's proxy", extras, "CREATE ROLE rdsproxyadmin LOGIN PASSWORD 'x'"),
		{
			what: "a login of the name of RDS's replication, whose creator is gone", by: bySQL, controls: []string{extras},
			do: sql("CREATE ROLE maker CREATEROLE", "GRANT maker TO coach_master", "SET ROLE maker", "CREATE ROLE rdsrepladmin LOGIN PASSWORD 'x'",
				"RESET ROLE", "DROP ROLE maker"),
			repair: asSuperuser("DROP ROLE rdsrepladmin"),
		},
		bysql("more logins than are read", extras,
			"DO $$ BEGIN FOR i IN 1..501 LOOP EXECUTE 'CREATE ROLE crowd_' || i || ' LOGIN'; END LOOP; END $$"),
		bysql("more memberships than are read", rights,
			"DO $$ BEGIN FOR i IN 1..501 LOOP EXECUTE format('GRANT coach_readers, coach_owner TO crowd_%s', i); END LOOP; END $$"),
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
		created("PUBLIC may read what the owner will create in every schema", public,
			"ALTER DEFAULT PRIVILEGES FOR ROLE coach_owner GRANT SELECT ON TABLES TO PUBLIC"),
		bysql("PUBLIC may do anything with what the master will create in every schema", public,
			"ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO PUBLIC"),
		bysql("PUBLIC may use the schemas that the master will create", public, "ALTER DEFAULT PRIVILEGES GRANT ALL ON SCHEMAS TO PUBLIC"),
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

// lending are breaches by what acts with the rights of its owner for others, or carries data out.
var lending = family{
	name: "lending", major: "17",
	breaches: []breach{
		bysql("a function with the master's rights", lends, "CREATE FUNCTION public.f()"+definer),
		bysql("a procedure with the master's rights", lends,
			"CREATE PROCEDURE public.p(VARIADIC a text[]) LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"),
		bysql("a trigger's function with the master's rights", lends,
			"CREATE FUNCTION public.t() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$BEGIN RETURN NEW; END$$"),
		bysql("a function that was made one with the master's rights later", lends, "ALTER FUNCTION public.f() SECURITY DEFINER"),
		bysql("a function with the rights of a role between", lends, "CREATE ROLE between", "GRANT rds_superuser TO between",
			"GRANT CREATE ON SCHEMA public TO between", "GRANT between TO coach_master", "CREATE FUNCTION public.b()"+definer,
			"ALTER FUNCTION public.b() OWNER TO between", "REVOKE between FROM coach_master", "REVOKE CREATE ON SCHEMA public FROM between"),
		lendsAs("a function with the owner's rights, for everybody", "CREATE FUNCTION public.o()"+definer),
		lendsAs("a function with the owner's rights, for readers", "CREATE FUNCTION public.r()"+definer,
			"REVOKE EXECUTE ON FUNCTION public.r() FROM PUBLIC", "GRANT EXECUTE ON FUNCTION public.r() TO coach_readers"),
		lendsAs("a function of a login's own, in another schema", "CREATE SCHEMA tools", "GRANT ALL ON SCHEMA tools TO coach_app",
			"SET ROLE NONE", "CREATE FUNCTION tools.own()"+definer),
		{
			what: "a function with the master's rights in another database", by: bySQL, controls: []string{lends},
			do: elsewhere("postgres", "CREATE FUNCTION public.f()"+definer), repair: elsewhere("postgres", "DROP FUNCTION public.f()"),
		},
		{
			what: "a function with the master's rights in the template of new databases", by: bySQL, controls: []string{lends},
			do: elsewhere("template1", "CREATE FUNCTION public.f()"+definer), repair: elsewhere("template1", "DROP FUNCTION public.f()"),
		},
		{
			what: "an event trigger, as RDS lets its master create them", by: bySQL, controls: []string{lends},
			do: asSuperuser("CREATE FUNCTION public.sprung() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
				"CREATE EVENT TRIGGER trap ON ddl_command_end EXECUTE FUNCTION public.sprung()"),
		},
		{
			what: "an event trigger at every login", by: bySQL, controls: []string{lends},
			do: asSuperuser("CREATE FUNCTION public.greeted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'",
				"CREATE EVENT TRIGGER greet ON login EXECUTE FUNCTION public.greeted()"),
			repair: sql("DROP EVENT TRIGGER greet"),
		},
		lendsKept("a foreign server", "DROP FOREIGN DATA WRAPPER w CASCADE",
			"CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER away FOREIGN DATA WRAPPER w"),
		lendsKept("a foreign server with a login that is kept for the reader", "DROP FOREIGN DATA WRAPPER w CASCADE",
			"CREATE FOREIGN DATA WRAPPER w", "CREATE SERVER away FOREIGN DATA WRAPPER w", "CREATE USER MAPPING FOR coach_reader SERVER away"),
		lendsKept("the app may create foreign servers", "DROP FOREIGN DATA WRAPPER w CASCADE",
			"CREATE FOREIGN DATA WRAPPER w", "GRANT USAGE ON FOREIGN DATA WRAPPER w TO coach_app"),
		lendsKept("a publication of all tables", "DROP PUBLICATION everything", "CREATE PUBLICATION everything FOR ALL TABLES"),
		{
			what: "a publication of a table of the app's own", by: bySQL, controls: []string{lends},
			do:     asApp("CREATE TABLE public.notes (text text)", "CREATE PUBLICATION own FOR TABLE public.notes"),
			repair: asApp("DROP TABLE public.notes", "DROP PUBLICATION own"),
		},
		{
			what: "a subscription", by: bySQL, controls: []string{lends},
			do:     asSuperuser("CREATE SUBSCRIPTION copy CONNECTION 'host=x password=y' PUBLICATION p WITH (connect = false)"),
			repair: asSuperuser("ALTER SUBSCRIPTION copy SET (slot_name = NONE)", "DROP SUBSCRIPTION copy"),
		},
	},
	refusals: []refusal{
		denied("an event trigger by a master without RDS's leave", lends, "CREATE EVENT TRIGGER trap ON ddl_command_end EXECUTE FUNCTION public.sprung()"),
		{
			what: "a publication of all tables by the app", by: bySQL, controls: []string{lends}, answer: "42501",
			do: func(w *world) error {
				return w.as(app, w.password(app), "coach", "CREATE PUBLICATION everything FOR ALL TABLES")
			},
		},
		{
			what: "a subscription by the app", by: bySQL, controls: []string{lends}, answer: "42501",
			do: func(w *world) error {
				return w.as(app, w.password(app), "coach",
					"CREATE SUBSCRIPTION copy CONNECTION 'host=x password=y' PUBLICATION p WITH (connect = false)")
			},
		},
	},
	blindnesses: []blindness{
		{
			what: "a database that the master may not connect to", by: bySQL, controls: []string{lends, columns},
			do: sql("CREATE DATABASE hidden", "REVOKE ALL ON DATABASE hidden FROM PUBLIC", "CREATE ROLE holder", "GRANT holder TO coach_master",
				"ALTER DATABASE hidden OWNER TO holder", "REVOKE holder FROM coach_master"),
		},
	},
}

// definer is a function with the rights of its owner.
const definer = " RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1'"

// lendsAs is something that the app lends.
func lendsAs(what string, statements ...string) breach {
	return breach{what: what, by: bySQL, controls: []string{lends}, do: asApp(statements...)}
}

// lendsKept is something that RDS lets its master create, and that the operator does not drop.
func lendsKept(what, undo string, statements ...string) breach {
	return breach{what: what, by: bySQL, controls: []string{lends}, do: asSuperuser(statements...), repair: asSuperuser(undo)}
}

// taken are ways in which somebody else becomes the master.
func taken(major string) family {
	return family{
		name: "the master taken on " + major, major: major,
		breaches: []breach{
			{
				what: "another password of the master, by SQL, on " + major, by: bySQL, controls: []string{extras, verifiers},
				do: func(w *world) {
					sql("ALTER ROLE coach_master PASSWORD 'other'")(w)
					w.later(setMaster)
				},
				repair: ended,
			},
			{
				what: "another password of the master, by AWS, on " + major, by: byAWS, controls: []string{extras, verifiers},
				do: func(w *world) {
					modify(rds.ModifyDBInstanceInput{MasterUserPassword: awssdk.String("another-password")})(w)
					w.later(setMaster)
				},
				repair: ended,
			},
			{
				what: "another password of master and probe, by SQL, on " + major, by: bySQL, controls: []string{extras, verifiers},
				do: func(w *world) {
					sql("ALTER ROLE coach_probe PASSWORD 'other'", "ALTER ROLE coach_master PASSWORD 'other'")(w)
					w.later(setMaster)
				},
				repair: ended,
			},
			{
				what: "the master logs in by IAM, on " + major, by: bySQL, controls: []string{extras, rights, verifiers},
				do: func(w *world) {
					conn, err := w.try(master, w.password(master), scope.DatabaseName)
					w.must("opening a session that stays", err)
					_, err = conn.Exec(w.Context(), "GRANT rds_iam TO coach_master")
					w.must("granting rds_iam", err)
					w.later(func(w *world) {
						_, err := conn.Exec(w.Context(), "REVOKE rds_iam FROM coach_master")
						w.must("revoking rds_iam", err)
						w.must("closing a session", conn.Close(w.Context()))
					})
				},
				repair: ended,
			},
		},
	}
}

// setMaster sets the master's stored password, as an administrator of the account does.
func setMaster(w *world) {
	w.Helper()
	password := w.password(master)
	modify(rds.ModifyDBInstanceInput{MasterUserPassword: &password})(w)
	w.until("the master's own password", func() bool { return w.as(master, password, scope.DatabaseName, "SELECT 1") == nil })
}

// asSuperuser runs statements as the master while it is a superuser: for what RDS lets its master do, and for what only a
// superuser repairs.
func asSuperuser(statements ...string) func(*world) {
	return func(w *world) {
		w.Helper()
		sabotage("superuser-master")(w)
		sql(append(slices.Clone(statements), "ALTER ROLE coach_master NOSUPERUSER")...)(w)
	}
}

// elsewhere runs statements as the master in another database.
func elsewhere(database string, statements ...string) func(*world) {
	return func(w *world) {
		w.Helper()
		w.must("running SQL", w.as(master, w.password(master), database, statements...))
	}
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
		bysql("a login of the name of RDS's proxy, before PostgreSQL 16", extras, "CREATE ROLE rdsproxyadmin LOGIN PASSWORD 'x'"),
		bysql("a login of AWS's own name with a role of PostgreSQL's own", extras, "CREATE ROLE rdswriteforwarduser LOGIN PASSWORD 'x'",
			"GRANT pg_monitor TO rdswriteforwarduser"),
		gap("the password of a role that AWS created, before PostgreSQL 16", extras, "RDS alone can refuse it: nobody sees others' passwords",
			sql("ALTER ROLE rdstopmgr PASSWORD 'x'"), sql("ALTER ROLE rdstopmgr PASSWORD NULL")),
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
