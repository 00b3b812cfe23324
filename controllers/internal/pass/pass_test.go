package pass_test

import (
	"os"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/internal/pass"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m, env.SharesAPIServer)) }

// claims are Claim and Drop of one kind.
type claims[O client.Object] interface {
	claim(*testing.T, O) error
	drop(*testing.T, O) error
}

type kindOf[O client.Object, In any] struct{ pass.Kind[O, In] }

func (k kindOf[O, In]) claim(t *testing.T, o O) error { t.Helper(); return k.Claim(t.Context(), o) }
func (k kindOf[O, In]) drop(t *testing.T, o O) error  { t.Helper(); return k.Drop(t.Context(), o) }

func TestAFinalizerOfAnotherControllerSurvives(t *testing.T) {
	t.Parallel()
	c := env.APIServer(t).Client
	t.Run("of a PlatformClass", func(t *testing.T) {
		t.Parallel()
		byTag := v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "use", Value: "db"}}}
		survives(t, c, v1alpha1.FinalizerClass, kindOf[*v1alpha1.PlatformClass, *scope.Class]{pass.Kind[*v1alpha1.PlatformClass, *scope.Class]{
			Client: c, Finalizer: v1alpha1.FinalizerClass,
		}}, &v1alpha1.PlatformClass{ObjectMeta: metav1.ObjectMeta{GenerateName: "class-"}, Spec: v1alpha1.PlatformClassSpec{
			Region: "eu-central-1", AccountID: "123456789012",
			Identity:          v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::123456789012:role/coach-operator", ExternalID: "test"},
			Network:           v1alpha1.ClassNetwork{VPC: byTag, Subnets: byTag},
			Database:          v1alpha1.ClassDatabase{InstanceClasses: []string{"db.t4g.medium"}, EngineVersions: []string{"16"}},
			AllowedNamespaces: []string{"*"},
		}})
	})
	t.Run("of a CoachPlatform", func(t *testing.T) {
		t.Parallel()
		survives(t, c, v1alpha1.FinalizerPlatform, kindOf[*v1alpha1.CoachPlatform, *scope.Platform]{
			pass.Kind[*v1alpha1.CoachPlatform, *scope.Platform]{Client: c, Finalizer: v1alpha1.FinalizerPlatform},
		}, &v1alpha1.CoachPlatform{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "studio-"},
			Spec:       v1alpha1.CoachPlatformSpec{ClassName: "any", DisplayName: "Studio"},
		})
	})
	t.Run("of a PayoutAccount", func(t *testing.T) {
		t.Parallel()
		survives(t, c, v1alpha1.FinalizerAccount, kindOf[*v1alpha1.PayoutAccount, *scope.Payout]{
			pass.Kind[*v1alpha1.PayoutAccount, *scope.Payout]{Client: c, Finalizer: v1alpha1.FinalizerAccount},
		}, &v1alpha1.PayoutAccount{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "jo-"},
			Spec:       v1alpha1.PayoutAccountSpec{PlatformName: "any", CoachID: "coach-1", Country: "DE"},
		})
	})
}

// survives claims and drops an object of which an older copy was read before another controller added its
// finalizer.
func survives[O client.Object](t *testing.T, c client.Client, ours string, k claims[O], object O) {
	t.Helper()
	must(t, c.Create(t.Context(), object))
	for _, step := range []struct {
		name, theirs string
		do           func(*testing.T, O) error
		claimed      bool
	}{
		{"claiming", "example.com/first", k.claim, true},
		{"dropping", "example.com/second", k.drop, false},
	} {
		old := object.DeepCopyObject().(O)
		object.SetFinalizers(append(object.GetFinalizers(), step.theirs))
		must(t, c.Update(t.Context(), object))
		if err := step.do(t, old); !apierrors.IsConflict(err) {
			t.Errorf("%s on the ground of an old list: %v, want a conflict", step.name, err)
		}
		must(t, c.Get(t.Context(), client.ObjectKeyFromObject(object), object))
		must(t, step.do(t, object)) // the next pass has read it
		must(t, c.Get(t.Context(), client.ObjectKeyFromObject(object), object))
		left := object.GetFinalizers()
		if slices.Contains(left, ours) != step.claimed || !slices.Contains(left, step.theirs) {
			t.Errorf("%s left %v", step.name, left)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
