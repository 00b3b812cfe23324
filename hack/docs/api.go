package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// api documents every field of every kind from the CRDs, which are what the API server enforces.
func api(folder string) (string, error) {
	paths, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil {
		return "", err
	}
	p := newPage("API", "the CRDs in config/crd/bases", "Every field of every kind, with its default and its bounds. The pages "+
		"[PlatformClass](../kinds/platformclass.md), [CoachPlatform](../kinds/coachplatform.md) and "+
		"[SecurityReport](../kinds/securityreport.md) teach how they are used; "+
		"`kubectl explain` shows the same texts.")
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		var crd apiextensionsv1.CustomResourceDefinition
		if err := yaml.UnmarshalStrict(text, &crd); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
		kind(p, &crd)
	}
	return p.String(), nil
}

func kind(p *page, crd *apiextensionsv1.CustomResourceDefinition) {
	for i := range crd.Spec.Versions {
		v := &crd.Spec.Versions[i]
		schema := v.Schema.OpenAPIV3Schema
		p.heading(2, crd.Spec.Names.Kind)
		p.line("%s\n", oneLine(schema.Description))
		p.line("`%s/%s`, %s, short name %s.", crd.Spec.Group, v.Name, strings.ToLower(string(crd.Spec.Scope)), code(crd.Spec.Names.ShortNames...))
		for _, rule := range schema.XValidations {
			p.line("\nRule: %s.", rule.Message)
		}
		for _, part := range []string{"spec", "status", "report"} {
			if _, has := schema.Properties[part]; !has {
				continue
			}
			p.heading(3, crd.Spec.Names.Kind+" "+part)
			p.table("field", "type", "default", "what it is")
			root := schema.Properties[part]
			for _, name := range slices.Sorted(maps.Keys(root.Properties)) {
				field(p, name, root.Properties[name], slices.Contains(root.Required, name))
			}
		}
	}
}

// address is where a comment got it from; it is for readers of the code.
var address = regexp.MustCompile(`https?://\S+`)

// field adds the row of a field and those of the fields in it. What every Kubernetes object has alike,
// conditions, is one row.
func field(p *page, path string, s apiextensionsv1.JSONSchemaProps, required bool) {
	about := strings.TrimSpace(address.ReplaceAllString(oneLine(s.Description), ""))
	if required {
		about = "**Required.** " + about
	}
	p.row(code(path), typeOf(s), defaultOf(s), strings.TrimSpace(about+" "+strings.Join(bounds(s), " ")))
	if path == "conditions" {
		return
	}
	inner := s
	if s.Items != nil && s.Items.Schema != nil {
		inner, path = *s.Items.Schema, path+"[]"
	}
	for _, name := range slices.Sorted(maps.Keys(inner.Properties)) {
		field(p, path+"."+name, inner.Properties[name], slices.Contains(inner.Required, name))
	}
}

func typeOf(s apiextensionsv1.JSONSchemaProps) string {
	switch {
	case s.Type == "array" && s.Items != nil && s.Items.Schema != nil:
		return "list of " + s.Items.Schema.Type + "s"
	case s.Format == "date-time":
		return "time"
	default:
		return s.Type
	}
}

// defaultOf is the default of a plain field; that of an object is that of its fields.
func defaultOf(s apiextensionsv1.JSONSchemaProps) string {
	if s.Default == nil || s.Type == "object" {
		return ""
	}
	return code(strings.Trim(string(s.Default.Raw), `"`))
}

// bounds says in words what the API server refuses.
func bounds(s apiextensionsv1.JSONSchemaProps) []string {
	var all []string
	say := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	if len(s.Enum) > 0 {
		say("One of %s.", code(values(s.Enum)...))
	}
	switch {
	case s.Minimum != nil && s.Maximum != nil:
		say("From %v to %v.", int64(*s.Minimum), int64(*s.Maximum))
	case s.Minimum != nil:
		say("At least %v.", int64(*s.Minimum))
	}
	if s.MaxLength != nil && s.Pattern == "" && len(s.Enum) == 0 {
		say("At most %d characters.", *s.MaxLength)
	}
	if s.Pattern != "" {
		say("Must match %s.", code(s.Pattern))
	}
	if s.MaxItems != nil {
		say("At most %d.", *s.MaxItems)
	}
	for _, rule := range s.XValidations {
		say("Refused otherwise: %s.", rule.Message)
	}
	if s.Items != nil && s.Items.Schema != nil && s.Items.Schema.Type != "object" {
		if each := bounds(*s.Items.Schema); len(each) > 0 {
			say("Each: %s", strings.Join(each, " "))
		}
	}
	return all
}

func values(enum []apiextensionsv1.JSON) []string {
	all := make([]string, 0, len(enum))
	for _, e := range enum {
		var text string
		if err := json.Unmarshal(e.Raw, &text); err != nil {
			text = string(e.Raw)
		}
		all = append(all, text)
	}
	return all
}
