package v1alpha1_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

const barePlatform = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: CoachPlatform
metadata: {name: bare, namespace: default}
spec: {className: standard, displayName: Studio A}
`

const fullPlatform = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: CoachPlatform
metadata: {name: bare, namespace: default}
spec:
  className: standard
  displayName: Studio A
  deletionPolicy: Retain
  managementPolicy: Full
  changePolicy: Approve
  encryption: {rotationDays: 365}
  database:
    engineVersion: "16"
    instanceClass: db.t4g.medium
    storage: {sizeGiB: 20}
    multiAZ: true
    encrypted: true
    publiclyAccessible: false
    deletionProtection: true
    iamAuthentication: true
    port: 5433
    tls: {required: true, minVersion: TLSv1.2}
    backup: {retentionDays: 14, window: "02:00-03:00"}
    maintenanceWindow: sun:04:00-sun:05:00
    allowFrom: {}
`

const bareClass = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: PlatformClass
metadata: {name: bare}
spec:
  region: eu-central-1
  accountID: "123456789012"
  identity: {roleARN: "arn:aws:iam::123456789012:role/coach-operator", externalID: coach-demo}
  network: {vpc: {ids: [vpc-0a1b2c3d]}, subnets: {ids: [subnet-0a1b2c3d]}}
  database: {instanceClasses: [db.t4g.medium], engineVersions: ["16"]}
  allowedNamespaces: ["*"]
`

const fullClass = `
spec:
  region: eu-central-1
  accountID: "123456789012"
  identity: {roleARN: "arn:aws:iam::123456789012:role/coach-operator", externalID: coach-demo}
  network: {vpc: {ids: [vpc-0a1b2c3d]}, subnets: {ids: [subnet-0a1b2c3d]}}
  database:
    instanceClasses: [db.t4g.medium]
    engineVersions: ["16"]
    maxStorageGiB: 1000
    minBackupRetentionDays: 7
    widestCIDRPrefix: 24
    logRetentionDays: 365
  allowedNamespaces: ["*"]
`

const barePayout = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: PayoutAccount
metadata: {name: bare, namespace: default}
spec: {platformName: studio, coachID: coach-7f3a, country: DE}
`

const fullPayout = `
spec:
  platformName: studio
  coachID: coach-7f3a
  country: DE
  capabilities: [transfers]
  serviceAgreement: Full
  payouts: {schedule: {interval: Daily}, suspended: false}
  onboarding: Hosted
  deletionPolicy: Retain
`

// sellingPlatform has a Stripe account of its own.
const sellingPlatform = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: CoachPlatform
metadata: {name: selling, namespace: default}
spec: {className: standard, displayName: Studio A, stripe: {credentialsSecretName: stripe-key, mode: Test}}
`

// unobserved is the status before the first observation: kstatus calls an object whose status is of an older generation
// in progress.
var unobserved any = map[string]any{"observedGeneration": int64(-1)}

// store creates the object and removes it when the test ends.
func store(t *testing.T, c client.Client, text string) *unstructured.Unstructured {
	t.Helper()
	u := parse(t, text)
	if err := c.Create(t.Context(), u, strict); err != nil {
		t.Fatalf("creating: %v", err)
	}
	forget(t, c, u)
	return u
}

// forget removes the object when the test ends, also from finalizers.
func forget(t *testing.T, c client.Client, u *unstructured.Unstructured) {
	t.Helper()
	t.Cleanup(func() {
		ctx, gone := context.WithoutCancel(t.Context()), u.DeepCopy()
		if err := c.Get(ctx, client.ObjectKeyFromObject(u), gone); err != nil {
			t.Errorf("clearing up: %v", err)
			return
		}
		gone.SetFinalizers(nil)
		if err := errors.Join(c.Update(ctx, gone), c.Delete(ctx, gone)); err != nil {
			t.Errorf("clearing up: %v", err)
		}
	})
}

func TestDefaultsMaterialise(t *testing.T) {
	c := env.APIServer(t).Client
	for name, y := range map[string]struct{ bare, full string }{
		"a platform": {barePlatform, fullPlatform}, "a class": {bareClass, fullClass}, "a payout account": {barePayout, fullPayout},
		"a platform with Stripe": {sellingPlatform, strings.TrimSuffix(fullPlatform, "\n") + `
  stripe: {credentialsSecretName: stripe-key, mode: Test, onPlatformViolation: Report}
