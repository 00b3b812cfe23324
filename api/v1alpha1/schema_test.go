package v1alpha1_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// schema is a node of a CRD's schema; its properties are sorted by name wherever it is walked.
type schema = apiextensionsv1.JSONSchemaProps

// crds are the generated CRDs by kind.
func crds(t *testing.T) map[string]*apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	dir, err := env.CRDs()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no CRDs in %s: %v", dir, err)
	}
	found := map[string]*apiextensionsv1.CustomResourceDefinition{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(text, crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		found[crd.Spec.Names.Kind] = crd
	}
	return found
}

func rootOf(crd *apiextensionsv1.CustomResourceDefinition) *schema {
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// walk visits every node below s that we wrote: not the object's own apiVersion, kind and metadata.
// The path of a list's item ends in [].
func walk(path string, s *schema, visit func(path string, s *schema)) {
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if path == "" && slices.Contains([]string{"apiVersion", "kind", "metadata"}, name) {
			continue
		}
		child := s.Properties[name]
		at := strings.TrimPrefix(path+"."+name, ".")
		visit(at, &child)
		walk(at, &child, visit)
	}
	if s.Items != nil && s.Items.Schema != nil {
		visit(path+"[]", s.Items.Schema)
		walk(path+"[]", s.Items.Schema, visit)
	}
}

// flaws are what the API promises not to have. It takes the schema of a whole object.
func flaws(root *schema) []string {
	var found []string
	add := func(path, flaw string) { found = append(found, path+": "+flaw) }
	walk("", root, func(path string, s *schema) {
		if strings.HasSuffix(path, ".namespace") {
			add(path, "references reach into their own namespace only")
		}
		if s.Type == "string" && s.MaxLength == nil && len(s.Enum) == 0 && s.Format != "date-time" {
			add(path, "unbounded string")
		}
		if s.Type == "array" && s.MaxItems == nil {
			add(path, "unbounded list")
		}
		if s.Type == "array" && s.XListType == nil {
			add(path, "list without a type: server-side apply would replace it whole")
		}
		if s.AdditionalProperties != nil || s.Type == "object" && len(s.Properties) == 0 {
			add(path, "free-form map")
		}
		if s.XPreserveUnknownFields != nil {
			add(path, "unknown fields are kept")
		}
		if s.Default != nil && strings.Contains(path, "[]") {
			add(path, "default inside a list item: GitOps would see drift")
		}
		if s.Description == "" && !strings.HasSuffix(path, "[]") {
			add(path, "not documented")
		}
	})
	return found
}

func TestSchemasAreBoundedAndDocumented(t *testing.T) {
	for kind, crd := range crds(t) {
		t.Run(kind, func(t *testing.T) {
			for _, flaw := range flaws(rootOf(crd)) {
				t.Error(flaw)
			}
			if len(crd.Spec.Versions) != 1 {
				t.Errorf("%d versions, and only the first is checked", len(crd.Spec.Versions))
			}
		})
	}
}

func TestTheWalkerSeesEveryFlaw(t *testing.T) {
	text := func(s schema) schema { s.Type, s.Description = "string", "d"; return s }
	long, item := int64(5), schema{Type: "string", MaxLength: new(int64)}
	defaulted := text(schema{MaxLength: &long, Default: &apiextensionsv1.JSON{Raw: []byte(`"x"`)}})
	listType, keep := "set", true
	for name, c := range map[string]struct {
		s    schema
		want []string
	}{
		"a bounded string":      {text(schema{MaxLength: &long}), nil},
		"an enum":               {text(schema{Enum: []apiextensionsv1.JSON{{}}}), nil},
		"a time":                {text(schema{Format: "date-time"}), nil},
		"an unbounded string":   {text(schema{Pattern: "^a*$"}), []string{"spec.x: unbounded string"}},
		"an undocumented field": {schema{Type: "boolean"}, []string{"spec.x: not documented"}},
		"an unbounded list": {
			schema{Type: "array", Description: "d", XListType: &listType, Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &item}},
			[]string{"spec.x: unbounded list"},
		},
		"a list without a type": {
			schema{Type: "array", Description: "d", MaxItems: &long, Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &item}},
			[]string{"spec.x: list without a type: server-side apply would replace it whole"},
		},
		"a default in a list item": {
			schema{Type: "array", Description: "d", MaxItems: &long, XListType: &listType, Items: &apiextensionsv1.JSONSchemaPropsOrArray{
				Schema: &schema{Type: "object", Properties: map[string]schema{"y": defaulted}},
			}},
			[]string{"spec.x[].y: default inside a list item: GitOps would see drift"},
		},
		"a map": {
			schema{Type: "object", Description: "d", AdditionalProperties: &apiextensionsv1.JSONSchemaPropsOrBool{}},
			[]string{"spec.x: free-form map"},
		},
		"an object of nothing": {schema{Type: "object", Description: "d"}, []string{"spec.x: free-form map"}},
		"unknown fields": {
			schema{Type: "object", Description: "d", XPreserveUnknownFields: &keep, Properties: map[string]schema{"y": defaulted}},
			[]string{"spec.x: unknown fields are kept"},
		},
		"a namespace": {
			schema{Type: "object", Description: "d", Properties: map[string]schema{"namespace": defaulted}},
			[]string{"spec.x.namespace: references reach into their own namespace only"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := &schema{Properties: map[string]schema{
				"metadata": {Type: "object"},
				"spec":     {Type: "object", Description: "d", Properties: map[string]schema{"x": c.s}},
			}}
			if diff := cmp.Diff(c.want, flaws(root)); diff != "" {
				t.Errorf("flaws (-want +got):\n%s", diff)
			}
		})
	}
}

func TestColumnsAreThoseThatTenantsAndOperatorsRead(t *testing.T) {
	want := map[string][]string{
		"CoachPlatform": {
			"READY", "DATABASE", "SECURITY", "DRIFT", "ENDPOINT", "AGE", "REASON (wide)", "CLASS (wide)", "VERSION (wide)", "PLAN (wide)",
		},
		"PayoutAccount": {
			"PHASE", "PAYOUTS", "ACTION", "DUE", "DEADLINE", "ACCOUNT", "AGE",
			"REASON (wide)", "MODE (wide)", "COUNTRY (wide)", "SCHEDULE (wide)", "SYNCED (wide)",
		},
		"PlatformClass":  {"READY", "REGION", "ACCOUNT", "PLATFORMS", "REASON (wide)", "AGE"},
		"SecurityReport": {"SECURITY", "VIOLATED", "UNKNOWN", "VALID UNTIL", "AGE"},
	}
	got := map[string][]string{}
	for kind, crd := range crds(t) {
		for _, c := range crd.Spec.Versions[0].AdditionalPrinterColumns {
			name := c.Name
			if c.Priority > 0 {
				name += " (wide)"
			}
			got[kind] = append(got[kind], name)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("columns (-want +got):\n%s", diff)
	}
}
