package appsecret_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/appsecret"
)

func TestTheSecretOfSomebodyElseIsNotTouched(t *testing.T) {
	t.Parallel()
	ours := map[string]string{naming.LabelManagedBy: naming.ManagedBy, labelPlatform: "studio"}
	theirs := func(kind, group, name string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: group, Kind: kind, Name: name, UID: "22222222-aaaa-4bbb-8ccc-000000000002", Controller: new(true)}}
	}
	for name, change := range map[string]func(*corev1.Secret){
		"without any mark": nil,
		"with the label of another platform": func(s *corev1.Secret) {
			s.Labels = map[string]string{naming.LabelManagedBy: naming.ManagedBy, labelPlatform: "other"}
		},
		"with our labels and another's owner": func(s *corev1.Secret) {
			s.Labels, s.OwnerReferences = ours, theirs("ConfigMap", "v1", "studio")
		},
		"with our labels and the owner of a namesake in another group": func(s *corev1.Secret) {
			s.Labels, s.OwnerReferences = ours, theirs("CoachPlatform", "example.com/v1", "studio")
		},
		"with our labels and the owner of another platform": func(s *corev1.Secret) {
			s.Labels, s.OwnerReferences = ours, theirs("CoachPlatform", "payouts.coachplatform.io/v1alpha1", "other")
		},
		"with our type": func(s *corev1.Secret) { s.Type = "servicebinding.io/postgresql" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.put(first, change)
			before := w.secret(first)
			out := w.until(w.in, func(out converge.Outcome) bool { return fault.ClassOf(out.Err) == fault.Conflict })
			f := fault.As(out.Err)
			if f.Reason != v1alpha1.ReasonConflict || !strings.Contains(f.Message, first) || !strings.Contains(f.Message, "delete or rename") {
				t.Errorf("the conflict says %q", f.Message)
			}
			if diff := cmp.Diff(before, w.secret(first)); diff != "" {
				t.Errorf("the Secret that is not owned was touched:\n%s", diff)
			}
			if w.secret(second) == nil {
				t.Error("the other Secret was not created")
			}
			if w.in.Binding != "" {
				t.Errorf("a Secret that is not owned is published: %s", w.in.Binding)
			}
			w.calls.made = nil
			w.pass()
			if writes := w.calls.writes(); len(writes) > 0 {
				t.Errorf("beside a Secret that is not owned: %v", writes)
			}
			w.must(w.admin.Delete(t.Context(), w.secret(first)))
			w.converge()
			mustBelong(t, w.secret(first), w.in)
		})
	}
}

func TestTheSecretOfAPlatformThatWasDeletedIsAwaited(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*world){
		"owned by the platform before": func(w *world) {
			old := w.platform("studio", types.UID("00000000-aaaa-4bbb-8ccc-00000000000f"))
			w.until(old, func(out converge.Outcome) bool { return out.Err == nil })
			clear(w.known)
		},
		"being deleted": func(w *world) {
			w.converge()
			clear(w.known)
			for _, name := range []string{first, second} {
				w.edit(name, func(s *corev1.Secret) { s.Finalizers = []string{"example.com/slow"} })
				w.must(w.admin.Delete(w.t.Context(), w.secret(name)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			do(w)
			w.calls.made = nil
			out := w.pass()
			if f := fault.As(out.Err); f.Class != fault.Waiting || f.After <= 0 || len(out.Changes) > 0 {
				t.Errorf("got %v %+v, want a wait", f, out.Changes)
			}
			if writes := w.calls.writes(); len(writes) > 0 {
				t.Errorf("meanwhile: %v", writes)
			}
			for _, name := range []string{first, second} {
				w.edit(name, func(s *corev1.Secret) { s.Finalizers = nil })
				if s := w.secret(name); s != nil {
					w.must(w.admin.Delete(t.Context(), s))
				}
			}
			w.converge()
			mustBelong(t, w.secret(first), w.in)
		})
	}
}

func TestTheSecretOfALoginThatIsGoneGoesAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Roles.Logins = append(w.in.Roles.Logins, report)
	w.converge()
	const gone = "studio-database-monthly-report"
	source := w.secret(gone)
	copied := func(name string, change func(*corev1.Secret)) {
		s := source.DeepCopy()
		s.Name, s.ResourceVersion, s.UID = name, "", ""
		if change != nil {
			change(s)
		}
		w.must(w.admin.Create(t.Context(), s))
	}
	copied("my-copy", nil)
	copied("studio-databases", nil)
	copied("studio-database-adopted", func(s *corev1.Secret) { s.OwnerReferences = nil })
	copied("studio-database-other", func(s *corev1.Secret) { s.OwnerReferences[0].UID = "22222222-aaaa-4bbb-8ccc-000000000002" })
	w.put("studio-database-stranger", nil)
	before := w.names()

	w.in.Roles.Logins = []scope.RoleLogin{app, reader}
	out := w.pass()
	if len(out.Changes) != 1 || out.Changes[0].Path != "secrets" || out.Changes[0].Drift ||
		!strings.Contains(out.Changes[0].From, gone+": not wanted") || strings.Contains(out.Changes[0].To, gone) {
		t.Errorf("want one change that says it, and is no drift: %+v", out.Changes)
	}
	w.converge()
	copied("studio-database-again", func(s *corev1.Secret) { s.Finalizers = []string{"example.com/slow"} })
	if out := w.pass(); len(out.Changes) != 1 || !out.Changes[0].Drift {
		t.Errorf("one that somebody adds to ours is drift: %+v", out.Changes)
	}
	w.calls.made = nil
	if w.converge(); len(w.calls.writes()) > 0 {
		t.Errorf("what is going already was dropped again: %v", w.calls.made)
	}
	w.edit("studio-database-again", func(s *corev1.Secret) { s.Finalizers = nil })
	if diff := cmp.Diff(slices.DeleteFunc(before, func(name string) bool { return name == gone }), w.names()); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
}

