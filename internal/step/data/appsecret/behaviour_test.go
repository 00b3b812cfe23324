package appsecret_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestAQuietPassIsOneRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converge()
	w.calls.made = nil
	if out := w.pass(); out.Err != nil || len(out.Changes) > 0 {
		t.Fatalf("not quiet: %v %+v", out.Err, out.Changes)
	}
	if diff := cmp.Diff([]string{"list"}, w.calls.made); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestAPlanWritesNothingAndSaysWhatWouldBeDone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, c := range []struct {
		about string
		do    func()
		want  []converge.Change
	}{
		{"nothing is there", func() {}, []converge.Change{{
			Step: "appsecret", Path: "secrets", From: first + ": missing; " + second + ": missing", To: first + ": current; " + second + ": current",
		}}},
		{"one was edited", func() {
			w.converge()
			w.edit(first, func(s *corev1.Secret) { s.Data["password"] = []byte("guess") })
		}, []converge.Change{{
			Step: "appsecret", Path: "secrets", From: first + ": edited; " + second + ": current",
			To: first + ": current; " + second + ": current", Drift: true,
		}}},
		{"the password is another", func() {
			w.converge()
			w.must(w.passwords.Forget(t.Context(), app.Name))
			_, err := w.passwords.Ensure(t.Context(), app.Name)
			w.must(err)
		}, []converge.Change{{Step: "appsecret", Path: "contents", From: first + ": outdated", To: first + ": renewed"}}},
	} {
		c.do()
		w.calls.made = nil
		out := w.run(w.in, converge.Mode{Generation: 1})
		if diff := cmp.Diff(c.want, out.Changes); diff != "" {
			t.Errorf("%s: the plan (-want +got):\n%s", c.about, diff)
		}
		if writes := w.calls.writes(); len(writes) > 0 {
			t.Errorf("%s: a plan wrote: %v", c.about, writes)
		}
	}
}

func TestWithoutAGrantItIsSaidHowToGiveOneAndOnceGivenItWorks(t *testing.T) {
	t.Parallel()
	w := newUngranted(t)
	out := w.pass()
	f := fault.As(out.Err)
	command := "kubectl coach grant " + w.namespace + " | kubectl apply -f -"
	if f.Class != fault.Denied || f.Reason != v1alpha1.ReasonNamespaceNotGranted || !strings.Contains(f.Message, command) {
		t.Errorf("got %v", f)
	}
	if f.After != 30*time.Second {
		t.Errorf("it is observed again after %s", f.After)
	}
	w.grant()
	w.converge()
	if w.secret(first) == nil {
		t.Error("it was not created")
	}
}

func TestInANamespaceThatIsBeingDeletedNothingIsMade(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	namespace := &corev1.Namespace{}
	namespace.Name = w.namespace
	w.must(w.admin.Delete(t.Context(), namespace))
	out := w.until(w.in, func(out converge.Outcome) bool { return fault.As(out.Err).Reason == v1alpha1.ReasonReleasing })
	if f := fault.As(out.Err); f.Class != fault.Waiting || !strings.Contains(f.Message, w.namespace) {
		t.Errorf("got %v", f)
	}
	if names := w.names(); len(names) > 0 {
		t.Errorf("created: %v", names)
	}
}

func TestNothingIsAskedForBeforeTheInputsAreThere(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*scope.Platform)
		class  fault.Class
		reason string
	}{
		"no logins":      {func(in *scope.Platform) { in.Roles = scope.Roles{} }, fault.Waiting, v1alpha1.ReasonWaitingForRoles},
		"no endpoint":    {func(in *scope.Platform) { in.Database = scope.Database{} }, fault.Waiting, v1alpha1.ReasonWaitingForRoles},
		"no authorities": {func(in *scope.Platform) { in.Class.Spec.CABundle = "none" }, fault.Invalid, v1alpha1.ReasonInvalidSpec},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newUngranted(t)
			c.change(w.in)
			out := w.pass()
			if f := fault.As(out.Err); f.Class != c.class || f.Reason != c.reason || !out.ObserveFailed {
				t.Errorf("got %v, observe failed %t", f, out.ObserveFailed)
			}
			if len(w.calls.made) > 0 {
				t.Errorf("calls: %v", w.calls.made)
			}
		})
	}
}

// story is a way from one state of the world to another, on which a process may end at any call.
type story struct {
	name string
	// before sets up the state at the beginning.
	before func(*world)
	// least is how many calls the way has.
	least int
}

var stories = []story{
	{"making", func(*world) {}, 9},
	{"healing, remaking and dropping", func(w *world) {
		w.in.Roles.Logins = append(w.in.Roles.Logins, report)
		w.converge()
		w.in.Roles.Logins = []scope.RoleLogin{app, reader}
		w.edit(first, func(s *corev1.Secret) { s.Data["password"] = []byte("guess") })
		w.edit(second, func(s *corev1.Secret) { s.Immutable = new(true) })
	}, 7},
}

