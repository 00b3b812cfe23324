package postgres

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// template is a data directory of a major version as RDS hands it out but for
// its master user. Creating one takes about a second, so it is created once and
// copied for every instance.
func (p *Plane) template(ctx context.Context, major string) (string, error) {
	p.templates.Lock()
	defer p.templates.Unlock()
	dir := filepath.Join(p.root, templateDir, major)
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return dir, err
	}
	if err := p.makeTemplate(ctx, major, dir+".new"); err != nil {
		return "", fmt.Errorf("make template of PostgreSQL %s: %w", major, err)
	}
	return dir, os.Rename(dir+".new", dir)
}

func (p *Plane) makeTemplate(ctx context.Context, major, dir string) error {
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := makeDirs(dir, 0o700); err != nil {
		return err
	}
	if err := p.account.own(dir); err != nil {
		return err
	}
	err := p.runIn(ctx, dir, "", major, "initdb", "--pgdata="+dir, "--username=rdsadmin", "--encoding=UTF8",
		"--locale=C", "--auth-local=peer", "--auth-host=reject", "--data-checksums", "--wal-segsize=1", "--no-sync")
	if err != nil {
		return err
	}
	script := strings.Join(templateSQL(number(major)), "\n") + "\n"
	return p.runIn(ctx, dir, script, major, "postgres", "--single", "-D", dir,
		"-c", "exit_on_error=on", "-c", "fsync=off", "postgres")
}

// runIn runs one of PostgreSQL's programs to its end. Its output, which holds no
// secret, goes into the error.
func (p *Plane) runIn(ctx context.Context, dir, input, major, program string, args ...string) error {
	command := p.command(ctx, major, program, args...)
	command.Dir = dir
	command.Stdin = strings.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", program, err, strings.TrimSpace(string(output)))
	}
	return nil
}

// templateSQL creates the roles and the database of RDS's own, one statement a
// line as single-user mode wants it.
//
// RDS patches PostgreSQL so that members of rds_superuser may grant its roles.
// Up to 15 CREATEROLE is enough for that. From 16 on only ADMIN OPTION is, which
// is a membership too: pg_hba distinguishes the two kinds, see watch.
func templateSQL(major int) []string {
	granted := []string{"rds_password", "rds_replication", "pg_monitor", "pg_signal_backend"}
	added := []struct {
		since int
		role  string
	}{
		{15, "pg_checkpoint"},
		{16, "pg_create_subscription"},
		{16, "pg_use_reserved_connections"},
		{17, "pg_maintain"},
		{18, "pg_signal_autovacuum_worker"},
	}
	for _, role := range added {
		if major >= role.since {
			granted = append(granted, role.role)
		}
	}
	script := slices.Clone([]string{
		"CREATE ROLE rds_superuser",
		"CREATE ROLE rds_iam",
		"CREATE ROLE rds_ad",
		"CREATE ROLE rds_password",
		"CREATE ROLE rds_replication",
		"CREATE DATABASE rdsadmin",
	})
	for _, role := range granted {
		script = append(script, "GRANT "+role+" TO rds_superuser WITH ADMIN OPTION")
	}
	if major >= 16 {
		script = append(script,
			"GRANT rds_iam TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
			"GRANT rds_ad TO rds_superuser WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
	}
	return script
}
