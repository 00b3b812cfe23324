package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// restored is the spec of a new instance made from another's snapshot.
func restored(of postgres.Spec) postgres.Spec {
	spec := newSpec("")
	spec.MasterUser, spec.MasterPassword, spec.Database = "", "", ""
	if _, ok := world.plane.Address(of.ID); !ok {
		spec.Port++
	}
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

					copied := restored(spec)
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

func TestASnapshotUnderWritesIsOneMoment(t *testing.T) {
	t.Parallel()
	for _, major := range majors {
		t.Run("PostgreSQL "+major, func(t *testing.T) {
			t.Parallel()
			spec := newSpec(major)
			create(t, spec)
			setup := login{spec: spec}.session(t)
			execute(t, setup, "CREATE TABLE pair (side text PRIMARY KEY, n int, filler text)",
				"INSERT INTO pair VALUES ('left', 0, ''), ('right', 0, '')", "CREATE TABLE bulk (n int, filler text)")

			writer := login{spec: spec}.session(t)
			done := make(chan struct{})
			var writing sync.WaitGroup
			writing.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-done:
						return
					default:
					}
					if _, err := writer.Exec(context.Background(), "UPDATE pair SET n = n + 1"); err != nil {
						t.Errorf("write: %v", err)
						return
					}
					if _, err := writer.Exec(
						context.Background(),
						"INSERT INTO bulk SELECT $1::int, repeat('x', 2000) FROM generate_series(1, 20)",
						n,
					); err != nil {
						t.Errorf("write: %v", err)
						return
					}
				}
			})
			eventually(t, "some writes", func() bool { return value[int](t, setup, "SELECT min(n) FROM pair") > 5 })
			before := value[int](t, setup, "SELECT min(n) FROM pair")
			snapshot(t, spec, "busy-"+spec.ID)
			after := value[int](t, setup, "SELECT min(n) FROM pair")
			close(done)
			writing.Wait()

			copied := restored(spec)
			copied.MasterPassword = "Restored-1"
			restore(t, copied, "busy-"+spec.ID)
			session := login{spec: copied, user: spec.MasterUser, password: "Restored-1"}.session(t)
			if !value[bool](t, session, "SELECT count(DISTINCT n) = 1 AND count(*) = 2 FROM pair") {
				t.Error("the restored pair differs")
			}
			if n := value[int](t, session, "SELECT min(n) FROM pair"); n < before || n > after+1 {
				t.Errorf("restored at write %d, taken between %d and %d", n, before, after)
			}
			execute(t, session, "SELECT sum(length(filler)) FROM bulk", "INSERT INTO bulk VALUES (1, '')")
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
	other := restored(spec)
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
	if _, err := plane.Restore(ctx, restored(spec), name); !errors.Is(err, postgres.ErrNotFound) {
		t.Errorf("restore from a deleted snapshot: %v", err)
	}
	login{spec: spec}.session(t)
}