func TestACrashAtAnyCallIsMadeUpForWithoutADuplicate(t *testing.T) {
	t.Parallel()
	for _, s := range stories {
		straight := newWorld(t)
		s.before(straight)
		straight.calls.made = nil
		straight.converge()
		total := len(straight.calls.made)
		if total < s.least {
			t.Errorf("%s: %d calls, want at least %d: %v", s.name, total, s.least, straight.calls.made)
		}
		for number := 1; number <= total; number++ {
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, call %d %s, lost after it took effect %t", s.name, number, straight.calls.made[number-1], after), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t)
					s.before(w)
					w.calls.made = nil
					w.calls.strike = func(n int, _ string) (error, bool) {
						if n == number {
							return errors.New("connection lost beside " + canary), after
						}
						return nil, false
					}
					w.converge()
					if len(w.calls.made) < number {
						t.Fatalf("it never struck: %v", w.calls.made)
					}
					w.mustEqual(straight)
				})
			}
		}
	}
}

// mustEqual compares the Secrets of two worlds.
func (w *world) mustEqual(other *world) {
	w.t.Helper()
	if diff := cmp.Diff(other.names(), w.names()); diff != "" {
		w.t.Fatalf("Secrets (-want +got):\n%s", diff)
	}
	for _, name := range w.names() {
		mine, theirs := plain(w.secret(name)), plain(other.secret(name))
		theirs.Namespace = mine.Namespace
		theirs.Annotations["payouts.coachplatform.io/tenant"] = w.namespace + "/studio"
		if diff := cmp.Diff(theirs, mine); diff != "" {
			w.t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOfTwoWritersOneReadsAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before func(*world)
		// call is the one before which somebody else comes first.
		call    string
		between func(*world)
		// harmless says that who comes first has done what the call would.
		harmless bool
		after    func(*testing.T, *world)
	}{
		"another operator created it": {
			func(*world) {}, "create " + first,
			func(w *world) { w.beside().converge() }, false,
			func(t *testing.T, w *world) { t.Helper(); w.converge() },
		},
		"another owner created one of that name": {
			func(*world) {}, "create " + first,
			func(w *world) { w.put(first, nil) }, false,
			func(t *testing.T, w *world) {
				t.Helper()
				out := w.until(w.in, func(out converge.Outcome) bool { return len(out.Changes) == 0 })
				if fault.ClassOf(out.Err) != fault.Conflict || string(w.secret(first).Data["mine"]) != "kept" {
					t.Errorf("got %v", out.Err)
				}
			},
		},
		"somebody wrote it before it was healed": {
			func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Data["host"] = []byte("elsewhere") }) }, "patch " + first,
			func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Data["more"] = []byte("than that") }) }, false,
			func(t *testing.T, w *world) {
				t.Helper()
				w.converge()
				if s := w.secret(first); len(s.Data) != len(keys) || string(s.Data["host"]) != endpoint {
					t.Error("it was not healed")
				}
			},
		},
		"it was gone before it was healed": {
			func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Data["host"] = []byte("elsewhere") }) }, "patch " + first,
			func(w *world) { w.must(w.admin.Delete(w.t.Context(), w.secret(first))) }, false,
			func(t *testing.T, w *world) { t.Helper(); w.converge() },
		},
		"one that is not owned stood in its place before it was repaired": {
			func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Data["host"] = []byte("elsewhere") }) }, "patch " + first,
			func(w *world) { w.must(w.admin.Delete(w.t.Context(), w.secret(first))); w.put(first, nil) }, false,
			mustLeave(first),
		},
		"one that is not owned stood in its place before it was dropped": {
			func(w *world) {
				w.in.Roles.Logins = append(w.in.Roles.Logins, report)
				w.converge()
				w.in.Roles.Logins = []scope.RoleLogin{app, reader}
			}, "delete studio-database-monthly-report",
			func(w *world) {
				const name = "studio-database-monthly-report"
				w.must(w.admin.Delete(w.t.Context(), w.secret(name)))
				w.put(name, nil)
			}, false,
			mustLeave("studio-database-monthly-report"),
		},
		"one that is not owned stood in its place before it was created again": {
			func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Immutable = new(true) }) }, "delete " + first,
			func(w *world) { w.must(w.admin.Delete(w.t.Context(), w.secret(first))); w.put(first, nil) }, false,
			mustLeave(first),
		},
		"it was gone before it was dropped": {
			func(w *world) {
				w.in.Roles.Logins = append(w.in.Roles.Logins, report)
				w.converge()
				w.in.Roles.Logins = []scope.RoleLogin{app, reader}
			}, "delete studio-database-monthly-report",
			func(w *world) { w.must(w.admin.Delete(w.t.Context(), w.secret("studio-database-monthly-report"))) }, true,
			func(t *testing.T, w *world) { t.Helper(); w.converge() },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if !strings.HasPrefix(c.call, "create") {
				w.converge()
			}
			c.before(w)
			came := false
			w.calls.strike = func(_ int, call string) (error, bool) {
				if call == c.call && !came {
					came = true
					c.between(w)
				}
				return nil, false
			}
			out := w.pass()
			if !came {
				t.Fatalf("the call was not made: %v", w.calls.made)
			}
			want := v1alpha1.ReasonSettling
			if c.harmless {
				want = converge.ReasonApplied
			}
			if f := fault.As(out.Err); f.Class != fault.Waiting || f.Reason != want {
				t.Errorf("got %v, want %s", out.Err, want)
			}
			c.after(t, w)
		})
	}
}

