package crash_test

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// kept returns all Secrets of a namespace that are the tenant's, sorted by name.
func (p *plan) kept(t *testing.T, namespace string) []corev1.Secret {
	t.Helper()
	var list corev1.SecretList
	if err := p.cluster.Client.List(t.Context(), &list, client.InNamespace(namespace)); err != nil {
		t.Fatalf("listing secrets: %v", err)
	}
	of := p.tenant.Namespace + "/" + p.tenant.Name
	found := slices.DeleteFunc(list.Items, func(s corev1.Secret) bool { return s.Annotations[naming.AnnotationTenant] != of })
	slices.SortFunc(found, func(x, y corev1.Secret) int { return cmp.Compare(x.Name, y.Name) })
	return found
}

// vault returns the passwords that the operator keeps for the tenant, by login.
func (p *plan) vault(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, s := range p.kept(t, p.home) {
		name := strings.TrimPrefix(s.Name, p.tenant.Resource())
		if login, ok := strings.CutPrefix(name, "-login-"); ok {
			all[strings.ReplaceAll(login, "-", "_")] = string(s.Data["password"])
		} else if name == "-master" {
			all[scope.Master] = string(s.Data["password"])
		} else {
			t.Errorf("the operator keeps a secret that is none: %s", s.Name)
		}
	}
	return all
}

// secrets describes the Secrets in both namespaces, without what differs between two of a kind.
func (p *plan) secrets(t *testing.T) (text string) {
	t.Helper()
	for login := range maps.Keys(p.vault(t)) {
		text += " " + login
	}
	words := strings.Fields(text)
	slices.Sort(words)
	text = "\n kept: " + strings.Join(words, " ")
	for _, s := range p.kept(t, p.tenant.Namespace) {
		text += fmt.Sprintf("\n %s of type %s, %s: %s as %s", s.Name, s.Type, p.owned(&s),
			slices.Sorted(maps.Keys(s.Data)), s.Data["username"])
	}
	return text
}

// owned says whether an object goes with the platform.
func (p *plan) owned(o client.Object) string {
	owner := metav1.GetControllerOf(o)
	if len(o.GetOwnerReferences()) != 1 || owner == nil || owner.UID != p.platform.UID {
		return "not owned by the platform"
	}
	return "owned by the " + owner.Kind + " " + owner.Name
}

// evidence describes the platform's report, apart from times.
func (p *plan) evidence(t *testing.T) (text string) {
	t.Helper()
	var list v1alpha1.SecurityReportList
	if err := p.cluster.Client.List(t.Context(), &list, client.InNamespace(p.tenant.Namespace)); err != nil {
		t.Fatalf("listing reports: %v", err)
	}
	for i := range list.Items {
		r := &list.Items[i]
		text += fmt.Sprintf("\n %s, %s: %s", r.Name, p.owned(r), r.Report.Summary.Text)
		for _, c := range r.Report.Controls {
			text += fmt.Sprintf("\n  %s %s", c.ID, c.Status)
		}
	}
	return text
}

// server is the tenant's database; nil while the operator knows none.
func (p *plan) server(t *testing.T) *env.Database {
	t.Helper()
	at := p.platform.Status.Database
	if at.Endpoint == "" {
		return nil
	}
	return p.account.Database(at.Endpoint, at.Port, p.vault(t)[scope.Master])
}

// everyRight lists all that decides who may do what in a database: roles, who is a member of which, their
// settings, and all grants, each as a line.
const everyRight = `
SELECT 'role ' || concat_ws(' ', rolname, CASE WHEN rolcanlogin THEN 'login' END, CASE WHEN rolinherit THEN 'inherit' END,
	CASE WHEN rolcreaterole THEN 'createrole' END, CASE WHEN rolcreatedb THEN 'createdb' END, CASE WHEN rolsuper THEN 'super' END,
	CASE WHEN rolreplication THEN 'replication' END, CASE WHEN rolbypassrls THEN 'bypassrls' END, rolconnlimit, rolvaliduntil,
	shobj_description(oid, 'pg_authid')) FROM pg_roles
UNION ALL SELECT 'member ' || concat_ws(' ', member::regrole, 'of', roleid::regrole, 'by', grantor::regrole,
	admin_option, inherit_option, set_option) FROM pg_auth_members
UNION ALL SELECT 'setting ' || concat_ws(' ', setrole::regrole, (SELECT datname FROM pg_database WHERE oid = setdatabase), setconfig::text)
	FROM pg_db_role_setting
UNION ALL SELECT 'database ' || concat_ws(' ', datname, datdba::regrole, acl) FROM pg_database, unnest(coalesce(datacl, '{}')) acl
UNION ALL SELECT 'schema ' || concat_ws(' ', nspname, nspowner::regrole, acl) FROM pg_namespace, unnest(coalesce(nspacl, '{}')) acl
	WHERE nspname !~ '^pg_(temp|toast)'
UNION ALL SELECT 'default ' || concat_ws(' ', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, acl)
	FROM pg_default_acl, unnest(defaclacl) acl
ORDER BY 1`

// roles describes who may do what in the tenant's database.
func (p *plan) roles(t *testing.T) string {
	t.Helper()
	return "\n " + strings.Join(p.asMaster(t, everyRight), "\n ")
}

// asMaster returns the lines that a query gives the master, none without a database.
func (p *plan) asMaster(t *testing.T, query string) []string {
	t.Helper()
	db := p.server(t)
	if db == nil {
		return nil
	}
	conn, err := db.Try(t, scope.Master, db.Password, scope.DatabaseName)
	if err != nil {
		t.Fatalf("logging in as the master: %v", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }() // it was only read from
	rows, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatalf("querying the database: %v", err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("querying the database: %v", err)
	}
	return lines
}

// transactions is how many transactions have written to the tenant's database server, as a number that only
// their number moves: vacuuming does not begin in the time of a test.
func (p *plan) transactions(t *testing.T) string {
	t.Helper()
	return strings.Join(p.asMaster(t, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text"), "")
}

// logins logs in with every password there is: those that the operator keeps, and the tenant's, which are
// the same.
func (p *plan) logins(t *testing.T) {
	t.Helper()
	passwords, db := p.vault(t), p.server(t)
	for login, password := range passwords {
		conn, err := db.Try(t, login, password, scope.DatabaseName)
		if err != nil {
			t.Errorf("the password that the operator keeps of %s does not log in: %v", login, err)
			continue
		}
		_ = conn.Close(t.Context()) // that it opened is the proof
	}
	for _, s := range p.kept(t, p.tenant.Namespace) {
		login := string(s.Data["username"])
		if kept := passwords[login]; kept == "" || kept != string(s.Data["password"]) || string(s.Data["host"]) != db.Host {
			t.Errorf("the tenant's secret %s is not how to log in as %q", s.Name, login)
		}
	}
}
