package appsecret

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/postgres"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// infix follows the platform's name in the names of its Secrets.
	infix = "-database"
	// kind is the type of the Secrets and, without its domain, what they say that they are.
	// https://servicebinding.io/spec/core/1.1.0/#well-known-secret-entries
	kind         = "postgresql"
	secretType   = corev1.SecretType("servicebinding.io/" + kind)
	provider     = "aws-rds"
	sslMode      = "verify-full"
	platformKind = "CoachPlatform"
)

var (
	// labelPlatform is the platform that a Secret is for.
	labelPlatform = v1alpha1.GroupVersion.Group + "/platform"
	// annotationWritten fingerprints what we wrote last: it distinguishes an edit from what is only out of date.
	annotationWritten = v1alpha1.GroupVersion.Group + "/written"
)

// State is the set of a platform's Secrets.
type State struct {
	// Secrets, sorted by name. An observed state also has those of ours that are no longer desired.
	Secrets []Secret

	// Wanted only: what is the same in all Secrets, and the names of those whose logins are not in place now.
	common map[string][]byte
	absent []string
}

// Secret is one login's Secret. It prints without its contents.
type Secret struct {
	Name string

	condition condition
	login     scope.RoleLogin
	// want is what it should be, nil if it should not exist; live is what it is, nil if it does not exist.
	want, live *corev1.Secret
}

// String returns the name and how it is.
func (s Secret) String() string { return fmt.Sprintf("%s: %s", s.Name, s.condition) }

// GoString keeps the contents out of %#v.
func (s Secret) GoString() string { return s.String() }

// condition is how a Secret is.
type condition string

const (
	current condition = "current"
	// outdated is as we wrote it, and something else is wanted since.
	outdated condition = "outdated"
	edited   condition = "edited"
	missing  condition = "missing"
	// unfit has a type that cannot be changed, or was set immutable.
	unfit condition = "of a kind that cannot be changed"
	// unwanted is ours, of a login that is not desired.
	unwanted condition = "not wanted"

	// unowned belongs to another owner.
	unowned condition = "not owned"
	// former belongs to an object of the platform's name that was deleted: Kubernetes is about to collect it.
	former condition = "of the platform before"
	// going is being deleted.
	going condition = "being deleted"
	// unready is one whose login has no stored password.
	unready condition = "without a password"
)

// repairable says that a write makes it what it should be.
func (c condition) repairable() bool {
	return c == outdated || c == edited || c == missing || c == unfit || c == unwanted
}

// Desire says which Secrets there should be. Their passwords are no part of it: Observe fetches them.
func Desire(in *scope.Platform) (State, error) {
	if len(in.Roles.Logins) == 0 || in.Database.Endpoint == "" {
		return State{}, fault.Wait(v1alpha1.ReasonWaitingForRoles, later, "the Secrets wait for the logins of the database")
	}
	_, authorities, err := postgres.Trust(in.Class.Spec.Region, in.Class.Spec.CABundle)
	if err != nil {
		return State{}, err
	}
	s := State{common: map[string][]byte{
		"type": []byte(kind), "provider": []byte(provider), "database": []byte(scope.DatabaseName), "sslmode": []byte(sslMode),
		"host": []byte(in.Database.Endpoint), "port": []byte(portOf(in)), "ca.crt": authorities,
	}}
	bindings := []string{"", "-reader"}
	for _, r := range in.Spec.Database.Roles {
		bindings = append(bindings, "-"+strings.ReplaceAll(r.Name, "_", "-"))
	}
	for _, l := range in.Roles.Logins {
		s.Secrets = append(s.Secrets, Secret{Name: nameOf(in, l.Binding), condition: current, login: l})
		bindings = slices.DeleteFunc(bindings, func(b string) bool { return b == l.Binding })
	}
	s.sort()
	for _, b := range bindings {
		s.absent = append(s.absent, nameOf(in, b))
	}
	return s, nil
}

func (s State) sort() {
	slices.SortFunc(s.Secrets, func(x, y Secret) int { return cmp.Compare(x.Name, y.Name) })
}

func nameOf(in *scope.Platform, binding string) string { return in.Tenant.Name + infix + binding }

func portOf(in *scope.Platform) string { return strconv.Itoa(int(in.Database.Port)) }

// secret returns a login's Secret, with the password unless the login is IAM's.
func (s State) secret(in *scope.Platform, one Secret, password string) *corev1.Secret {
	data := maps.Clone(s.common)
	data["username"] = []byte(one.login.Name)
	user := url.User(one.login.Name)
	if !one.login.IAM {
		data["password"] = []byte(password)
		user = url.UserPassword(one.login.Name, password)
	}
	uri := url.URL{
		Scheme: "postgres", User: user, Host: net.JoinHostPort(in.Database.Endpoint, portOf(in)), Path: "/" + scope.DatabaseName,
		RawQuery: url.Values{"sslmode": {sslMode}}.Encode(),
	}
	data["uri"] = []byte(uri.String())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: in.Tenant.Namespace, Name: one.Name,
			Labels: labelsOf(in),
			Annotations: map[string]string{
				naming.AnnotationTenant: in.Tenant.Namespace + "/" + in.Tenant.Name,
				annotationWritten:       fingerprint(data),
			},
			// Not blockOwnerDeletion: the platform goes without waiting for them.
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(), Kind: platformKind, Name: in.Tenant.Name, UID: types.UID(in.Owner), Controller: new(true),
			}},
		},
		Type: secretType, Data: data,
	}
}

// labelsOf are those of every Secret of the platform.
func labelsOf(in *scope.Platform) map[string]string {
	return map[string]string{naming.LabelManagedBy: naming.ManagedBy, labelPlatform: in.Tenant.Name}
}

// fingerprint distinguishes contents without showing them: a password in them has at least 128 bits.
func fingerprint(data map[string][]byte) string {
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		fmt.Fprintf(h, "%q %q\n", key, data[key])
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}
