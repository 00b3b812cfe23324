package appsecret_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/appsecret"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

const (
	// canary is in every password of these tests, and must never be reported. It needs escaping in a URI.
	canary   = "canary:/@#?%&"
	endpoint = "coach-studio.abc.eu-central-1.rds.amazonaws.com"
	// first and second are the names of the first two Secrets.
	first, second = "studio-database", "studio-database-reader"
)

var (
	app    = scope.RoleLogin{Name: "coach_app"}
	reader = scope.RoleLogin{Name: "coach_reader", Binding: "-reader"}
	report = scope.RoleLogin{Name: "monthly_report", Binding: "-monthly-report", IAM: true}
)

// world is a namespace with a platform's inputs, and the operator as somebody who may do there what a grant
// allows and nothing else.
type world struct {
	t testing.TB
	// admin is the administrator of the cluster, and calls are the operator's.
	admin     client.Client
	calls     *calls
	namespace string
	in        *scope.Platform
	passwords *env.Passwords
	// known is what the operator remembers from its last pass.
	known map[string]string
}

// newWorld returns a world with a namespace of its own that is granted.
func newWorld(t testing.TB) *world {
	t.Helper()
	w := newUngranted(t)
	w.grant()
	return w
}

func newUngranted(t testing.TB) *world {
	t.Helper()
	cluster := env.APIServer(t)
	permit(t, cluster)
	config := rest.CopyConfig(cluster.Config)
	config.Impersonate = rest.ImpersonationConfig{
		UserName: env.OperatorUser, Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + env.OperatorNamespace, "system:authenticated"},
	}
	operator, err := client.New(config, client.Options{Scheme: cluster.Client.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "tenant-"}}
	if err := cluster.Client.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, admin: cluster.Client, calls: &calls{Client: operator}, namespace: namespace.Name,
		passwords: env.NewPasswords(map[string]string{app.Name: canary + "app", reader.Name: canary + "reader", report.Name: canary + "never"}),
		known:     map[string]string{},
	}
	w.in = w.platform("studio", "11111111-aaaa-4bbb-8ccc-000000000001")
	return w
}

// platform returns the inputs of a platform in the world's namespace.
func (w *world) platform(name string, uid types.UID) *scope.Platform {
	spec := env.Platform(w.t).Spec
	return &scope.Platform{
		Tenant: naming.Tenant{Installation: "test", Namespace: w.namespace, NamespaceUID: "u", Name: name}, Owner: string(uid),
		Class:     &v1alpha1.PlatformClass{Spec: v1alpha1.PlatformClassSpec{Region: "eu-central-1"}},
		Spec:      &spec,
		Passwords: w.passwords,
		Database:  scope.Database{Endpoint: endpoint, Port: 5433},
		Roles:     scope.Roles{Logins: []scope.RoleLogin{app, reader}},
	}
}

var permitted sync.Once

