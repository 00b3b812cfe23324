package coachplatform_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// secrets are those in the operator's namespace.
func (b *bench) secrets() []corev1.Secret {
	b.t.Helper()
	var list corev1.SecretList
	if err := b.client.List(b.t.Context(), &list, client.InNamespace(b.home)); err != nil {
		b.t.Fatalf("listing secrets: %v", err)
	}
	return list.Items
}

// asking makes the database step ask for the password before it writes, and keeps what it is given.
func (w *trio) asking(given *[]string, fails error) {
	w.database.onWrite = func(ctx context.Context, in *scope.Platform) error {
		password, err := in.Passwords.Ensure(ctx, scope.Master)
		if err != nil {
			return err
		}
		*given = append(*given, password)
		return fails
	}
}

func TestTheMasterPasswordIsCreatedOnceAndKeptBeforeItIsUsed(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	var given []string
	kept := b.secrets
	w.database.onWrite = func(ctx context.Context, in *scope.Platform) error {
		password, err := in.Passwords.Ensure(ctx, scope.Master)
		if err == nil && (len(kept()) != 1 || string(kept()[0].Data["password"]) != password) {
			t.Error("the password was given out before it was stored")
		}
		given = append(given, password)
		return context.DeadlineExceeded // the create call ends in the unknown
	}
	for range 3 {
		b.mustRetry()
	}
	if len(given) != 3 || given[0] != given[1] || given[1] != given[2] {
		t.Error("the password changed between attempts")
	}
	if len(given[0]) < 26 {
		t.Errorf("the password has %d characters", len(given[0]))
	}
	secret := b.secrets()[0]
	if secret.Labels[naming.LabelManagedBy] != naming.ManagedBy || secret.OwnerReferences != nil {
		t.Errorf("labels %v, owners %v: want our label and no owner that could take it away", secret.Labels, secret.OwnerReferences)
	}
	if owner := secret.Annotations[naming.AnnotationTenant]; owner != b.namespace+"/"+platformName {
		t.Errorf("the secret says that it is of %q", owner)
	}
	var others corev1.SecretList
	if err := b.client.List(t.Context(), &others, client.InNamespace(b.namespace)); err != nil || len(others.Items) > 0 {
		t.Errorf("the tenant's namespace holds %d secrets (%v)", len(others.Items), err)
	}
}

func TestStepsAreGivenTheFingerprintOfWhatIsStored(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	var given, seen []string
	w.asking(&given, context.DeadlineExceeded)
	w.key.onWrite = func(_ context.Context, in *scope.Platform) error {
		seen = append(seen, in.MasterFingerprint)
		return context.DeadlineExceeded
	}
	for range 2 {
		b.mustRetry()
	}
	if diff := cmp.Diff([]string{"", scope.Fingerprint(given[0])}, seen); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
}

// late is a reader that finds nothing the first time: another replica stores its password just then.
type late struct {
	client.Reader
	once sync.Once
	race func()
}

func (l *late) Get(ctx context.Context, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	err := l.Reader.Get(ctx, key, object, options...)
	l.once.Do(l.race)
	return err
}

func TestOfTwoMakersOfAPasswordOneWins(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	var given []string
	w.asking(&given, nil)
	b.reconciler.Live = &late{Reader: b.client, race: func() {
		b.create(&corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Namespace: b.home, Name: b.tenant().Resource() + "-master"},
			Data:       map[string][]byte{"password": []byte("the winner's")},
		})
	}}
	b.mustPass()
	if diff := cmp.Diff([]string{"the winner's"}, given); diff != "" {
		t.Errorf("passwords (-want +got):\n%s", diff)
	}
}

// tenant is who the platform belongs to.
func (b *bench) tenant() naming.Tenant {
	b.t.Helper()
	var namespace corev1.Namespace
	if err := b.client.Get(b.t.Context(), client.ObjectKey{Name: b.namespace}, &namespace); err != nil {
		b.t.Fatalf("reading the namespace: %v", err)
	}
	return naming.Tenant{
		Installation: installation, Namespace: b.namespace, NamespaceUID: string(namespace.UID), Name: platformName,
	}
}

func TestADamagedSecretIsSaidAndNeverReplaced(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	var given []string
	w.asking(&given, nil)
	b.create(&corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: b.home, Name: b.tenant().Resource() + "-master"},
		Data:       map[string][]byte{"word": []byte("misplaced")},
	})
	b.mustPass()
	b.expect("DatabaseReady", metav1.ConditionFalse, v1alpha1.ReasonConflict)
	if given != nil || w.database.written() != nil {
		t.Error("the step was given a password")
	}
	if text := describe(b.platform()); !strings.Contains(text, "delete it") || strings.Contains(text, "misplaced") {
		t.Errorf("the message must say what to do and hold nothing of the secret:%s", text)
	}
}

func TestThePasswordIsReportedNowhere(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	var given []string
	w.asking(&given, nil)
	b.settle()
	b.edit(bigger)
	b.mustPass()
	w.database.change(func(m *memory) { m.looking = context.DeadlineExceeded })
	if _, err := b.pass(); err == nil {
		t.Fatal("a failed call must be retried")
	}
	if len(given) == 0 {
		t.Fatal("no password was made")
	}
	b.checkNowhere(given[0])
}

// checkNowhere checks that a password is reported nowhere.
func (b *bench) checkNowhere(password string) {
	b.t.Helper()
	object, err := json.Marshal(b.platform())
	if err != nil {
		b.t.Fatalf("writing the platform: %v", err)
	}
	fingerprint := scope.Fingerprint(password)
	for place, text := range map[string]string{
		"the object": string(object), "an event": strings.Join(b.emitted.take(), "\n"), "the log": b.logs.text(),
	} {
		if text == "" {
			b.t.Errorf("%s is empty: nothing was looked through", place)
		}
		if strings.Contains(text, password) || strings.Contains(text, fingerprint) {
			b.t.Errorf("%s tells the password or its fingerprint", place)
		}
	}
}