`},
	} {
		t.Run(name, func(t *testing.T) {
			bare := parse(t, y.bare)
			if err := c.Create(t.Context(), bare, client.DryRunAll, strict); err != nil {
				t.Fatalf("creating: %v", err)
			}
			if diff := cmp.Diff(parse(t, y.full).Object["spec"], bare.Object["spec"]); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(unobserved, bare.Object["status"]); diff != "" {
				t.Errorf("the status of what nobody has observed (-want +got):\n%s", diff)
			}
		})
	}
}

// A pipeline applies the same file again and again, while the operator writes status, a finalizer and
// annotations: none of it may be a change.
func TestApplyingTheSameFileAgainChangesNothing(t *testing.T) {
	c := env.APIServer(t).Client
	for name, text := range map[string]string{
		"a platform": barePlatform, "a class": bareClass, "a platform with Stripe": sellingPlatform, "a payout account": barePayout,
		"a payout account with all fields": strings.Replace(payoutYAML, "name: jo", "name: full", 1),
	} {
		t.Run(name, func(t *testing.T) {
			apply := func() *unstructured.Unstructured {
				u := parse(t, text)
				if err := c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("pipeline")); err != nil {
					t.Fatalf("applying: %v", err)
				}
				return u
			}
			first := apply()
			forget(t, c, first)
			operator := first.DeepCopy()
			operator.SetFinalizers([]string{"payouts.coachplatform.io/test"})
			operator.SetAnnotations(map[string]string{v1alpha1.AnnotationDatabase: "123456789012/eu-central-1/db-1"})
			if err := c.Update(t.Context(), operator, client.FieldOwner("operator")); err != nil {
				t.Fatalf("writing as the operator: %v", err)
			}
			second := apply()
			if second.GetGeneration() != 1 || second.GetResourceVersion() != operator.GetResourceVersion() {
				t.Errorf("applying again made generation %d and version %s of %s",
					second.GetGeneration(), second.GetResourceVersion(), operator.GetResourceVersion())
			}
			if len(second.GetFinalizers()) == 0 || len(second.GetAnnotations()) == 0 {
				t.Error("applying again took away what the operator wrote")
			}
			replaced := parse(t, text)
			replaced.SetResourceVersion(second.GetResourceVersion())
			if err := c.Update(t.Context(), replaced, client.FieldOwner("pipeline")); err != nil {
				t.Fatalf("replacing: %v", err)
			}
			if replaced.GetGeneration() != 1 {
				t.Errorf("replacing the object by the same file made generation %d", replaced.GetGeneration())
			}
		})
	}
}

func TestStatusIsNotAnInput(t *testing.T) {
	c := env.APIServer(t).Client
	u := store(t, c, barePlatform)
	u.Object["status"] = map[string]any{"drift": "None"}
	if err := c.Update(t.Context(), u); err != nil {
		t.Fatalf("updating: %v", err)
	}
	if diff := cmp.Diff(unobserved, u.Object["status"]); diff != "" {
		t.Errorf("a user who may write the spec wrote the status (-want +got):\n%s", diff)
	}
	u.Object["status"] = map[string]any{"drift": "None", "security": map[string]any{
		"verified": int64(0), "violated": int64(0), "unknown": int64(0), "exempt": int64(0), "applicable": int64(0),
	}}
	u.Object["spec"].(map[string]any)["displayName"] = "Other"
	if err := c.Status().Update(t.Context(), u); err != nil {
		t.Fatalf("updating the status: %v", err)
	}
	var got v1alpha1.CoachPlatform
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(u), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status.Drift != "None" || got.Spec.DisplayName != "Studio A" || got.Generation != 1 {
		t.Errorf("status %+v, spec %q, generation %d", got.Status, got.Spec.DisplayName, got.Generation)
	}
}

func TestNamesOfTheKinds(t *testing.T) {
	type names struct {
		Scope, Plural string
		Short         []string
	}
	got := map[string]names{}
	for kind, crd := range crds(t) {
		got[kind] = names{string(crd.Spec.Scope), crd.Spec.Names.Plural, crd.Spec.Names.ShortNames}
		// A report has no spec, so there is nothing that its status would have to be kept apart from.
		hasStatus := crd.Spec.Versions[0].Subresources != nil && crd.Spec.Versions[0].Subresources.Status != nil
		if crd.Spec.Group != v1alpha1.GroupVersion.Group || hasStatus == (kind == "SecurityReport") {
			t.Errorf("%s: group %s, status %v", kind, crd.Spec.Group, crd.Spec.Versions[0].Subresources)
		}
	}
	want := map[string]names{
		"CoachPlatform":  {"Namespaced", "coachplatforms", []string{"cp"}},
		"PayoutAccount":  {"Namespaced", "payoutaccounts", []string{"pa"}},
		"PlatformClass":  {"Cluster", "platformclasses", []string{"pclass"}},
		"SecurityReport": {"Namespaced", "securityreports", []string{"secrep"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}
