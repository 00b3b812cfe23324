package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// connectTimeout bounds one connection attempt to a server's local socket.
const connectTimeout = 10 * time.Second

// socketDir is the instance's abstract socket: it needs no path, which could be
// too long or closed to one of the two sides, and leaves no file behind. Who
// connects is known from the kernel (peer), not by a password.
func (i *instance) socketDir() string {
	sum := sha256.Sum256([]byte(i.dir))
	return "@coach-sandbox-" + hex.EncodeToString(sum[:8])
}

// connect opens a session as rdsadmin, the superuser whom no network reaches.
func (i *instance) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("host=/ user=rdsadmin application_name=rdsadmin")
	if err != nil {
		return nil, err
	}
	config.Database = database
	config.ConnectTimeout = connectTimeout
	socket := i.socketDir() + "/.s.PGSQL." + strconv.Itoa(i.spec.Port)
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return pgx.ConnectConfig(ctx, config)
}

// as runs work in a session of rdsadmin.
func (i *instance) as(ctx context.Context, database string, work func(*pgx.Conn) error) error {
	if !i.running() {
		return ErrStopped
	}
	connection, err := i.connect(ctx, database)
	if err != nil {
		return err
	}
	return errors.Join(work(connection), connection.Close(ctx))
}

// run executes statements one by one: some cannot share a transaction.
func (i *instance) run(ctx context.Context, database string, statements ...string) error {
	return i.as(ctx, database, func(connection *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := connection.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

// provision creates the master and what it owns, as RDS does.
func (i *instance) provision(ctx context.Context, password string) error {
	master := pgx.Identifier{i.spec.MasterUser}.Sanitize()
	grant := "GRANT rds_superuser TO " + master
	if number(i.spec.Major) >= 16 {
		grant += " WITH ADMIN OPTION"
	}
	statements := []string{
		"CREATE ROLE rdstopmgr LOGIN", // one of RDS's own that logs in, and none of those that are as old as the cluster
		"CREATE ROLE " + master + " LOGIN CREATEROLE CREATEDB VALID UNTIL 'infinity'",
		grant,
		"ALTER DATABASE postgres OWNER TO " + master,
		"ALTER DATABASE template1 OWNER TO " + master,
	}
	if err := i.run(ctx, "postgres", statements...); err != nil {
		return fmt.Errorf("create master user: %w", err)
	}
	if err := i.provisionSchemas(ctx, master); err != nil {
		return err
	}
	if i.spec.Database != "" && i.spec.Database != "postgres" {
		create := "CREATE DATABASE " + pgx.Identifier{i.spec.Database}.Sanitize() + " OWNER " + master
		if err := i.run(ctx, "postgres", create); err != nil {
			return fmt.Errorf("create database: %w", err)
		}
	}
	return i.setPassword(ctx, password)
}

// provisionSchemas gives the master schema public, which from 15 on belongs to
// the database's owner anyway.
func (i *instance) provisionSchemas(ctx context.Context, master string) error {
	if number(i.spec.Major) >= 15 {
		return nil
	}
	for _, database := range []string{"postgres", "template1"} {
		if err := i.run(ctx, database, "ALTER SCHEMA public OWNER TO "+master); err != nil {
			return fmt.Errorf("give schema public of %s to the master: %w", database, err)
		}
	}
	return nil
}

// setPassword sends the password over the local socket only. The server's
// settings keep statements out of its log, and PostgreSQL's errors do not repeat
// literals.
func (i *instance) setPassword(ctx context.Context, password string) error {
	if password == "" || strings.ContainsRune(password, 0) {
		return errors.New("master password is empty or holds a zero byte")
	}
	return i.as(ctx, "postgres", func(connection *pgx.Conn) error {
		literal, err := connection.PgConn().EscapeString(password)
		if err != nil {
			return err
		}
		master := pgx.Identifier{i.spec.MasterUser}.Sanitize()
		if _, err := connection.Exec(ctx, "ALTER ROLE "+master+" PASSWORD '"+literal+"'"); err != nil {
			return fmt.Errorf("set master password: %w", err)
		}
		return nil
	})
}

// loadTime is when the server last read its configuration.
func (i *instance) loadTime(ctx context.Context) (loaded time.Time, err error) {
	err = i.as(ctx, "postgres", func(connection *pgx.Conn) error {
		return connection.QueryRow(ctx, "SELECT pg_conf_load_time()").Scan(&loaded)
	})
	return loaded, err
}
