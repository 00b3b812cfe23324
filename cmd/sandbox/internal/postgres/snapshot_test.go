package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// restored is the spec of an instance to be made from a snapshot: all else comes
// from there.
func restored() postgres.Spec {
	spec := newSpec("")
	spec.MasterUser, spec.MasterPassword, spec.Database = "", "", ""
	return spec
}

func restore(t *testing.T, spec postgres.Spec, snapshot string) {
	t.Helper()
	if _, err := world.plane.Restore(t.Context(), spec, snapshot); err != nil {
		t.Fatalf("restore: %v", err)
	}
	t.Cleanup(func() {
		if err := world.plane.Delete(context.Background(), spec.ID); err != nil {
			t.Errorf("delete: %v", err)
		}
	})
}

func snapshot(t *testing.T, spec postgres.Spec, name string) {
	t.Helper()
	if err := world.plane.Snapshot(t.Context(), spec.ID, name); err != nil {
		t.Fatalf("snapshot: %v", err)
	}
	t.Cleanup(func() {
		err := world.plane.DeleteSnapshot(context.Background(), name)
		if err != nil && !errors.Is(err, postgres.ErrNotFound) {
			t.Errorf("delete snapshot: %v", err)
		}
	})
}

func TestARestoredInstanceHoldsWhatTheSnapshotHeld(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			for state, stop := range map[string]bool{"taken while running": false, "taken while stopped": true} {
				t.Run(state, func(t *testing.T) {
					t.Parallel()
					spec := newSpec(major)
					create(t, spec)
					session := login{spec: spec, database: "coach"}.session(t)
					execute(t, session,
						"CREATE TABLE kept (n int)", "INSERT INTO kept SELECT generate_series(1, 1000)",
						"CREATE ROLE app LOGIN PASSWORD 'App-1-secret'", "GRANT SELECT ON kept TO app")
					if stop {
						if err := world.plane.Stop(t.Context(), spec.ID); err != nil {
							t.Fatal(err)
						}
					}
					name := "rds:" + spec.ID
					snapshot(t, spec, name)
					if !stop {
						execute(t, session, "DELETE FROM kept", "DROP TABLE kept", "ALTER ROLE app PASSWORD NULL")
					}
					if err := world.plane.Delete(t.Context(), spec.ID); err != nil {
						t.Fatal(err)
					}

					copied := restored()
					restore(t, copied, name)
					app := login{spec: copied, user: "app", password: "App-1-secret", database: "coach"}.session(t)
					if got := value[int](t, app, "SELECT sum(n) FROM kept"); got != 500500 {
						t.Errorf("rows add up to %d", got)
					}
					login{spec: copied, user: spec.MasterUser, password: spec.MasterPassword}.session(t)
				})
			}
		})
	}
}

// write inserts 20 rows at a time, numbered from 0, and has the server write all
// of it to disk where its master may ask for that, until stopped.
func write(t *testing.T, spec postgres.Spec) (stop func()) {
	t.Helper()
	session := login{spec: spec}.session(t)
	execute(t, session, "CREATE TABLE bulk (n int, filler text)")
	mayCheckpoint := spec.Major != "14"
	done := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			insert := "INSERT INTO bulk SELECT $1::int, repeat('x', 2000) FROM generate_series(1, 20)"
			_, err := session.Exec(context.Background(), insert, n)
			if err == nil && mayCheckpoint {
				_, err = session.Exec(context.Background(), "CHECKPOINT")
			}
			if err != nil {
				t.Errorf("write: %v", err)
				return
			}
		}
	})
	return func() {
		close(done)
		writing.Wait()
	}
}

func TestASnapshotUnderWritesIsOneMoment(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			stop := write(t, spec)
			reader := login{spec: spec}.session(t)
			written := func(session *pgx.Conn) int {
				return value[int](t, session, "SELECT coalesce(max(n), 0) FROM bulk")
			}
			eventually(t, "some writes", func() bool { return written(reader) > 5 })
			before := written(reader)
			snapshot(t, spec, "busy-"+spec.ID)
			after := written(reader)
			stop()

			copied := restored()
			copied.MasterPassword = "Restored-1"
			restore(t, copied, "busy-"+spec.ID)
			session := login{spec: copied, user: spec.MasterUser, password: "Restored-1"}.session(t)
			if n := written(session); n < before || n > after+1 {
				t.Errorf("restored at write %d, taken between %d and %d", n, before, after)
			}
			if lost := value[int](t, session, "SELECT 20 * (max(n) + 1) - count(*) FROM bulk"); lost != 0 {
				t.Errorf("%d rows are lost", lost)
			}
			execute(t, session, "INSERT INTO bulk VALUES (1, '')")
		})
	}
}

func TestSnapshotsThatCannotBe(t *testing.T) {
	t.Parallel()
	spec := newSpec("16")
	create(t, spec)
	ctx, plane := t.Context(), world.plane
	name := "once-" + spec.ID
	snapshot(t, spec, name)
	if err := plane.Snapshot(ctx, spec.ID, name); !errors.Is(err, postgres.ErrExists) {
		t.Errorf("a taken name: %v", err)
	}
	if err := plane.Snapshot(ctx, spec.ID, "../x"); err == nil {
		t.Error("a path was taken for a name")
	}
	other := restored()
	other.Major = "18"
	if _, err := plane.Restore(ctx, other, name); err == nil {
		t.Error("restored to another major version")
	}
	if _, err := plane.Restore(ctx, spec, name); !errors.Is(err, postgres.ErrExists) {
		t.Errorf("restore over an instance: %v", err)
	}
	if err := plane.DeleteSnapshot(ctx, name); err != nil {
		t.Fatal(err)
	}
	if _, err := plane.Restore(ctx, restored(), name); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("restore from a deleted snapshot: %v", err)
	}
	login{spec: spec}.session(t)
}
