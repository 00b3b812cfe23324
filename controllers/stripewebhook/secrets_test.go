package stripewebhook_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// hello is an event that changes no account.
func hello(at time.Time) event {
	return event{id: "evt_1", kind: updated, account: "acct_nobodys", created: at}
}

func TestASecretIsTakenUpWithoutARestart(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	c := testclock.NewFakeClock(time.Now())
	r := startReceiver(t, c, namespace)
	studio.listen(r.url(namespace, "studio"))
	g := gomega.NewWithT(t)
	first, second := studio.secret, scope.NewSecret("whsec_of_another_endpoint")
	answer := func(secret scope.Secret) int {
		studio.secret = secret
		return r.deliver(studio, hello(c.Now()))
	}
	g.Eventually(func() int { return answer(first) }, deadline).Should(gomega.Equal(http.StatusOK))

	studio.keep(second)
	c.Step(4 * time.Second)
	if status := answer(second); status != http.StatusBadRequest {
		t.Errorf("4s after the secrets were read, one that is newer is answered with %d: they are read too often", status)
	}
	c.Step(time.Second)
	for name, secret := range map[string]scope.Secret{"the new secret": second, "the secret before": first} {
		if status := answer(secret); status != http.StatusOK {
			t.Errorf("5s after the secrets were read, %s is answered with %d", name, status)
		}
	}
	c.Step(23 * time.Hour)
	if status := answer(first); status != http.StatusOK {
		t.Errorf("within the day, the secret before is answered with %d", status)
	}
	c.Step(2 * time.Hour)
	if status := answer(first); status != http.StatusBadRequest {
		t.Errorf("after the day, the secret before is answered with %d", status)
	}
	if status := answer(second); status != http.StatusOK {
		t.Errorf("after the day, the secret is answered with %d", status)
	}
}

func TestARollAtStripeLosesNoEvent(t *testing.T) {
	t.Parallel()
	namespace := newNamespace(t)
	studio := newTenant(t, namespace, "studio")
	r := startReceiver(t, clock.RealClock{}, namespace)
	studio.listen(r.url(namespace, "studio"))
	account := studio.coach("jo")
	studio.sandbox.Act(t, account, "verify", nil)
	studio.delivered(updated, http.StatusOK)
	rolled := studio.sandbox.RollStripeSecret(t, studio.stripe.ID, studio.endpoint, 24*time.Hour)
	studio.sandbox.Act(t, account, "past-due", env.StripeAct{Fields: []string{"person_1.dob"}})
	studio.delivered(updated, http.StatusOK) // both sign, and one is known
	studio.keep(scope.NewSecret(rolled))
	studio.sandbox.Act(t, account, "release", nil)
	studio.delivered(updated, http.StatusOK)
}

// restricted is a client of somebody who may read our kinds, and Secrets where a Role lets them.
func restricted(t *testing.T, name string) client.Client {
	t.Helper()
	cluster := env.APIServer(t)
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"payouts.coachplatform.io"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"},
		}},
	}
	must(t, cluster.Client.Create(t.Context(), role))
	must(t, cluster.Client.Create(t.Context(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	}))
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name}
	scheme, err := env.Scheme()
	must(t, err)
	c, err := client.New(config, client.Options{Scheme: scheme})
	must(t, err)
	return c
}

// grant lets a user read Secrets in a namespace.
func grant(t *testing.T, namespace, user string) {
	t.Helper()
	c := env.APIServer(t).Client
	must(t, c.Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get"}}},
	}))
	must(t, c.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: user},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: user},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: user}},
	}))
}

func TestWithoutASecretNothingIsBelieved(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// spoil takes the secret away, and repair gives it back.
		spoil, repair func(t *testing.T, n *tenant, user string)
	}{
		"the Secret does not exist": {
			spoil: func(t *testing.T, n *tenant, user string) {
				grant(t, n.platform.Namespace, user)
				must(t, n.client.Delete(t.Context(), n.stored()))
			},
			repair: func(_ *testing.T, n *tenant, _ string) { n.keep(n.secret) },
		},
		"the namespace is not granted": {
			spoil:  func(*testing.T, *tenant, string) {},
			repair: func(t *testing.T, n *tenant, user string) { grant(t, n.platform.Namespace, user) },
		},
		"the Secret is somebody else's": {
			spoil: func(t *testing.T, n *tenant, user string) {
				grant(t, n.platform.Namespace, user)
				n.relabel(t, "another")
			},
			repair: func(t *testing.T, n *tenant, _ string) { n.relabel(t, n.platform.Name) },
		},
		"the secret is empty": {
			spoil: func(t *testing.T, n *tenant, user string) {
				grant(t, n.platform.Namespace, user)
				n.write(t, "")
			},
			repair: func(t *testing.T, n *tenant, _ string) { n.write(t, n.secret.Reveal()) },
		},
		"the secret is short": {
			spoil: func(t *testing.T, n *tenant, user string) {
				grant(t, n.platform.Namespace, user)
				n.write(t, "whsec_short")
			},
			repair: func(t *testing.T, n *tenant, _ string) { n.write(t, n.secret.Reveal()) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			namespace := newNamespace(t)
			studio := newTenant(t, namespace, "studio")
			now := testclock.NewFakeClock(time.Now())
			r := startReceiverWith(t, now, restricted(t, namespace), namespace)
			studio.listen(r.url(namespace, "studio"))
			c.spoil(t, studio, namespace)
			gomega.NewWithT(t).Eventually(func() int { return r.deliver(studio, hello(now.Now())) }, deadline).
				Should(gomega.Equal(http.StatusServiceUnavailable))
			for what, secret := range map[string]string{"an empty secret": "", "a short secret": "whsec_short"} {
				if status := r.sandbox.Forge(t, env.StripeForgery{URL: r.url(namespace, "studio"), Secret: secret, Account: "acct_1"}); status != 503 {
					t.Errorf("an event signed with %s is answered with %d", what, status)
				}
			}
			if r.counted("no_secret") < 3 {
				t.Errorf("%v were counted as no_secret", r.counted("no_secret"))
			}
			c.repair(t, studio, namespace)
			now.Step(5 * time.Second)
			gomega.NewWithT(t).Eventually(func() int { // a grant takes the API server a moment
				now.Step(5 * time.Second)
				return r.deliver(studio, hello(now.Now()))
			}, deadline).Should(gomega.Equal(http.StatusOK))
		})
	}
}

// stored is the Secret that the signing secret is kept in.
func (n *tenant) stored() *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: n.platform.Namespace, Name: n.platform.Name + "-stripe-webhook"}}
}

// edit changes the Secret as a person would.
func (n *tenant) edit(t *testing.T, change func(*corev1.Secret)) {
	t.Helper()
	secret := n.stored()
	must(t, n.client.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))
	change(secret)
	must(t, n.client.Update(t.Context(), secret))
}

func (n *tenant) relabel(t *testing.T, platform string) {
	t.Helper()
	n.edit(t, func(s *corev1.Secret) {
		for key := range s.Labels {
			if strings.HasSuffix(key, "/platform") {
				s.Labels[key] = platform
			}
		}
	})
}

func (n *tenant) write(t *testing.T, secret string) {
	t.Helper()
	n.edit(t, func(s *corev1.Secret) { s.Data["secret"] = []byte(secret) })
}
