package coachplatform_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// amnesias are ways to lose what the cluster knows of a platform.
var amnesias = map[string]func(*world){
	"nothing forgotten": func(*world) {},
	"status wiped":      func(w *world) { w.wipeStatus() },
	"annotation wiped":  func(w *world) { w.forget(v1alpha1.AnnotationDatabase) },
	"everything wiped and the operator restarted": func(w *world) {
		w.wipeStatus()
		w.forget(v1alpha1.AnnotationDatabase)
		w.restart()
	},
	"the object created again, without its finalizer, and the operator restarted": func(w *world) {
		w.edit(func(p *v1alpha1.CoachPlatform) { p.Finalizers = nil })
		w.delete()
		w.start()
		w.restart()
	},
}

func TestALostDatabaseIsNeverCreatedAgain(t *testing.T) {
	t.Parallel()
	for name, forget := range amnesias {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := made(t)
			w.sabotage("delete-database")
			forget(w)
			w.settled("DatabaseReady", metav1.ConditionFalse, v1alpha1.ReasonDatabaseLost)
			mark := w.account.Mark(t)
			for range 5 {
				w.mustPass()
			}
			if writes := w.wrote(mark); writes != nil || len(w.inventory().Instances) > 0 {
				t.Errorf("the operator wrote %v, the account holds %d instances", writes, len(w.inventory().Instances))
			}
			if state := w.platform().Status.Database.State; state != "" {
				t.Errorf("the lost database is shown as %q", state)
			}
			w.expect(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonDatabaseLost)
			if !contains(w.emitted.take(), "Warning DatabaseLost Reconcile database: ") {
				t.Error("no event tells of it")
			}
		})
	}
}

func TestAReplacedDatabaseIsNotTouched(t *testing.T) {
	t.Parallel()
	for name, forget := range amnesias {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := made(t)
			w.sabotage("replace-database")
			forget(w)
			w.settled("DatabaseReady", metav1.ConditionFalse, v1alpha1.ReasonDatabaseReplaced)
			mark := w.account.Mark(t)
			w.until("the new instance", func() bool { return w.inventory().Instances[0].Status == "available" })
			w.sabotage("unprotect") // would be repaired if it were the platform's
			for range 5 {
				w.mustPass()
			}
			if writes := w.wrote(mark); writes != nil {
				t.Errorf("the operator wrote %v", writes)
			}
		})
	}
}

func TestAfterALostDatabaseAPersonCanStartEmpty(t *testing.T) {
	t.Parallel()
	w := made(t)
	w.sabotage("delete-database")
	w.settled("DatabaseReady", metav1.ConditionFalse, v1alpha1.ReasonDatabaseLost)
	key := w.inventory().Keys[0].ID
	_, err := kms.NewFromConfig(w.account.Administrator(t)).UntagResource(t.Context(), &kms.UntagResourceInput{
		KeyId: &key, TagKeys: []string{naming.TagDatabase},
	})
	if err != nil {
		t.Fatalf("removing the record from the key: %v", err)
	}
	w.forget(v1alpha1.AnnotationDatabase)
	w.ready()
}

func TestALostKeyIsNeverCreatedAgain(t *testing.T) {
	t.Parallel()
	w := made(t)
	tags := []string{}
	for tag := range w.tenant().Tags() {
		tags = append(tags, tag)
	}
	key := w.inventory().Keys[0].ID
	admin := kms.NewFromConfig(w.account.Administrator(t))
	if _, err := admin.UntagResource(t.Context(), &kms.UntagResourceInput{KeyId: &key, TagKeys: tags}); err != nil {
		t.Fatalf("removing the key's tags: %v", err)
	}
	alias := w.tenant().Alias()
	if _, err := admin.DeleteAlias(t.Context(), &kms.DeleteAliasInput{AliasName: &alias}); err != nil {
		t.Fatalf("removing the alias: %v", err)
	}
	w.restart()
	w.settled("KeyReady", metav1.ConditionFalse, v1alpha1.ReasonKeyLost)
	for range 5 {
		w.mustPass()
	}
	if keys := len(w.inventory().Keys); keys != 1 {
		t.Errorf("there are %d keys", keys)
	}
}

// released checks that everything is released and nothing is lost.
func (w *world) released(before inventory) {
	w.t.Helper()
	after := w.inventory()
	db, key := after.Instances[0], after.Keys[0]
	rules, tags := after.firewall(w.name())
	for what, tags := range map[string]map[string]string{"database": db.Tags, "key": key.Tags, "firewall": tags} {
		if tags[naming.TagReleased] != naming.ReleasedRetain {
			w.t.Errorf("the %s is not marked as released: %v", what, tags)
		}
	}
	if len(rules) > 0 {
		w.t.Errorf("the firewall still admits %v", rules)
	}
	if db.ResourceID != before.Instances[0].ResourceID || !db.DeletionProtection || key.State != "Enabled" || len(after.Instances) != 1 {
		w.t.Errorf("what holds data was changed: database %+v, key %+v", db, key)
	}
}

func TestDeletingTheObjectKeepsTheDataAndMakingItAgainTakesItBack(t *testing.T) {
	t.Parallel()
	w := made(t)
	before := w.inventory()
	secret := w.secrets()[0].Data["password"]
	w.delete()
	w.gone()
	w.released(before)

	w.restart()
	w.start()
	w.ready()
	after := w.inventory()
	if id := after.Instances[0].ResourceID; id != before.Instances[0].ResourceID || len(after.Instances) != 1 || len(after.Keys) != 1 {
		t.Errorf("taken back is database %s, want %s; %d instances, %d keys", id, before.Instances[0].ResourceID,
			len(after.Instances), len(after.Keys))
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("what was taken back is not what was released (-before +after):\n%s", diff)
	}
	if !slices.Equal(secret, w.secrets()[0].Data["password"]) {
		t.Error("the password was changed")
	}
}

func TestLettingGoOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	w := made(t)
	before := w.inventory()
	end := w.blackout()
	w.delete()
	for range 3 {
		if _, err := w.pass(); err == nil {
			t.Error("a call that fails must be retried with growing delays")
		}
	}
	if w.platform() == nil {
		t.Fatal("the object went and nothing was released")
	}
	end()
	w.gone()
	w.released(before)
}

func TestDeletingTheNamespaceLetsGoAndEnds(t *testing.T) {
	t.Parallel()
	w := made(t)
	before := w.inventory()
	w.delete() // as the namespace controller does
	w.closeNamespace()
	w.gone()
	w.released(before)
	if len(w.secrets()) != 1 {
		t.Error("the password went with the namespace")
	}
}

func TestAnObjectThatLostItsFinalizerGoesOnAsIfNothingHadHappened(t *testing.T) {
	t.Parallel()
	w := made(t)
	before := w.inventory()
	amnesias["the object created again, without its finalizer, and the operator restarted"](w)
	w.ready()
	if diff := cmp.Diff(before, w.inventory()); diff != "" {
		t.Errorf("the account was changed (-before +after):\n%s", diff)
	}
}