// mustLeave checks that a Secret that is not owned was left alone.
func mustLeave(name string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		w.until(w.in, func(out converge.Outcome) bool { return len(out.Changes) == 0 })
		if s := w.secret(name); s == nil || string(s.Data["mine"]) != "kept" || len(s.Data) != 1 {
			t.Errorf("the one that is not owned was touched")
		}
	}
}

// beside is another operator in the same world.
func (w *world) beside() *world {
	other := *w
	other.calls = &calls{Client: w.calls.Client}
	in := *w.in
	other.in, other.known = &in, map[string]string{}
	return &other
}

func TestEveryRefusalHasItsClassAndDisclosesNoSecret(t *testing.T) {
	t.Parallel()
	secrets := schema.GroupResource{Resource: "secrets"}
	said := errors.New("you sent " + canary)
	kind := schema.GroupKind{Kind: "Secret"}
	for name, c := range map[string]struct {
		err    error
		class  fault.Class
		reason string
	}{
		"forbidden":    {apierrors.NewForbidden(secrets, first, said), fault.Denied, v1alpha1.ReasonNamespaceNotGranted},
		"a conflict":   {apierrors.NewConflict(secrets, first, said), fault.Waiting, v1alpha1.ReasonSettling},
		"there is one": {apierrors.NewAlreadyExists(secrets, canary), fault.Waiting, v1alpha1.ReasonSettling},
		"no namespace": {apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "x"), fault.Waiting, v1alpha1.ReasonReleasing},
		"invalid": {
			apierrors.NewInvalid(kind, first, field.ErrorList{field.Invalid(field.NewPath("data"), canary, "no")}),
			fault.Invalid, v1alpha1.ReasonInvalidSpec,
		},
		"a bad request":       {apierrors.NewBadRequest(canary), fault.Invalid, v1alpha1.ReasonInvalidSpec},
		"too many requests":   {apierrors.NewTooManyRequests(canary, 1), fault.Transient, v1alpha1.ReasonTransientError},
		"an internal error":   {apierrors.NewInternalError(said), fault.Transient, v1alpha1.ReasonTransientError},
		"a timeout":           {apierrors.NewServerTimeout(secrets, canary, 1), fault.Transient, v1alpha1.ReasonTransientError},
		"no answer":           {said, fault.Transient, v1alpha1.ReasonTransientError},
		"the end of its time": {fmt.Errorf("%s: %w", canary, context.DeadlineExceeded), fault.Transient, v1alpha1.ReasonTransientError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.calls.strike = func(_ int, call string) (error, bool) {
				if call == "create "+first {
					return c.err, false
				}
				return nil, false
			}
			out := w.pass() // which checks what is reported
			if f := fault.As(out.Err); f.Class != c.class || f.Reason != c.reason || f.Message == "" {
				t.Errorf("got %s %s: %s", f.Class, f.Reason, f.Message)
			}
			if !errors.Is(out.Err, c.err) {
				t.Error("the cause is lost")
			}
			if !slices.Contains(w.names(), second) {
				t.Error("the other Secret was not tried")
			}
		})
	}
}

// mute is a store of passwords that fails.
type mute struct{ scope.Passwords }

func (mute) Stored(context.Context, string) (string, error) { return "", errors.New("no answer") }

func TestWithoutTheStoreOfPasswordsNothingIsSeenOrWritten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converge()
	w.in.Passwords = mute{}
	w.calls.made = nil
	if out := w.pass(); out.Err == nil || !out.ObserveFailed || len(w.calls.writes()) > 0 {
		t.Errorf("error %v, observe failed %t, calls %v", out.Err, out.ObserveFailed, w.calls.made)
	}
}
