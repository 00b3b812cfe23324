package postgres_test

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestTheMasterIsWhatItIsOnRDS(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			session := login{spec: spec, database: "coach"}.session(t)

			facts := map[string]string{
				"it is no superuser":             "SELECT NOT rolsuper AND NOT rolreplication AND NOT rolbypassrls FROM pg_roles WHERE rolname = current_user",
				"it creates roles and databases": "SELECT rolcreaterole AND rolcreatedb FROM pg_roles WHERE rolname = current_user",
				"it is in rds_superuser":         "SELECT pg_has_role('rds_superuser', 'MEMBER')",
				"it sees every session":          "SELECT pg_has_role('pg_monitor', 'USAGE')",
				"it owns its database":           "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = 'coach'",
				"it owns database postgres":      "SELECT pg_get_userbyid(datdba) = current_user FROM pg_database WHERE datname = 'postgres'",
				"rdsadmin is the only superuser": "SELECT array_agg(rolname) = '{rdsadmin}' FROM pg_roles WHERE rolsuper",
				"passwords are SCRAM":            "SELECT current_setting('password_encryption') = 'scram-sha-256'",
				"RDS's roles cannot log in":      "SELECT count(*) = 5 FROM pg_roles WHERE rolname ~ '^rds_' AND NOT rolcanlogin",
			}
			for fact, query := range facts {
				if !value[bool](t, session, query) {
					t.Errorf("not so: %s", fact)
				}
			}
			execute(t, session, "REVOKE CREATE ON SCHEMA public FROM PUBLIC")
			if value[bool](t, session, "SELECT has_schema_privilege('public', 'public', 'CREATE')") {
				t.Error("it cannot close schema public to others")
			}
			execute(t, session,
				"CREATE ROLE tenant NOLOGIN",
				"CREATE ROLE tenant_a LOGIN PASSWORD 'Tenant-a-1' IN ROLE tenant",
				"CREATE DATABASE tenant_db",
				"REVOKE ALL ON DATABASE tenant_db FROM PUBLIC",
				"CREATE TABLE public.mine (n int)",
				"GRANT rds_iam TO tenant",
				"REVOKE rds_iam FROM tenant",
				"GRANT rds_superuser TO tenant",
				"REVOKE rds_superuser FROM tenant",
				"SELECT pg_terminate_backend(0) WHERE false",
				"ALTER ROLE tenant_a PASSWORD NULL",
				"DROP ROLE tenant_a, tenant",
			)
		})
	}
}

func TestTheMasterCannotDoWhatASuperuserCan(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			session := login{spec: spec}.session(t)
			for _, statement := range []string{
				"CREATE ROLE evil SUPERUSER",
				"ALTER ROLE rdsadmin PASSWORD 'x'",
				"SET ROLE rdsadmin",
				"GRANT rdsadmin TO coach_master",
				"ALTER SYSTEM SET ssl = off",
				"SELECT pg_read_file('pg_hba.conf')",
				"CREATE EXTENSION file_fdw",
				"COPY (SELECT 1) TO '/tmp/never'",
			} {
				var refused *pgconn.PgError
				if _, err := session.Exec(
					t.Context(),
					statement,
				); !errors.As(err, &refused) ||
					refused.Code != "42501" {
					t.Errorf("%s: %v, want permission denied", statement, err)
				}
			}
		})
	}
}

func TestWhoIsNotLetInByTheNetwork(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			const password = "App-1-secret"
			master := login{spec: spec, database: "coach"}.session(t)
			execute(t, master,
				"CREATE ROLE app LOGIN PASSWORD '"+password+"'",
				"CREATE ROLE iam_direct LOGIN PASSWORD '"+password+"'",
				"CREATE ROLE iam_group",
				"CREATE ROLE iam_indirect LOGIN PASSWORD '"+password+"' IN ROLE iam_group",
			)
			app := login{spec: spec, user: "app", password: password, database: "coach"}
			app.session(t)

			login{spec: spec, user: spec.MasterUser, password: "wrong"}.refused(t, "28P01", "")
			login{spec: spec, user: "iam_direct", password: password, database: "coach"}.session(t)

			execute(t, master, "GRANT rds_iam TO iam_direct, iam_group")
			for _, test := range []struct {
				sentence, user, password, database, code string
			}{
				{"rdsadmin, whatever the password", "rdsadmin", spec.MasterPassword, "postgres", "28000"},
				{"the master, to RDS's own database", spec.MasterUser, spec.MasterPassword, "rdsadmin", "28000"},
				{"a role that cannot log in", "rds_superuser", password, "coach", "28P01"},
				{"someone unknown", "nobody", password, "coach", "28P01"},
				{"a member of rds_iam, with its password", "iam_direct", password, "coach", "28000"},
				{"a member by way of a group", "iam_indirect", password, "coach", "28000"},
			} {
				t.Run(test.sentence, func(t *testing.T) {
					login{
						spec:     spec,
						user:     test.user,
						password: test.password,
						database: test.database,
					}.refused(
						t,
						test.code,
						"",
					)
				})
			}
			app.session(t)
			execute(t, master, "REVOKE rds_iam FROM iam_direct")
			login{spec: spec, user: "iam_direct", password: password, database: "coach"}.session(t)
		})
	}
}

// On RDS from PostgreSQL 16 on, a master that grants rds_iam to a role that it
// created has granted it to itself.
func TestAMasterCanLockItselfOut(t *testing.T) {
	t.Parallel()
	cases := map[string]bool{"14": false, "16": true, "18": true}
	for major, trapped := range cases {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			master := login{spec: spec}
			session := master.session(t)
			execute(t, session, "CREATE ROLE created LOGIN", "GRANT rds_iam TO created")
			if !trapped {
				master.session(t)
				return
			}
			eventually(t, "the master is locked out", func() bool {
				connection, err := master.connect(t)
				if err == nil {
					hangUp(t, connection)
				}
				return err != nil
			})
			master.refused(t, "28000", "rejects connection")
			if err := world.plane.Reboot(t.Context(), spec.ID); err != nil {
				t.Fatal(err)
			}
			master.refused(t, "28000", "rejects connection")
		})
	}
}

func TestALockedOutMasterGetsInAgainWhenTheGrantIsUndone(t *testing.T) {
	t.Parallel()
	spec := newSpec("17")
	create(t, spec)
	master := login{spec: spec}
	session := master.session(t)
	reachable := func() bool {
		connection, err := master.connect(t)
		if err == nil {
			hangUp(t, connection)
		}
		return err == nil
	}
	execute(t, session, "CREATE ROLE created LOGIN", "GRANT rds_iam TO created")
	eventually(t, "the master is locked out", func() bool { return !reachable() })
	execute(t, session, "REVOKE rds_iam FROM created")
	eventually(t, "the master gets in again", reachable)
}
