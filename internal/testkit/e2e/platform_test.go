//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/evidence"
)

func TestTheSamplePlatformIsReadyAndEveryControlIsVerified(t *testing.T) {
	d := running(t)
	p := d.platform(t, "tenant-acme", "acme")
	if !meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("not Ready: %+v", p.Status.Conditions)
	}
	want := fmt.Sprintf("%d/%d", len(evidence.Catalogue), len(evidence.Catalogue))
	if p.Status.Security.Summary != want || p.Status.Security.Exempt != 0 {
		t.Errorf("SECURITY is %s with %d exempt, want %s with none; open: %+v",
			p.Status.Security.Summary, p.Status.Security.Exempt, want, p.Status.Security.Open)
	}
	if p.Status.Drift != "None" {
		t.Errorf("drift %q", p.Status.Drift)
	}
	// A new database is backed up at once, and usable meanwhile.
	eventually(t, soon, func() string {
		if state := d.platform(t, "tenant-acme", "acme").Status.Database.State; state != "available" {
			return "the database is " + state
		}
		return ""
	})
}

// dsn is the master's connection to the sample platform's database, by the endpoint's name.
func (d demo) dsn(t *testing.T, p *v1alpha1.CoachPlatform, more url.Values) *pgx.ConnConfig {
	t.Helper()
	var secret corev1.Secret
	key := client.ObjectKey{Namespace: system, Name: p.Status.Database.Identifier + "-master"}
	if err := d.Get(t.Context(), key, &secret); err != nil {
		t.Fatal(err)
	}
	dsn := url.URL{
		Scheme: "postgres", User: url.UserPassword("coach_master", string(secret.Data["password"])),
		Host: fmt.Sprintf("%s:%d", p.Status.Database.Endpoint, p.Status.Database.Port), Path: "/coach", RawQuery: more.Encode(),
	}
	config, err := pgx.ParseConfig(dsn.String())
	if err != nil {
		t.Fatal("the connection string cannot be parsed") // the error may quote the password
	}
	address := d.host(t, p.Status.Database.Endpoint)
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{address}, nil }
	return config
}

func TestTheDatabaseSpeaksVerifiedTLSAndNothingElse(t *testing.T) {
	d := running(t)
	p := d.platform(t, "tenant-acme", "acme")
	verified := d.dsn(t, p, url.Values{
		"sslmode": {"verify-full"}, "sslrootcert": {filepath.Join(d.state(t), "pki", "ca.crt")}, "require_auth": {"scram-sha-256"},
	})
	conn, err := pgx.ConnectConfig(t.Context(), verified)
	if err != nil {
		t.Fatalf("a verified TLS login fails: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }() // nothing was written
	var tls bool
	var super bool
	err = conn.QueryRow(t.Context(), `select ssl, (select rolsuper from pg_roles where rolname = current_user)
		from pg_stat_ssl where pid = pg_backend_pid()`).Scan(&tls, &super)
	if err != nil || !tls || super {
		t.Errorf("tls %v, superuser %v, error %v", tls, super, err)
	}

	plain := verified.Copy()
	plain.TLSConfig, plain.Fallbacks = nil, nil
	refused, err := pgx.ConnectConfig(t.Context(), plain)
	if err == nil {
		t.Fatalf("a login without TLS succeeds (closing it: %v)", refused.Close(t.Context()))
	}
	var answer *pgconn.PgError
	if !asPgError(err, &answer) || answer.Code != "28000" || !strings.Contains(answer.Message, "no encryption") {
		t.Errorf("a login without TLS is refused, but not for that: %v", err)
	}
}

func TestTheEndpointResolvesInsideTheCluster(t *testing.T) {
	d := running(t)
	p := d.platform(t, "tenant-acme", "acme")
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, "10.96.0.10:53")
	}}
	eventually(t, soon, func() string {
		got, err := resolver.LookupHost(t.Context(), p.Status.Database.Endpoint+".")
		if err != nil || len(got) != 1 || got[0] != d.host(t, p.Status.Database.Endpoint) {
			return fmt.Sprintf("the cluster's DNS answers %v, %v", got, err)
		}
		return ""
	})
}

func TestAnOpenedFirewallIsSeenAndClosedWithinAResync(t *testing.T) {
	d := running(t)
	before := d.platform(t, "tenant-acme", "acme")
	since := meta.FindStatusCondition(before.Status.Conditions, v1alpha1.ConditionDrifted).LastTransitionTime
	d.sandbox(t, "sabotage", "--tag", "coach:name=acme", "open-firewall")
	eventually(t, oneResync, func() string {
		p := d.platform(t, "tenant-acme", "acme")
		drifted := meta.FindStatusCondition(p.Status.Conditions, v1alpha1.ConditionDrifted)
		switch {
		case drifted.LastTransitionTime.Equal(&since):
			return "the operator has not seen it"
		case drifted.Status == metav1.ConditionTrue, p.Status.Security.Violated != 0,
			!meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionReady):
			return fmt.Sprintf("seen and not closed: drift %q, security %s", p.Status.Drift, p.Status.Security.Summary)
		}
		return ""
	})
	var events corev1.EventList
	if err := d.List(t.Context(), &events, client.InNamespace("tenant-acme")); err != nil {
		t.Fatal(err)
	}
	reported := slices.ContainsFunc(events.Items, func(e corev1.Event) bool {
		return e.Reason == v1alpha1.ReasonDriftFound && strings.Contains(e.Message, "firewall.ingress")
	})
	if !reported {
		t.Error("no event reports the drift")
	}
	after := d.platform(t, "tenant-acme", "acme")
	if after.Status.Database.ResourceID != before.Status.Database.ResourceID {
		t.Errorf("the database was replaced")
	}
}

func TestTheOtherReplicaTakesOverWhenTheLeaderIsKilled(t *testing.T) {
	d := running(t)
	leader := d.leader(t)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: system, Name: podOf(leader)}}
	if err := d.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, func() string {
		if now := d.leader(t); now == leader || now == "" {
			return "the leader is still " + now
		}
		return ""
	})
	p := d.platform(t, "tenant-acme", "acme")
	p.Annotations[v1alpha1.AnnotationReconcile] = leader
	if err := d.Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, func() string {
		if got := d.platform(t, "tenant-acme", "acme").Status.ReconcileHandled; got != leader {
			return "the new leader has not observed: " + got
		}
		return ""
	})
}

func TestDeletingANamespaceKeepsTheDataAndNeverHangs(t *testing.T) {
	d := running(t)
	ctx := t.Context()
	const name = "tenant-leaving"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := d.Create(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	d.grant(t, name)
	p := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Namespace: name, Name: "leaving"},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: "standard", DisplayName: "Leaving"},
	}
	if err := d.Create(ctx, p); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, func() string {
		if now := d.platform(t, name, "leaving"); !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
			return fmt.Sprintf("not Ready: %+v", meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady))
		}
		return ""
	})
	id := d.platform(t, name, "leaving").Status.Database.Identifier
	if err := d.Delete(ctx, namespace); err != nil {
		t.Fatal(err)
	}
	eventually(t, soon, func() string {
		err := d.Get(ctx, client.ObjectKey{Name: name}, &corev1.Namespace{})
		if !apierrors.IsNotFound(err) {
			return fmt.Sprintf("the namespace is still there (%v)", err)
		}
		return ""
	})
	inventory := string(d.sandbox(t, "admin", "GET", "/inventory?account="+account+"&region="+region))
	if !strings.Contains(inventory, id) || !strings.Contains(inventory, "coach:released") {
		t.Errorf("the database %s is not in AWS with the mark of a release", id)
	}
}
