package env

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// ClassName is the name of the class of every account.
const ClassName = "standard"

// Class returns a copy of a class that offers the account's network, with the defaults of the CRD.
func (a *Account) Class() *v1alpha1.PlatformClass { return a.class.DeepCopy() }

// Class returns a class of an AWS account that does not exist, with the defaults of the CRD: for tests that never
// call AWS. To create an account takes longer than most of them.
func (s *Sandbox) Class(t testing.TB) *v1alpha1.PlatformClass {
	t.Helper()
	nowhere := &Account{
		ID: "123456789012", Region: Region, sandbox: s,
		Seeded: Seeded{RoleARN: "arn:aws:iam::123456789012:role/coach-operator", ExternalID: "nobody"},
	}
	return nowhere.newClass(t)
}

func (a *Account) newClass(t testing.TB) *v1alpha1.PlatformClass {
	t.Helper()
	byTag := func(value string) v1alpha1.Selector {
		return v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "coach-platform", Value: value}}}
	}
	authorities, err := os.ReadFile(a.sandbox.CA)
	if err != nil {
		t.Fatalf("reading the sandbox's CA: %v", err)
	}
	class := &v1alpha1.PlatformClass{
		ObjectMeta: metav1.ObjectMeta{Name: ClassName, Generation: 1},
		Spec: v1alpha1.PlatformClassSpec{
			Region: a.Region, AccountID: a.ID,
			Identity: v1alpha1.ClassIdentity{RoleARN: a.RoleARN, ExternalID: a.ExternalID},
			Network: v1alpha1.ClassNetwork{
				VPC: byTag("demo"), Subnets: byTag("private"),
				WorkloadSecurityGroups: byTag("workload"), OperatorSecurityGroup: byTag("operator"),
			},
			Database: v1alpha1.ClassDatabase{
				InstanceClasses: []string{"db.t4g.medium", "db.t4g.large", "db.m7g.large"},
				EngineVersions:  []string{"14", "15", "16", "17", "18"},
			},
			CABundle:          string(authorities),
			AllowedNamespaces: []string{"*"},
		},
	}
	setDefaults(t, "platformclasses", class)
	return class
}

// Platform returns a platform of the class, with the defaults of the CRD.
func Platform(t testing.TB) *v1alpha1.CoachPlatform {
	t.Helper()
	platform := &v1alpha1.CoachPlatform{
		ObjectMeta: metav1.ObjectMeta{Name: "studio", Namespace: "tenant-a", Generation: 1},
		Spec:       v1alpha1.CoachPlatformSpec{ClassName: ClassName, DisplayName: "Studio A"},
	}
	setDefaults(t, "coachplatforms", platform)
	return platform
}

// Tenant is the tenant of Platform.
func Tenant() naming.Tenant {
	return naming.Tenant{
		Installation: "test", Namespace: "tenant-a",
		NamespaceUID: "8a3c5a0e-6f0b-4b6e-9c7d-2f1f6f0a1b2c", Name: "studio",
	}
}

// setDefaults fills an object with the defaults of its CRD, as the API server would.
func setDefaults(t testing.TB, plural string, object any) {
	t.Helper()
	schema, err := schemaOf(plural)
	if err != nil {
		t.Fatalf("reading the CRD: %v", err)
	}
	text, err := json.Marshal(object)
	if err != nil {
		t.Fatalf("writing an object of %s: %v", plural, err)
	}
	var plain map[string]any
	if err := json.Unmarshal(text, &plain); err != nil {
		t.Fatalf("reading an object of %s: %v", plural, err)
	}
	if err := fill(plain, schema); err != nil {
		t.Fatalf("setting the defaults of %s: %v", plural, err)
	}
	if text, err = json.Marshal(plain); err != nil {
		t.Fatalf("writing an object of %s: %v", plural, err)
	}
	if err := json.Unmarshal(text, object); err != nil {
		t.Fatalf("reading an object of %s: %v", plural, err)
	}
}

// fill sets what is absent to its default, outer objects first.
func fill(object map[string]any, schema *apiextensionsv1.JSONSchemaProps) error {
	for name, property := range schema.Properties {
		if _, has := object[name]; !has && property.Default != nil {
			var value any
			if err := json.Unmarshal(property.Default.Raw, &value); err != nil {
				return fmt.Errorf("reading the default of %s: %w", name, err)
			}
			object[name] = value
		}
		if inner, ok := object[name].(map[string]any); ok {
			if err := fill(inner, &property); err != nil {
				return err
			}
		}
	}
	return nil
}

// CRDs returns the directory of the generated CRDs.
func CRDs() (string, error) {
	repository, err := root()
	return filepath.Join(repository, "config", "crd", "bases"), err
}

// schemas are those that were read before, by plural: to read one takes as long as a short test.
var schemas sync.Map

func schemaOf(plural string) (*apiextensionsv1.JSONSchemaProps, error) {
	known, _ := schemas.Load(plural)
	if schema, ok := known.(*apiextensionsv1.JSONSchemaProps); ok {
		return schema, nil
	}
	dir, err := CRDs()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, v1alpha1.GroupVersion.Group+"_"+plural+".yaml"))
	if err != nil {
		return nil, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(text, &crd); err != nil {
		return nil, fmt.Errorf("reading the CRD of %s: %w", plural, err)
	}
	schema := crd.Spec.Versions[0].Schema.OpenAPIV3Schema
	schemas.Store(plural, schema)
	return schema, nil
}
