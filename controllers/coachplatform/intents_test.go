package coachplatform_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// flaky loses the answers of its first creates, and fails its first reads of Secrets.
type flaky struct {
	client.Client
	creates, reads int
}

func (f *flaky) Create(ctx context.Context, o client.Object, opts ...client.CreateOption) error {
	err := f.Client.Create(ctx, o, opts...)
	if f.creates--; f.creates >= 0 {
		return errors.New("no answer")
	}
	return err
}

func (f *flaky) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	if _, secret := o.(*corev1.Secret); secret {
		if f.reads--; f.reads >= 0 {
			return errors.New("no answer")
		}
	}
	return f.Client.Get(ctx, key, o, opts...)
}

func TestAnIntentIsTheFirstOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// creates and reads are how many of them fail.
		creates, reads int
		// secret is stored before.
		secret bool
		// said are the answers of three attempts.
		said []string
	}{
		"no trace of an earlier attempt":                      {said: []string{"first", "later", "later"}},
		"a master Secret, though without a password":          {secret: true, said: []string{"later", "later", "later"}},
		"an intent that was stored and whose answer was lost": {creates: 1, said: []string{"failed", "later", "later"}},
		"a Secret that cannot be read":                        {reads: 1, said: []string{"failed", "later", "later"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, w := newTrio(t)
			b.start()
			if c.secret {
				b.create(&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: b.home, Name: b.tenant().Resource() + "-master"}})
			}
			kube := &flaky{Client: b.client, creates: c.creates}
			b.reconciler.Client, b.reconciler.Live = kube, kube
			var said []string
			w.key.onWrite = func(ctx context.Context, in *scope.Platform) error {
				kube.reads = c.reads
				c.reads = 0
				first, err := in.Intents.Declare(ctx, "key")
				switch {
				case err != nil:
					said = append(said, "failed")
				case first:
					said = append(said, "first")
				default:
					said = append(said, "later")
				}
				return context.DeadlineExceeded
			}
			for range 3 {
				_, _ = b.pass() // each ends in the error of the write
			}
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Errorf("answers (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnIntentOutlivesThePlatformAndIsTheTenantsOwn(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.start()
	w.key.onWrite = func(ctx context.Context, in *scope.Platform) error {
		_, err := in.Intents.Declare(ctx, "key")
		return err
	}
	b.mustPass()
	var kept corev1.ConfigMap
	key := client.ObjectKey{Namespace: b.home, Name: b.tenant().Resource() + "-intent-key"}
	if err := b.client.Get(t.Context(), key, &kept); err != nil {
		t.Fatalf("reading the intent: %v", err)
	}
	if kept.OwnerReferences != nil || kept.Immutable == nil || !*kept.Immutable || kept.Annotations[naming.AnnotationTenant] != b.namespace+"/"+platformName {
		t.Errorf("owners %v, immutable %v, annotations %v", kept.OwnerReferences, kept.Immutable, kept.Annotations)
	}
}

func TestWithAnInstallationSetByHandNoIntentCounts(t *testing.T) {
	t.Parallel()
	b, w := newTrio(t)
	b.reconciler.InstallationGiven = true
	b.start()
	asked := false
	w.key.onWrite = func(_ context.Context, in *scope.Platform) error {
		asked = true
		if in.Intents != nil {
			t.Error("the step was given intents")
		}
		return nil
	}
	b.mustPass()
	if !asked {
		t.Error("the step was not run")
	}
}
