package main

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// cached are the kinds that the operator's cache holds.
var cached = []client.Object{
	&v1alpha1.CoachPlatform{}, &v1alpha1.PlatformClass{}, &v1alpha1.PayoutAccount{}, &v1alpha1.SecurityReport{}, &corev1.Secret{},
}

func TestAnObjectEqualsItsSlimSelf(t *testing.T) {
	t.Parallel()
	s := newSlimmer()
	rapid.Check(t, func(t *rapid.T) {
		kind := reflect.TypeOf(rapid.SampledFrom(cached).Draw(t, "kind")).Elem()
		made := reflect.New(kind)
		fill(t, made.Elem(), 0)
		object, ok := reflect.TypeAssert[client.Object](made)
		if !ok {
			t.Fatalf("%s is no object", kind)
		}
		want, ok := object.DeepCopyObject().(client.Object)
		if !ok {
			t.Fatalf("a copy of %s is no object", kind)
		}
		want.SetManagedFields(nil)
		got, err := s.transform(object)
		if err != nil || !reflect.DeepEqual(want, got) {
			t.Fatalf("error %v, changed (-want +got):\n%s", err, cmp.Diff(want, got))
		}
		checkTight(t, reflect.ValueOf(got))
	})
}

// deepest is how deep generated objects are.
const deepest = 9

// fill sets all that a value holds to generated values: with zero and empty ones, and slices with room to grow.
func fill(t *rapid.T, v reflect.Value, depth int) {
	if depth > deepest {
		return
	}
	if at, ok := reflect.TypeAssert[*time.Time](v.Addr()); ok {
		*at = time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, "time"), 0).UTC()
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.OneOf(rapid.SampledFrom([]string{"", "app", "Ready", strings.Repeat("x", longestShared+1)}), rapid.String()).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64Range(0, 100).Draw(t, "number"))
	case reflect.Uint8:
		v.SetUint(rapid.Uint64Range(0, 255).Draw(t, "byte"))
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				fill(t, f, depth+1)
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem(), depth+1)
		}
	case reflect.Slice:
		if n := rapid.IntRange(-1, 2).Draw(t, "length"); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n+rapid.IntRange(0, 3).Draw(t, "room")))
			for i := range n {
				fill(t, v.Index(i), depth+1)
			}
		}
	case reflect.Map:
		if n := rapid.IntRange(-1, 2).Draw(t, "size"); n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
				fill(t, key, depth+1)
				fill(t, value, depth+1)
				v.SetMapIndex(key, value)
			}
		}
	default:
		t.Fatalf("objects hold a %s, which this test cannot generate", v.Type())
	}
}

// checkTight checks that no slice has room to grow.
func checkTight(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		checkTight(t, v.Elem())
	case reflect.Struct:
		for _, f := range v.Fields() {
			checkTight(t, f)
		}
	case reflect.Slice:
		if v.Cap() > v.Len() {
			t.Errorf("a %s of %d has room for %d", v.Type(), v.Len(), v.Cap())
		}
		for i := range v.Len() {
			checkTight(t, v.Index(i))
		}
	default: // the others have no room
	}
}

// decoded is an account as an informer receives it.
func decoded(t testing.TB, name string) *v1alpha1.PayoutAccount {
	t.Helper()
	text, err := json.Marshal(v1alpha1.PayoutAccount{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: "tenant", UID: "uid", Labels: map[string]string{"team": "coaching"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "kubectl", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{}}`)}},
		},
		Spec: v1alpha1.PayoutAccountSpec{PlatformName: "studio", CoachID: name},
		Status: v1alpha1.PayoutAccountStatus{Conditions: []metav1.Condition{
			{Type: "Ready", Status: "True", Reason: "PayoutsEnabled", Message: "Stripe pays out to the coach"},
			{Type: "Reconciling", Status: "False", Reason: "PayoutsEnabled", Message: "Stripe pays out to the coach"},
			{Type: "Stalled", Status: "False", Reason: "PayoutsEnabled", Message: "Stripe pays out to the coach"},
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	object := &v1alpha1.PayoutAccount{}
	if err := json.Unmarshal(text, object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestEqualStringsOfObjectsShareTheirBytes(t *testing.T) {
	t.Parallel()
	s := newSlimmer()
	one, other := decoded(t, "jo"), decoded(t, "sam")
	for _, o := range []any{one, other} {
		if _, err := s.transform(o); err != nil {
			t.Fatal(err)
		}
	}
	first := func(a *v1alpha1.PayoutAccount) map[string]string {
		texts := map[string]string{
			"namespace": a.Namespace, "platform": a.Spec.PlatformName,
			"reason": a.Status.Conditions[0].Reason, "message": a.Status.Conditions[0].Message,
		}
		for key, value := range a.Labels {
			texts["key of a label"], texts["label"] = key, value
		}
		return texts
	}
	for what, text := range first(one) {
		if unsafe.StringData(text) != unsafe.StringData(first(other)[what]) {
			t.Errorf("%s %q is there twice", what, text)
		}
	}
	if one.ManagedFields != nil {
		t.Error("managed fields are kept")
	}
}

func TestTheStringsThatAreKnownAreBounded(t *testing.T) {
	t.Parallel()
	s := newSlimmer()
	for i := range 3 * mostShared {
		s.share(fmt.Sprint(i))
		if len(s.known) > mostShared {
			t.Fatalf("%d strings are known", len(s.known))
		}
	}
	if long := strings.Repeat("x", longestShared+1); s.share(long) != long || s.known[long] != "" {
		t.Error("a long string is known")
	}
}

// What a watch lost is wrapped, and holds an object that was slimmed before.
func TestATombstoneStaysAsItIs(t *testing.T) {
	t.Parallel()
	tombstone := cache.DeletedFinalStateUnknown{Key: "tenant/jo", Obj: decoded(t, "jo")}
	if got, err := newSlimmer().transform(tombstone); err != nil || !reflect.DeepEqual(got, tombstone) {
		t.Errorf("got %v, %v", got, err)
	}
}

// BenchmarkCachedAccounts reports how many bytes a cached account takes, as it was received and slim.
func BenchmarkCachedAccounts(b *testing.B) {
	const many = 2000
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for name, transform := range map[string]cache.TransformFunc{"received": func(o any) (any, error) { return o, nil }, "slim": newSlimmer().transform} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				before, kept := heap(), make([]any, 0, many)
				for i := range many {
					object, err := transform(decoded(b, fmt.Sprintf("coach-%d", i)))
					if err != nil {
						b.Fatal(err)
					}
					kept = append(kept, object)
				}
				b.ReportMetric(float64(heap()-before)/float64(len(kept)), "bytes/object")
				runtime.KeepAlive(kept)
			}
		})
	}
}
