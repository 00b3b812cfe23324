package stripesecret_test

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/stripesecret"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const key = "rk_test_0123456789"

// give puts data into a Secret of a namespace.
func (b *bench) give(namespace, name string, data map[string][]byte) {
	b.t.Helper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Data: data}
	_ = b.client.Delete(b.t.Context(), secret.DeepCopy())
	b.must(b.client.Create(b.t.Context(), secret))
}

func TestAKeyIsReadFromTheSecretThatThePlatformNames(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		do     func(*bench)
		want   string
		class  fault.Class
		reason string
	}{
		"it is there":               {do: func(b *bench) { b.give(tenant, "key", map[string][]byte{"apiKey": []byte(key)}) }, want: key},
		"it ends with a line's end": {do: func(b *bench) { b.give(tenant, "key", map[string][]byte{"apiKey": []byte(key + "\n")}) }, want: key},
		"there is no Secret":        {do: func(*bench) {}, class: fault.Waiting, reason: v1alpha1.ReasonPlatformCredentialsInvalid},
		"it is another namespace's": {
			do:    func(b *bench) { b.give("another", "key", map[string][]byte{"apiKey": []byte(key)}) },
			class: fault.Waiting, reason: v1alpha1.ReasonPlatformCredentialsInvalid,
		},
		"it has another name in the Secret": {
			do:    func(b *bench) { b.give(tenant, "key", map[string][]byte{"key": []byte(key)}) },
			class: fault.Denied, reason: v1alpha1.ReasonPlatformCredentialsInvalid,
		},
		"it is blank": {
			do:    func(b *bench) { b.give(tenant, "key", map[string][]byte{"apiKey": []byte(" \n")}) },
			class: fault.Denied, reason: v1alpha1.ReasonPlatformCredentialsInvalid,
		},
		"the namespace is not granted": {
			do: func(b *bench) {
				b.fails = apierrors.NewForbidden(schema.GroupResource{Resource: "secrets"}, "key", errors.New(key))
			},
			class: fault.Denied, reason: v1alpha1.ReasonNamespaceNotGranted,
		},
		"the API server fails": {do: func(b *bench) { b.fails = apierrors.NewServiceUnavailable("busy") }, class: fault.Transient},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			c.do(b)
			got, err := stripesecret.Key(t.Context(), b.client, b.platform)
			if got.Reveal() != c.want || (err == nil) != (c.want != "") {
				t.Errorf("right: %t, error %v", got.Reveal() == c.want, err)
			}
			if err == nil {
				return
			}
			if f := fault.As(err); f.Class != c.class || c.reason != "" && f.Reason != c.reason {
				t.Errorf("%v", err)
			}
			silent(t, err)
		})
	}
}

func TestAKeyThatWasReadCountsForHalfAMinute(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var keys stripesecret.Keys
	of := func(platform *v1alpha1.CoachPlatform) string {
		t.Helper()
		got, err := keys.Of(t.Context(), b.client, b.clock.Now(), platform)
		if (err == nil) != (got.Reveal() != "") {
			t.Errorf("a key with the error %v", err)
		}
		return got.Reveal()
	}
	wait := func(d time.Duration) { b.clock.SetTime(b.clock.Now().Add(d)) }
	give := func(text string) { b.give(tenant, "key", map[string][]byte{"apiKey": []byte(text)}) }
	is := func(want string) {
		t.Helper()
		if of(b.platform) != want {
			t.Error("it is another key")
		}
	}

	is("")
	give(key)
	is("") // that there is none was read just now
	wait(30 * time.Second)
	is(key)
	give(key + "new")
	wait(29 * time.Second)
	is(key)
	wait(time.Second)
	is(key + "new")

	// Nobody gets the key of another platform, or of a platform before it that had the same name.
	b.give(tenant, "other", map[string][]byte{"apiKey": []byte("another")})
	for name, change := range map[string]func(*v1alpha1.CoachPlatform){
		"of another namespace":      func(p *v1alpha1.CoachPlatform) { p.Namespace, p.UID = "another", "2" },
		"that was created again":    func(p *v1alpha1.CoachPlatform) { p.UID, p.Spec.Stripe.CredentialsSecretName = "3", "other" },
		"that names another Secret": func(p *v1alpha1.CoachPlatform) { p.Spec.Stripe.CredentialsSecretName = "other" },
	} {
		platform := b.platform.DeepCopy()
		change(platform)
		want := "another"
		if platform.Namespace != tenant {
			want = ""
		}
		if of(platform) != want {
			t.Errorf("a platform %s has a key that is not its own", name)
		}
	}
}
