package dbrole_test

import (
	"context"
	"net"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// mustBeUnobserved checks that nothing is claimed and nothing is wanted, for a reason that a person can read. What the
// failure itself violates is named.
func (w *world) mustBeUnobserved(out converge.Outcome, reason string, violated ...string) {
	w.Helper()
	if reasonOf(out) != reason || !out.ObserveFailed || len(out.Changes) > 0 || len(w.in.Roles.Logins) > 0 {
		w.Errorf("got %v, observe failed %v, changes %v; want %s", out.Err, out.ObserveFailed, paths(out), reason)
	}
	for control, verdict := range verdicts(out) {
		want := converge.Unknown
		if slices.Contains(violated, control) {
			want = converge.Violated
		}
		if verdict != want {
			w.Errorf("%s is %v of what was not observed, want %v", control, verdict, want)
		}
	}
}

func TestADatabaseThatCannotBeObservedIsUnknown(t *testing.T) { //nolint:tparallel // the ways share a database
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	dial := w.account.Sandbox().Dial
	for _, c := range []struct {
		name, reason string
		hide         func() (show func())
		violated     []string
	}{
		{"its server vouches for itself by an authority that the class does not trust", v1alpha1.ReasonCertificateRefused, func() func() {
			w.trust = new("")
			return func() { w.trust = nil }
		}, nil},
		{"who answers does not speak TLS", v1alpha1.ReasonTLSRefused, func() func() {
			w.restart(w.rogue())
			return func() { w.restart(dial) }
		}, nil},
		{"no server answers", v1alpha1.ReasonDatabaseUnreachable, func() func() {
			w.restart(func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed })
			return func() { w.restart(dial) }
		}, nil},
		{"AWS is still creating it", v1alpha1.ReasonWaitingForDatabase, func() func() {
			w.unconnectable = true
			return func() { w.unconnectable = false }
		}, nil},
		{"all its connections are taken", v1alpha1.ReasonDatabaseFull, w.fill, nil},
		{"there is no password of the probe and none of the master", v1alpha1.ReasonLoginRefused, w.with(nil), nil},
		{"neither the probe nor the master is admitted", v1alpha1.ReasonLoginRefused, w.with(newPasswords()), []string{extras, verifiers}},
		{"neither is admitted, while AWS sets a new password of the master", v1alpha1.ReasonLoginRefused, func() func() {
			w.pending = true
			show := w.with(newPasswords())()
			return func() { w.pending = false; show() }
		}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w.TB = t
			show := c.hide()
			w.mustBeUnobserved(w.write(), c.reason, c.violated...)
			show()
			w.mustHold(w.settle())
		})
	}
}

// with replaces the stored passwords.
func (w *world) with(other *env.Passwords) func() (show func()) {
	return func() func() {
		passwords := w.passwords
		if w.passwords = other; other == nil {
			w.passwords = env.NewPasswords(nil)
		}
		return func() { w.passwords = passwords }
	}
}

// fill takes every connection that the database has for ordinary logins.
func (w *world) fill() (show func()) {
	w.Helper()
	password, err := w.passwords.Stored(w.Context(), "coach_app")
	if err != nil {
		w.Fatal(err)
	}
	var held []*pgx.Conn
	for {
		conn, err := w.db.Try(w, "coach_app", password, scope.DatabaseName)
		if err != nil {
			break // that was the last
		}
		held = append(held, conn)
	}
	return func() {
		for _, conn := range held {
			_ = conn.Close(w.Context())
		}
	}
}

// rogue dials a server that says no to TLS and then listens for a password.
func (w *world) rogue() func(context.Context, string, string) (net.Conn, error) {
	w.Helper()
	return func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			request := make([]byte, 8)
			if _, err := theirs.Read(request); err == nil {
				_, _ = theirs.Write([]byte("N"))
			}
			if n, _ := theirs.Read(make([]byte, 1)); n > 0 {
				w.Error("something was sent to a server that does not speak TLS")
			}
			_ = theirs.Close()
		}()
		return ours, nil
	}
}

func TestSessionsThatCannotBeReadAreUnknown(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "16")
	w.settle()
	w.db.Do(t, "REVOKE pg_monitor FROM coach_probe")
	out := w.observe()
	if got := verdicts(out)["CP-TLS-02"]; got != converge.Unknown {
		t.Errorf("the sessions of others cannot be read, and CP-TLS-02 is %v", got)
	}
	w.mustHold(out, "CP-TLS-02")
	w.mustHold(w.settle())
}