// permit gives the operator the rights of config/rbac, once: another package may have given them to it already.
func permit(t testing.TB, cluster *env.Cluster) {
	t.Helper()
	permitted.Do(func() {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: env.OperatorNamespace}}
		if err := client.IgnoreAlreadyExists(cluster.Client.Create(t.Context(), namespace)); err != nil {
			t.Fatal(err)
		}
		for _, file := range []string{"role.yaml", "role_binding.yaml"} {
			for _, object := range manifests(t, "config/rbac/"+file) {
				if err := client.IgnoreAlreadyExists(cluster.Client.Create(t.Context(), object)); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// manifests reads the objects of a file of the repository.
func manifests(t testing.TB, path string) []*unstructured.Unstructured {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "..", "..", "..", filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was read
	documents := yaml.NewYAMLOrJSONDecoder(file, 4096)
	var all []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatalf("reading %s: %v", path, err)
		}
		all = append(all, object)
	}
}

// grant is what the administrator of the namespace applies.
func (w *world) grant() {
	w.t.Helper()
	for _, object := range manifests(w.t, "config/samples/grant.yaml") {
		object.SetNamespace(w.namespace)
		if err := w.admin.Create(w.t.Context(), object); err != nil {
			w.t.Fatal(err)
		}
	}
	// The API server's authorizer hears of it a moment later.
	deadline := time.Now().Add(patience)
	for {
		err := w.calls.Client.List(w.t.Context(), &corev1.SecretList{}, client.InNamespace(w.namespace))
		if err == nil {
			return
		}
		if !apierrors.IsForbidden(err) || time.Now().After(deadline) {
			w.t.Fatalf("the grant does not work: %v", err)
		}
	}
}

const patience = time.Minute

// pass runs the step once as a process does that has just started.
func (w *world) pass() converge.Outcome {
	return w.run(w.in, converge.Mode{Write: true, Generation: 1})
}

// run runs the step for a platform; what it says must hold no password.
func (w *world) run(in *scope.Platform, mode converge.Mode) converge.Outcome {
	w.t.Helper()
	run := *in
	mode.LastConverged = map[string]string{appsecret.Name: w.known[in.Tenant.Name]}
	out := appsecret.New(w.calls).Run(w.t.Context(), &run, mode)
	in.Binding, w.known[in.Tenant.Name] = run.Binding, out.LastConverged
	said := fmt.Sprintf("%+v %#v", out, out)
	if out.Err != nil {
		said += out.Err.Error() + fmt.Sprintf("%+v", fault.As(out.Err))
	}
	if strings.Contains(said, "canary") || strings.Contains(said, "Y2FuYXJ5") { // as it is, and in base64
		w.t.Errorf("the outcome shows a password: %s", said)
	}
	return out
}

// converge runs passes until one finds nothing to do.
func (w *world) converge() {
	w.t.Helper()
	w.until(w.in, func(out converge.Outcome) bool { return out.Err == nil && len(out.Changes) == 0 })
}

// until runs passes of a platform until one is as wanted, and returns that one.
func (w *world) until(in *scope.Platform, wanted func(converge.Outcome) bool) converge.Outcome {
	w.t.Helper()
	var out converge.Outcome
	for range 6 {
		if out = w.run(in, converge.Mode{Write: true, Generation: 1}); wanted(out) {
			return out
		}
	}
	w.t.Fatalf("six passes did not come to it: %v %+v", out.Err, out.Changes)
	return out
}

// secret returns a Secret as it is, nil if it is not there.
func (w *world) secret(name string) *corev1.Secret {
	w.t.Helper()
	var s corev1.Secret
	err := w.admin.Get(w.t.Context(), types.NamespacedName{Namespace: w.namespace, Name: name}, &s)
	if apierrors.IsNotFound(err) {
		return nil
	}
	w.must(err)
	return &s
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// names returns the names of all Secrets in the namespace.
func (w *world) names() []string {
	w.t.Helper()
	var all corev1.SecretList
	w.must(w.admin.List(w.t.Context(), &all, client.InNamespace(w.namespace)))
	names := make([]string, 0, len(all.Items))
	for _, s := range all.Items {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return names
}

// edit changes a Secret as somebody does who may.
func (w *world) edit(name string, change func(*corev1.Secret)) {
	w.t.Helper()
	s := w.secret(name)
	change(s)
	w.must(w.admin.Update(w.t.Context(), s))
}

// recreate deletes a Secret and creates it again, changed.
func (w *world) recreate(name string, change func(*corev1.Secret)) {
	w.t.Helper()
	s := w.secret(name)
	w.must(w.admin.Delete(w.t.Context(), s))
	s.ResourceVersion, s.UID = "", ""
	change(s)
	w.must(w.admin.Create(w.t.Context(), s))
}

// put creates a Secret.
func (w *world) put(name string, change func(*corev1.Secret)) {
	w.t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, Data: map[string][]byte{"mine": []byte("kept")}}
	if change != nil {
		change(s)
	}
	w.must(w.admin.Create(w.t.Context(), s))
}

// plain is a Secret without what every write changes.
func plain(s *corev1.Secret) *corev1.Secret {
	p := s.DeepCopy()
	p.UID, p.ResourceVersion, p.CreationTimestamp, p.ManagedFields = "", "", metav1.Time{}, nil
	return p
}

// calls counts the operator's calls and lets a test come between.
type calls struct {
	client.Client

	made []string
	// strike, if not nil, is asked before each call (with the number of the call, from one); after says
	// whether the error comes although the call took effect.
	strike func(number int, call string) (err error, after bool)
}

func (c *calls) do(verb, name string, call func() error) error {
	c.made = append(c.made, strings.TrimSpace(verb+" "+name))
	if c.strike == nil {
		return call()
	}
	err, after := c.strike(len(c.made), c.made[len(c.made)-1])
	if err == nil {
		return call()
	}
	if after {
		_ = call() // its answer is lost
	}
	return err
}

func (c *calls) writes() []string {
	return slices.DeleteFunc(slices.Clone(c.made), func(call string) bool {
		return call == "list" || strings.HasPrefix(call, "get ")
	})
}

func (c *calls) List(ctx context.Context, list client.ObjectList, options ...client.ListOption) error {
	return c.do("list", "", func() error { return c.Client.List(ctx, list, options...) })
}

func (c *calls) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	return c.do("get", key.Name, func() error { return c.Client.Get(ctx, key, o, options...) })
}

func (c *calls) Create(ctx context.Context, o client.Object, options ...client.CreateOption) error {
	return c.do("create", o.GetName(), func() error { return c.Client.Create(ctx, o, options...) })
}

func (c *calls) Patch(ctx context.Context, o client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.do("patch", o.GetName(), func() error { return c.Client.Patch(ctx, o, patch, options...) })
}

func (c *calls) Delete(ctx context.Context, o client.Object, options ...client.DeleteOption) error {
	return c.do("delete", o.GetName(), func() error { return c.Client.Delete(ctx, o, options...) })
}
