package appsecret_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	labelPlatform     = "payouts.coachplatform.io/platform"
	annotationWritten = "payouts.coachplatform.io/written"
)

// keys are those of every Secret but an IAM login's, which has no password.
var keys = []string{"ca.crt", "database", "host", "password", "port", "provider", "sslmode", "type", "uri", "username"}

func TestEachLoginHasASecretWithAllThatADriverNeedsAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.in.Roles.Logins = append(w.in.Roles.Logins, report)
	if w.pass(); w.in.Binding != "" {
		t.Errorf("published before it was seen: %q", w.in.Binding)
	}
	w.converge()
	if diff := cmp.Diff([]string{first, "studio-database-monthly-report", second}, w.names()); diff != "" {
		t.Fatalf("Secrets (-want +got):\n%s", diff)
	}
	if w.in.Binding != first {
		t.Errorf("published is %q", w.in.Binding)
	}
	_, authorities, err := postgres.Trust("eu-central-1", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, login := range map[string]scope.RoleLogin{first: app, second: reader, "studio-database-monthly-report": report} {
		s := w.secret(name)
		password, _ := w.passwords.Stored(t.Context(), login.Name)
		wanted := slices.Clone(keys)
		if login.IAM {
			password, wanted = "", slices.DeleteFunc(wanted, func(key string) bool { return key == "password" })
		}
		if diff := cmp.Diff(wanted, slices.Sorted(maps.Keys(s.Data))); diff != "" {
			t.Errorf("%s: keys (-want +got):\n%s", name, diff)
		}
		for key, want := range map[string]string{
			"type": "postgresql", "provider": "aws-rds", "host": endpoint, "port": "5433", "database": "coach", "username": login.Name,
			"password": password, "ca.crt": string(authorities), "sslmode": "verify-full",
		} {
			if got := string(s.Data[key]); got != want {
				t.Errorf("%s: %s is %q, want %q", name, key, got, want)
			}
		}
		mustConnect(t, string(s.Data["uri"]), login.Name, password)
		mustBelong(t, s, w.in)
	}
}

// mustConnect checks what a driver reads from a URI.
func mustConnect(t *testing.T, uri, user, password string) {
	t.Helper()
	config, err := pgx.ParseConfig(uri)
	if err != nil {
		t.Fatalf("a driver does not understand the URI: %v", err)
	}
	got := []string{config.Host, strconv.Itoa(int(config.Port)), config.Database, config.User, config.Password, config.TLSConfig.ServerName}
	if diff := cmp.Diff([]string{endpoint, "5433", "coach", user, password, endpoint}, got); diff != "" {
		t.Errorf("what a driver reads from the URI (-want +got):\n%s", diff)
	}
	if config.TLSConfig.InsecureSkipVerify || len(config.Fallbacks) > 0 {
		t.Error("a driver may connect without verified TLS")
	}
	if strings.Count(uri, ":") != map[bool]int{true: 3, false: 2}[password != ""] {
		t.Errorf("the URI has a password, or none, against the login's kind")
	}
}

func mustBelong(t *testing.T, s *corev1.Secret, in *scope.Platform) {
	t.Helper()
	if s.Type != "servicebinding.io/postgresql" {
		t.Errorf("%s: type %s", s.Name, s.Type)
	}
	if diff := cmp.Diff(map[string]string{naming.LabelManagedBy: "coach-operator", labelPlatform: in.Tenant.Name}, s.Labels); diff != "" {
		t.Errorf("%s: labels (-want +got):\n%s", s.Name, diff)
	}
	if got := s.Annotations[naming.AnnotationTenant]; got != in.Tenant.Namespace+"/"+in.Tenant.Name {
		t.Errorf("%s: tenant %q", s.Name, got)
	}
	if diff := cmp.Diff([]metav1.OwnerReference{{
		APIVersion: "payouts.coachplatform.io/v1alpha1", Kind: "CoachPlatform", Name: in.Tenant.Name, UID: types.UID(in.Owner), Controller: new(true),
	}}, s.OwnerReferences); diff != "" {
		t.Errorf("%s: owners (-want +got):\n%s", s.Name, diff)
	}
}

func set(key, value string) func(*world) {
	return func(w *world) { w.edit(first, func(s *corev1.Secret) { s.Data[key] = []byte(value) }) }
}

func change(change func(*corev1.Secret)) func(*world) {
	return func(w *world) { w.edit(first, change) }
}

