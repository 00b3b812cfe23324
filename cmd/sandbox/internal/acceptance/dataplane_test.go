package acceptance

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
)

var withServers = map[string]any{"dataPlane": true}

// connect logs in to a database as its master, found by the sandbox's DNS; plain
// does without TLS.
func (a *account) connect(name, password string, plain bool) (*pgx.Conn, error) {
	a.t.Helper()
	endpoint := a.database(name).Endpoint
	config, err := pgx.ParseConfig("user=master dbname=app sslmode=verify-full connect_timeout=10")
	if err != nil {
		a.t.Fatal(err)
	}
	config.Host, config.Port, config.Password = aws.ToString(endpoint.Address), uint16(aws.ToInt32(endpoint.Port)), password
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, running.DNS)
	}}
	config.LookupFunc = resolver.LookupHost
	if plain {
		config.TLSConfig = nil
	} else {
		authority, err := os.ReadFile(running.CA)
		if err != nil {
			a.t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(authority)
		config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: config.Host, MinVersion: tls.VersionTLS12}
	}
	connection, err := pgx.ConnectConfig(a.t.Context(), config)
	if err == nil {
		a.t.Cleanup(func() { _ = connection.Close(context.WithoutCancel(a.t.Context())) })
	}
	return connection, err
}

// login connects with TLS and fails the test if that does not work.
func (a *account) login(name, password string) *pgx.Conn {
	a.t.Helper()
	connection, err := a.connect(name, password, false)
	if err != nil {
		a.t.Fatalf("log in to %s: %v", name, err)
	}
	return connection
}

// sqlState is the SQLSTATE of a refused login, "" of a good one.
func sqlState(err error) string {
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		return failure.Code
	}
	if err != nil {
		return "not a PostgreSQL error: " + err.Error()
	}
	return ""
}

func (a *account) execute(connection *pgx.Conn, statement string) {
	a.t.Helper()
	if _, err := connection.Exec(a.t.Context(), statement); err != nil {
		a.t.Fatalf("%s: %v", statement, err)
	}
}

func (a *account) count(connection *pgx.Conn) (n int) {
	a.t.Helper()
	if err := connection.QueryRow(a.t.Context(), "SELECT count(*) FROM payouts").Scan(&n); err != nil {
		a.t.Fatal(err)
	}
	return n
}

