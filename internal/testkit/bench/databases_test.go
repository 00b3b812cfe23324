//go:build bench

package bench

import (
	"context"
	"strings"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// tenant is the database of one platform.
type tenant struct {
	*env.Database
	// platform is the namespace and the name.
	platform, identifier string
}

// databases are those of all platforms.
func (w *world) databases() []tenant {
	w.t.Helper()
	var secrets corev1.SecretList
	if err := w.cluster.Client.List(w.t.Context(), &secrets, client.InNamespace(env.OperatorNamespace)); err != nil {
		w.t.Fatalf("listing the credentials: %v", err)
	}
	masters := map[string]string{}
	for _, s := range secrets.Items {
		if strings.HasSuffix(s.Name, "-master") {
			masters[s.Annotations[naming.AnnotationTenant]] = string(s.Data["password"])
		}
	}
	var all []tenant
	for _, p := range w.all(w.t.Context()) {
		name, at := p.Namespace+"/"+p.Name, p.Status.Database
		all = append(all, tenant{w.account.Database(at.Endpoint, at.Port, masters[name]), name, at.Identifier})
	}
	return all
}

// sessions is how many sessions all tenants' databases have ever had. Only the operator and this
// function, which opens one in each, has any. What is refused, such as the question whether a login without
// TLS is, is none.
func (w *world) sessions() (sum int) {
	w.t.Helper()
	databases := w.databases()
	counts := make([]int, len(databases))
	group, ctx := errgroup.WithContext(w.t.Context())
	group.SetLimit(namespaces)
	for i, d := range databases {
		group.Go(func() (err error) {
			conn, err := d.Try(w.t, scope.Master, d.Password, scope.DatabaseName) //nolint:contextcheck // it takes the test's
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }() // it was only read from
			return conn.QueryRow(ctx, "SELECT sessions FROM pg_stat_database WHERE datname = $1", scope.DatabaseName).Scan(&counts[i])
		})
	}
	if err := group.Wait(); err != nil {
		w.t.Fatalf("counting the sessions of the databases: %v", err)
	}
	for _, n := range counts {
		sum += n
	}
	return sum
}
