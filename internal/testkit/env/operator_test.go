package env_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestTheOperatorRunsWithItsOwnRightsAndItsWritesAreLogged(t *testing.T) {
	cluster, account := env.AuditedAPIServer(t), env.StartSandbox(t).Account(t)
	began := time.Now()
	operator := cluster.Operator(t, account, t.TempDir())
	for _, end := range []func(testing.TB){operator.Kill, operator.Stop} {
		operator.Start(t)
		if u := operator.Usage(t); u.Memory == 0 || u.Peak < u.Memory || u.CPU == 0 {
			t.Errorf("a process that takes nothing: %+v", u)
		}
		if n := operator.Count(t, "go_gc_duration_seconds", map[string]string{"no": "such"}); n != 0 {
			t.Errorf("series without the label were counted: %v", n)
		}
		if percent := operator.Count(t, "go_gc_gogc_percent", nil); percent != 50 {
			t.Errorf("garbage is collected at %v %% of growth: not as config/manager says", percent)
		}
		end(t)
	}
	var kinds []string
	for _, w := range cluster.Writes(t, env.OperatorUser, began, time.Now()) {
		kinds = append(kinds, w.Verb+" "+w.Resource+" "+w.Namespace+"/"+w.Name)
	}
	if want := "create configmaps coach-system/coach-installation"; len(kinds) == 0 || kinds[0] != want {
		t.Errorf("the operator's first write of %v is not %q", kinds, want)
	}
}

func TestOnlyTheWritesOfTheUserInTheTimeAreReturned(t *testing.T) {
	cluster := env.AuditedAPIServer(t)
	from := time.Now()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "audited"}}
	if err := cluster.Client.Create(t.Context(), namespace); err != nil {
		t.Fatalf("creating a namespace: %v", err)
	}
	to := time.Now()
	const administrator = "admin"
	for _, c := range []struct {
		name, user string
		from, to   time.Time
		want       int
	}{
		{"the user's write", administrator, from, to, 1},
		{"not another user's", env.OperatorUser, from, to, 0},
		{"none of later", administrator, to, to.Add(time.Hour), 0},
		{"none of earlier", administrator, from.Add(-time.Minute), from, 0},
	} {
		found := 0
		for _, w := range cluster.Writes(t, c.user, c.from, c.to) {
			if w.Verb == "create" && w.Resource == "namespaces" && w.Name == namespace.Name && w.Status == 201 {
				found++
			}
		}
		if found != c.want {
			t.Errorf("%s: found %d, want %d", c.name, found, c.want)
		}
	}
}