func TestTheSecretOfALoginThatIsOnlyOutOfOrderIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Spec.Database.Roles = []v1alpha1.DatabaseRole{{Name: report.Name, IAM: true}}
	w.in.Roles.Logins = append(w.in.Roles.Logins, report)
	w.converge()
	kept := w.secret("studio-database-monthly-report").ResourceVersion
	before := w.secret(second).ResourceVersion
	w.in.Roles.Logins = []scope.RoleLogin{app}
	out := w.pass()
	if f := fault.As(out.Err); f.Class != fault.Waiting || f.Reason != v1alpha1.ReasonWaitingForRoles || !strings.Contains(f.Message, second) {
		t.Errorf("got %v", f)
	}
	w.pass()
	if w.secret(second).ResourceVersion != before || w.secret("studio-database-monthly-report").ResourceVersion != kept {
		t.Error("it was touched")
	}
}

func TestASecretIsNotWrittenWithoutAPassword(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converge()
	before := w.secret(second).ResourceVersion
	w.must(w.passwords.Forget(t.Context(), reader.Name))
	w.edit(first, func(s *corev1.Secret) { s.Data["host"] = []byte("elsewhere") })
	out := w.until(w.in, func(out converge.Outcome) bool { return len(out.Changes) == 0 })
	if f := fault.As(out.Err); f.Reason != v1alpha1.ReasonWaitingForRoles || !strings.Contains(f.Message, second) {
		t.Errorf("got %v", f)
	}
	if w.secret(second).ResourceVersion != before {
		t.Error("a Secret without a password was written")
	}
	if string(w.secret(first).Data["host"]) != endpoint {
		t.Error("the other one was not healed")
	}
}

func TestTwoPlatformsInANamespaceLeaveEachOtherAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	other := w.platform("studio-database", types.UID("33333333-aaaa-4bbb-8ccc-000000000003"))
	done := func(out converge.Outcome) bool { return out.Err == nil && len(out.Changes) == 0 }
	w.until(w.in, done)
	w.until(other, done)
	want := []string{first, "studio-database-database", "studio-database-database-reader", second}
	if diff := cmp.Diff(want, w.names()); diff != "" {
		t.Fatalf("Secrets (-want +got):\n%s", diff)
	}
	other.Roles.Logins = []scope.RoleLogin{app} // and studio would call a role's Secret as the other's first
	clash := scope.RoleLogin{Name: "database", Binding: "-database", IAM: true}
	w.in.Roles.Logins = append(w.in.Roles.Logins, clash)
	theirs := w.secret("studio-database-database")
	out := w.until(w.in, func(out converge.Outcome) bool { return len(out.Changes) == 0 })
	if fault.ClassOf(out.Err) != fault.Conflict {
		t.Errorf("got %v", out.Err)
	}
	if diff := cmp.Diff(theirs, w.secret("studio-database-database")); diff != "" {
		t.Errorf("the other's was touched:\n%s", diff)
	}
	w.in.Roles.Logins = []scope.RoleLogin{app, reader}
	w.until(w.in, done)
	if diff := cmp.Diff(want, w.names()); diff != "" {
		t.Errorf("Secrets (-want +got):\n%s", diff)
	}
}

func TestLettingGoAsksForNothing(t *testing.T) {
	t.Parallel()
	c := &calls{}
	done, err := appsecret.New(c).Release(t.Context(), &scope.Platform{})
	if !done || err != nil || len(c.made) > 0 {
		t.Errorf("done %t, error %v, calls %v", done, err, c.made)
	}
}
