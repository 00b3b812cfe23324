package env

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/onsi/gomega"

	"github.com/coachplatform/coach-operator/internal/scope"
)

// Database is a real PostgreSQL server behind an instance of the account, as RDS would set it up: it speaks
// TLS only, and its master is no superuser.
type Database struct {
	// Host is the endpoint's name, and Port its port.
	Host string
	Port int32
	// Identifier and ResourceID are AWS's names of the instance.
	Identifier, ResourceID string
	// Password of the master.
	Password string

	account *Account
}

// NewDatabase creates an instance of a major version with its server, and waits until it is available. The
// sandbox must have a data plane.
func (a *Account) NewDatabase(t testing.TB, major string) *Database {
	t.Helper()
	db := &Database{Identifier: "db-" + major, Port: 5433, Password: rand.Text(), account: a}
	client, ctx := rds.NewFromConfig(a.Administrator(t)), t.Context()
	group, subnets := "group-"+major, "subnets-"+major
	_, err := client.CreateDBParameterGroup(ctx, &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &group, DBParameterGroupFamily: awssdk.String("postgres" + major), Description: &group,
	})
	if err == nil {
		err = a.SetParameter(ctx, group, "rds.force_ssl", "1")
	}
	if err == nil {
		_, err = client.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{
			DBSubnetGroupName: &subnets, DBSubnetGroupDescription: &subnets, SubnetIds: a.PrivateSubnets,
		})
	}
	if err == nil {
		_, err = client.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{
			DBInstanceIdentifier: &db.Identifier, DBInstanceClass: awssdk.String("db.t4g.medium"), Engine: awssdk.String("postgres"),
			EngineVersion: &major, AllocatedStorage: awssdk.Int32(20), Port: &db.Port, DBName: awssdk.String(scope.DatabaseName),
			MasterUsername: awssdk.String(scope.Master), MasterUserPassword: &db.Password,
			DBParameterGroupName: &group, DBSubnetGroupName: &subnets,
		})
	}
	if err != nil {
		t.Fatalf("creating a database: %v", err)
	}
	waiter := rds.NewDBInstanceAvailableWaiter(client, func(o *rds.DBInstanceAvailableWaiterOptions) {
		o.MinDelay, o.MaxDelay = 50*time.Millisecond, 200*time.Millisecond
	})
	out, err := waiter.WaitForOutput(ctx, &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &db.Identifier}, time.Minute)
	if err != nil {
		t.Fatalf("waiting for a database: %v", err)
	}
	db.Host, db.ResourceID = *out.DBInstances[0].Endpoint.Address, *out.DBInstances[0].DbiResourceId
	return db
}

// Database returns the server behind an instance that the operator created: where it says that one is, with the
// password that it keeps.
func (a *Account) Database(host string, port int32, password string) *Database {
	return &Database{Host: host, Port: port, Password: password, account: a}
}

// SetParameter sets a parameter of a group, at once.
func (a *Account) SetParameter(ctx context.Context, group, name, value string) error {
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	_, err = rds.NewFromConfig(cfg).ModifyDBParameterGroup(ctx, &rds.ModifyDBParameterGroupInput{
		DBParameterGroupName: &group,
		Parameters: []rdstypes.Parameter{
			{ParameterName: &name, ParameterValue: &value, ApplyMethod: rdstypes.ApplyMethodImmediate},
		},
	})
	return err
}

// Scope is what the step database would hand on.
func (d *Database) Scope() scope.Database {
	return scope.Database{
		Identifier: d.Identifier, Endpoint: d.Host, Port: d.Port, State: "available", Connectable: true,
		Record: scope.Record{AccountID: d.account.ID, Region: d.account.Region, ResourceID: d.ResourceID},
	}
}

// Login opens a session, which ends with the test.
func (d *Database) Login(t testing.TB, user, password, database string) *pgx.Conn {
	t.Helper()
	conn, err := d.Try(t, user, password, database)
	if err != nil {
		t.Fatalf("logging in as %s: %v", user, err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Try opens a session over verified TLS, as a program of the tenant's would.
func (d *Database) Try(t testing.TB, user, password, database string) (*pgx.Conn, error) {
	t.Helper()
	pem, err := os.ReadFile(d.account.sandbox.CA)
	if err != nil {
		t.Fatalf("reading the sandbox's CA: %v", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	config := d.config(t, user, password, database)
	config.TLSConfig = &tls.Config{RootCAs: roots, ServerName: d.Host, MinVersion: tls.VersionTLS12}
	return pgx.ConnectConfig(t.Context(), config)
}

// config is that of a session; its TLS is up to the caller.
func (d *Database) config(t testing.TB, user, password, database string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig("host=none port=1 user=none password=none dbname=none sslmode=verify-full")
	if err != nil {
		t.Fatal(err)
	}
	config.Host, config.Port = d.Host, uint16(d.Port)
	config.User, config.Password, config.Database = user, password, database
	config.DialFunc = d.account.sandbox.Dial
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	return config
}

// Do runs statements as the master, one by one.
func (d *Database) Do(t testing.TB, statements ...string) {
	t.Helper()
	conn := d.Login(t, scope.Master, d.Password, scope.DatabaseName)
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	_ = conn.Close(t.Context()) // its work is done
}

// Dial opens connections to databases of the sandbox by their names, as programs in a cluster do whose DNS
// knows them.
func (s *Sandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.DNS)
	}}
	addresses, err := resolver.LookupHost(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolving a database: %w", err)
	}
	return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(addresses[0], port))
}

// SQLState is the SQLSTATE of an error, "" of none; another error's is its text.
func SQLState(err error) string {
	if answer, ok := errors.AsType[*pgconn.PgError](err); ok {
		return answer.Code
	}
	if err != nil {
		return err.Error()
	}
	return ""
}

// Plain opens a session of the master's without TLS, which only some servers admit, and returns
// what ends it.
func (d *Database) Plain(t testing.TB) (end func()) {
	t.Helper()
	config := d.config(t, scope.Master, d.Password, scope.DatabaseName)
	config.TLSConfig = nil
	conn, err := pgx.ConnectConfig(t.Context(), config)
	if err != nil {
		t.Fatalf("opening a session without TLS: %v", err)
	}
	return func() { _ = conn.Close(context.WithoutCancel(t.Context())) }
}

// AwaitNoPlain waits until the server has noticed that sessions without TLS have ended.
func (d *Database) AwaitNoPlain(t testing.TB) {
	t.Helper()
	conn := d.Login(t, scope.Master, d.Password, scope.DatabaseName)
	query := "SELECT count(*) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE NOT ssl AND client_addr IS NOT NULL"
	gomega.NewWithT(t).Eventually(func() (n int, err error) {
		err = conn.QueryRow(t.Context(), query).Scan(&n)
		return n, err
	}).Should(gomega.BeZero())
}