func TestWhatSomebodyChangesIsReportedAndRepaired(t *testing.T) {
	t.Parallel()
	another := metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: "keeper", UID: "22222222-aaaa-4bbb-8ccc-000000000002"}
	for name, do := range map[string]func(*world){
		"another password":               set("password", "guess"),
		"another URI":                    set("uri", "postgres://elsewhere/"),
		"another host":                   set("host", "elsewhere"),
		"weaker TLS":                     set("sslmode", "disable"),
		"other authorities":              set("ca.crt", "mine"),
		"a key more":                     set("more", "than that"),
		"a key less":                     change(func(s *corev1.Secret) { delete(s.Data, "port") }),
		"no key at all":                  change(func(s *corev1.Secret) { s.Data = nil }),
		"one label less":                 change(func(s *corev1.Secret) { delete(s.Labels, naming.LabelManagedBy) }),
		"no label":                       change(func(s *corev1.Secret) { s.Labels = nil }),
		"the label of another":           change(func(s *corev1.Secret) { s.Labels[labelPlatform] = "other" }),
		"no tenant":                      change(func(s *corev1.Secret) { delete(s.Annotations, naming.AnnotationTenant) }),
		"no fingerprint":                 change(func(s *corev1.Secret) { delete(s.Annotations, annotationWritten) }),
		"another fingerprint":            change(func(s *corev1.Secret) { s.Annotations[annotationWritten] = "0" }),
		"no owner":                       change(func(s *corev1.Secret) { s.OwnerReferences = nil }),
		"an owner that is no controller": change(func(s *corev1.Secret) { s.OwnerReferences[0].Controller = nil }),
		"an owner that waits":            change(func(s *corev1.Secret) { s.OwnerReferences[0].BlockOwnerDeletion = new(true) }),
		"a second owner":                 change(func(s *corev1.Secret) { s.OwnerReferences = append(s.OwnerReferences, another) }),
		"set immutable":                  change(func(s *corev1.Secret) { s.Immutable = new(true) }),
		"set immutable, with another password": change(func(s *corev1.Secret) {
			s.Immutable, s.Data["password"] = new(true), []byte("guess")
		}),
		"deleted": func(w *world) { w.must(w.admin.Delete(w.t.Context(), w.secret(first))) },
		"another type": func(w *world) {
			w.recreate(first, func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque })
		},
		"created again with other contents": func(w *world) {
			w.recreate(first, func(s *corev1.Secret) { s.Data = map[string][]byte{"password": []byte("guess")} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.converge()
			whole, beside := plain(w.secret(first)), w.secret(second).ResourceVersion
			do(w)
			out := w.pass()
			if len(out.Changes) != 1 || out.Changes[0].Path != "secrets" || !out.Changes[0].Drift || !out.Applied {
				t.Errorf("the change is not reported as drift: %+v, %v", out.Changes, out.Err)
			}
			if f := fault.As(out.Err); f.Reason != converge.ReasonApplied {
				t.Errorf("healing says %v", f)
			}
			w.converge()
			if diff := cmp.Diff(whole, plain(w.secret(first))); diff != "" {
				t.Errorf("it is not what it was (-want +got):\n%s", diff)
			}
			if w.secret(second).ResourceVersion != beside {
				t.Error("another Secret was written")
			}
		})
	}
}

func TestWhatOthersAddToASecretStaysAndIsNoDrift(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.converge()
	w.edit(first, func(s *corev1.Secret) { s.Labels["theirs"], s.Annotations["theirs"] = "kept", "kept" })
	w.converge()
	w.edit(first, func(s *corev1.Secret) { s.Data["password"] = []byte("guess") })
	w.converge()
	if s := w.secret(first); s.Labels["theirs"] != "kept" || s.Annotations["theirs"] != "kept" || string(s.Data["password"]) == "guess" {
		t.Errorf("labels %v, annotations %v", s.Labels, s.Annotations)
	}
}

func TestWhatIsWantedAnewIsWrittenAndIsNoDrift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do       func(*world)
		key, has string
	}{
		"another password": {func(w *world) {
			w.must(w.passwords.Forget(w.t.Context(), app.Name))
			_, err := w.passwords.Ensure(w.t.Context(), app.Name)
			w.must(err)
		}, "password", ""},
		"another endpoint":       {func(w *world) { w.in.Database.Endpoint = "moved.example" }, "host", "moved.example"},
		"authorities of a class": {func(w *world) { w.in.Class.Spec.CABundle = otherBundle(w.t) }, "ca.crt", otherBundle(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.converge()
			before := w.secret(first)
			c.do(w)
			out := w.pass()
			if len(out.Changes) != 1 || out.Changes[0].Path != "contents" || out.Changes[0].Drift {
				t.Errorf("want one change of contents that is no drift: %+v, %v", out.Changes, out.Err)
			}
			w.converge()
			after := w.secret(first)
			if got := string(after.Data[c.key]); got == string(before.Data[c.key]) || c.has != "" && got != c.has {
				t.Errorf("%s is %q", c.key, got)
			}
			if after.UID != before.UID {
				t.Error("it was created again")
			}
			w.edit(first, func(s *corev1.Secret) { s.Data["host"] = []byte("elsewhere") })
			if out := w.pass(); len(out.Changes) != 1 || !out.Changes[0].Drift {
				t.Errorf("after that, an edit is drift: %+v", out.Changes)
			}
		})
	}
}

// otherBundle is the public bundle of another region.
func otherBundle(t testing.TB) string {
	t.Helper()
	_, text, err := postgres.Trust("us-east-1", "")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