func TestARealDatabaseLivesAsItsInstanceDoes(t *testing.T) {
	t.Parallel()
	a := newAccount(t, withServers).seed()
	a.parameterGroup("own")
	a.available("ledger", func(in *rds.CreateDBInstanceInput) {
		in.DBParameterGroupName, in.Port = aws.String("own"), aws.Int32(6432)
	})
	ctx, name := t.Context(), aws.String("ledger")
	connection := a.login("ledger", masterPassword)
	a.execute(connection, "CREATE TABLE payouts (id int)")
	a.execute(connection, "INSERT INTO payouts VALUES (1), (2)")

	endpoint := aws.ToString(a.database("ledger").Endpoint.Address)
	exit, resolved, _ := a.run("resolve", "-state", running.dir, endpoint)
	address, err := netip.ParseAddr(strings.TrimSpace(resolved))
	if exit != 0 || err != nil || !netip.MustParsePrefix("127.67.0.0/16").Contains(address) {
		t.Errorf("resolve %s: code %d, %q (%v)", endpoint, exit, resolved, err)
	}

	// rds.force_ssl decides whether plaintext is refused.
	if _, err := a.connect("ledger", masterPassword, true); sqlState(err) != "28000" {
		t.Errorf("plaintext: %v", err)
	}
	a.setParameter("own", "rds.force_ssl", "0")
	eventually(t, "plaintext is let in", func() bool { _, err := a.connect("ledger", masterPassword, true); return err == nil })
	a.setParameter("own", "rds.force_ssl", "1")
	eventually(t, "plaintext is refused again", func() bool { _, err := a.connect("ledger", masterPassword, true); return sqlState(err) == "28000" })
	a.post("/sabotage/force-ssl-off", admin.Sabotage{Account: a.id, Region: region, Resource: "ledger"}, nil)
	if _, err := a.connect("ledger", masterPassword, true); err != nil {
		t.Errorf("sabotage did not reach the server: %v", err)
	}

	a.post("/sabotage/superuser-master", admin.Sabotage{Account: a.id, Region: region, Resource: "ledger"}, nil)
	a.execute(a.login("ledger", masterPassword), "ALTER ROLE master NOSUPERUSER") // which only a superuser may

	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, MasterUserPassword: aws.String("another-password")})
	eventually(t, "the new password works", func() bool { _, err := a.connect("ledger", "another-password", false); return err == nil })
	if _, err := a.connect("ledger", masterPassword, false); sqlState(err) != "28P01" {
		t.Errorf("the old password: %v", err)
	}
	a.await("ledger", "available")

	_, err = a.rds.CreateDBSnapshot(ctx, &rds.CreateDBSnapshotInput{DBInstanceIdentifier: name, DBSnapshotIdentifier: aws.String("before")})
	wantCode(t, err, "")
	a.await("ledger", "available")
	a.execute(a.login("ledger", "another-password"), "DELETE FROM payouts")
	_, err = a.rds.RestoreDBInstanceFromDBSnapshot(ctx, &rds.RestoreDBInstanceFromDBSnapshotInput{
		DBInstanceIdentifier: aws.String("restored"), DBSnapshotIdentifier: aws.String("before"),
		DBInstanceClass: aws.String("db.t4g.micro"), DBSubnetGroupName: aws.String("private"),
	})
	wantCode(t, err, "")
	a.await("restored", "available")
	if rows := a.count(a.login("restored", "another-password")); rows != 2 {
		t.Errorf("%d rows restored, want 2", rows)
	}

	_, err = a.rds.StopDBInstance(ctx, &rds.StopDBInstanceInput{DBInstanceIdentifier: name})
	wantCode(t, err, "")
	a.await("ledger", "stopped")
	if _, err := a.connect("ledger", "another-password", false); err == nil {
		t.Error("a stopped instance answers")
	}
	_, err = a.rds.StartDBInstance(ctx, &rds.StartDBInstanceInput{DBInstanceIdentifier: name})
	wantCode(t, err, "")
	a.await("ledger", "available")
	a.login("ledger", "another-password")

	a.modify(&rds.ModifyDBInstanceInput{DBInstanceIdentifier: name, NewDBInstanceIdentifier: aws.String("renamed"), ApplyImmediately: aws.Bool(true)})
	a.gone("ledger")
	a.await("renamed", "available")
	if rows := a.count(a.login("renamed", "another-password")); rows != 0 {
		t.Errorf("%d rows after renaming, want 0", rows)
	}
	_, err = a.rds.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: aws.String("renamed"), SkipFinalSnapshot: aws.Bool(true)})
	wantCode(t, err, "")
	a.gone("renamed")
}

func TestAReplacedDatabaseIsEmptyAndLocked(t *testing.T) {
	t.Parallel()
	a := newAccount(t, withServers).seed()
	before := a.available("swapped")
	a.post("/sabotage/replace-database", admin.Sabotage{Account: a.id, Region: region, Resource: "swapped"}, nil)
	after := a.await("swapped", "available")
	if aws.ToString(before.DbiResourceId) == aws.ToString(after.DbiResourceId) {
		t.Error("it kept its resource ID")
	}
	if _, err := a.connect("swapped", masterPassword, false); sqlState(err) != "28P01" {
		t.Errorf("the old master password: %v", err)
	}
}

func TestAMajorVersionWithoutAServerIsRefused(t *testing.T) {
	t.Parallel()
	a := newAccount(t, withServers).seed()
	a.available("old")
	_, err := a.rds.ModifyDBInstance(t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: aws.String("old"), EngineVersion: aws.String("17"), AllowMajorVersionUpgrade: aws.Bool(true),
	})
	wantCode(t, err, "InvalidParameterCombination")
}
