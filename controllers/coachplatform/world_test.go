package coachplatform_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const (
	// enough is how long anything may take.
	enough = 2 * time.Minute
	// beat is the time between two passes.
	beat = 30 * time.Millisecond
)

// world is a bench whose steps are the real ones, over an AWS account of its own that holds what its
// class shares.
type world struct {
	*bench
	account *env.Account
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{bench: bareBench(t), account: env.StartSandbox(t).Account(t)}
	class := w.account.Class()
	class.Spec.Database.EngineVersions = []string{"16"}
	w.createClass(class)
	w.restart()
	w.share()
	return w
}

// restart replaces the operator by a new process, which remembers nothing.
func (w *world) restart() {
	w.t.Helper()
	// A test has its account for itself: it observes everything in every pass, and as often as it likes.
	sessions := w.account.Sessions(w.t, aws.Options{
		Sweep: time.Millisecond, Freshness: time.Millisecond, Lag: 5 * env.Lag, Share: 1000,
	})
	again := w.anew()
	again.Clock, again.Steps = clock.RealClock{}, step.Cloud(sessions)
	w.reconciler = again
}

// share makes what the platforms of the class share, as its controller would.
func (w *world) share() {
	w.t.Helper()
	steps := step.Class(w.account.Sessions(w.t, aws.Options{Share: 1000}))
	in := &scope.Class{Owner: naming.Class{Installation: installation, Name: w.class.Name}, Class: w.class}
	w.until("what the class shares", func() bool {
		return !slices.ContainsFunc(steps, func(s converge.Step[*scope.Class]) bool {
			return s.Run(w.t.Context(), in, converge.Mode{Write: true, Fresh: true}).Err != nil
		})
	})
}

// until tries until something holds.
func (w *world) until(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.After(enough)
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			w.t.Fatalf("%s does not come to be%s", what, w.state())
		}
	}
}

func (w *world) state() string {
	if platform := w.platform(); platform != nil {
		return ":" + describe(platform)
	}
	return ""
}

// settled makes passes until the platform has the condition with the reason.
func (w *world) settled(kind string, status metav1.ConditionStatus, reason string) *v1alpha1.CoachPlatform {
	w.t.Helper()
	var platform *v1alpha1.CoachPlatform
	w.until(kind+"="+string(status)+" "+reason, func() bool {
		_, _ = w.pass() // a call that fails is tried again, as the queue would
		if platform = w.platform(); platform == nil {
			return false
		}
		checkStatus(w.t, platform)
		c := meta.FindStatusCondition(platform.Status.Conditions, kind)
		return c != nil && c.Status == status && c.Reason == reason
	})
	return platform
}

func (w *world) ready() *v1alpha1.CoachPlatform {
	w.t.Helper()
	return w.settled(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonConverged)
}

// made returns a world with a platform that is ready.
func made(t *testing.T, change ...func(*v1alpha1.CoachPlatform)) *world {
	t.Helper()
	w := newWorld(t)
	w.start(change...)
	w.ready()
	w.emitted.take()
	return w
}

// gone makes passes until the object is gone.
func (w *world) gone() {
	w.t.Helper()
	w.until("the end of the object", func() bool {
		if w.platform() == nil {
			return true
		}
		_, _ = w.pass() // a call that fails is tried again, as the queue would
		return w.platform() == nil
	})
}

type (
	// inventory is what the account holds, as far as these tests look.
	inventory struct {
		Instances      []instance
		Keys           []key
		SecurityGroups []group
	}
	instance struct {
		Name, ResourceID, Status, Class, KeyARN                           string
		Encrypted, Public, DeletionProtection, IAMAuthentication, Pending bool
		BackupRetentionDays                                               int
		Tags                                                              map[string]string
	}
	key struct {
		ID, ARN, State string
		Managed        bool
		RotationDays   int
		Tags           map[string]string
	}
	group struct {
		Name  string
		Rules []string
		Tags  map[string]string
	}
)

func (w *world) inventory() inventory {
	w.t.Helper()
	text, err := json.Marshal(w.account.Inventory(w.t))
	if err != nil {
		w.t.Fatalf("writing the inventory: %v", err)
	}
	var found inventory
	if err := json.Unmarshal(text, &found); err != nil {
		w.t.Fatalf("reading the inventory: %v", err)
	}
	found.Keys = slices.DeleteFunc(found.Keys, func(k key) bool { return k.Managed })
	return found
}

// firewall returns the rules and tags of the tenant's own security group.
func (i inventory) firewall(name string) (rules []string, tags map[string]string) {
	for _, g := range i.SecurityGroups {
		if g.Name == name {
			return g.Rules, g.Tags
		}
	}
	return nil, nil
}

// name is that of all that the platform has in AWS.
func (w *world) name() string {
	w.t.Helper()
	return w.tenant().Resource()
}

// sabotage breaks something of the platform.
func (w *world) sabotage(name string) {
	w.t.Helper()
	w.account.Sabotage(w.t, name, map[string]any{"resource": w.name()})
}

func (w *world) rds() *rds.Client {
	w.t.Helper()
	return rds.NewFromConfig(w.account.Administrator(w.t))
}

// queueClass asks AWS for another machine in the next maintenance window.
func (w *world) queueClass(class string) {
	w.t.Helper()
	_, err := w.rds().ModifyDBInstance(w.t.Context(), &rds.ModifyDBInstanceInput{
		DBInstanceIdentifier: awssdk.String(w.name()), DBInstanceClass: &class,
	})
	if err != nil {
		w.t.Fatalf("queueing a class: %v", err)
	}
}

// wrote returns what the operator wrote to AWS since the call.
func (w *world) wrote(since int64) []string {
	w.t.Helper()
	var writes []string
	for _, c := range w.account.Calls(w.t, since) {
		if !c.ReadOnly && strings.Contains(c.Principal, ":assumed-role/") {
			writes = append(writes, c.Action())
		}
	}
	return writes
}
