// Package schema holds requests against Stripe's own OpenAPI description, with
// the validator of stripe-mock: unknown parameters, types, enums, what is
// required and the content type.
package schema

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/lestrrat-go/jsval"
	"github.com/stripe/stripe-mock/embedded"
	"github.com/stripe/stripe-mock/param"
	"github.com/stripe/stripe-mock/param/coercer"
	"github.com/stripe/stripe-mock/spec"
)

// formType is how Stripe takes parameters.
const formType = "application/x-www-form-urlencoded"

// Operation is one call of the API.
type Operation struct {
	// ID is the operationId of the description, such as PostAccounts.
	ID     string
	Method string
	// Path is as in the description: /v1/accounts/{account}.
	Path string

	parts  []string
	schema *spec.Schema
	valid  *jsval.JSVal
}

// Problem is what is wrong with a request, in Stripe's words.
type Problem struct{ Code, Param, Message string }

// Schema knows some operations of the API. It is safe for concurrent use.
type Schema struct{ operations []*Operation }

// Load reads the description of the named operations, and fails when it does not
// have one of them.
func Load(ids []string) (*Schema, error) {
	var document struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	if err := json.Unmarshal(embedded.OpenAPISpec, &document); err != nil {
		return nil, fmt.Errorf("read the description of the API: %w", err)
	}
	s := &Schema{}
	for path, methods := range document.Paths {
		for method, content := range methods {
			operation, err := read(method, path, content, ids)
			if err != nil {
				return nil, fmt.Errorf("read the description of %s %s: %w", method, path, err)
			}
			if operation != nil {
				s.operations = append(s.operations, operation)
			}
		}
	}
	if len(s.operations) != len(ids) {
		return nil, fmt.Errorf("the description of the API has %d of %d operations", len(s.operations), len(ids))
	}
	// The path with the fewest variables wins.
	slices.SortFunc(s.operations, func(a, b *Operation) int {
		return strings.Count(a.Path, "{") - strings.Count(b.Path, "{")
	})
	return s, nil
}

// read parses an operation, or nil when it is not one of those named.
func read(method, path string, content json.RawMessage, ids []string) (*Operation, error) {
	var name struct {
		ID string `json:"operationId"`
	}
	if err := json.Unmarshal(content, &name); err != nil || !slices.Contains(ids, name.ID) {
		return nil, err
	}
	var described spec.Operation
	if err := json.Unmarshal(content, &described); err != nil {
		return nil, err
	}
	o := &Operation{ID: name.ID, Method: strings.ToUpper(method), Path: path, parts: strings.Split(path, "/")}
	if o.Method == http.MethodGet {
		o.schema = spec.BuildQuerySchema(&described)
	} else {
		o.schema = described.RequestBody.Content[formType].Schema
	}
	var err error
	o.valid, err = spec.GetValidatorForOpenAPI3Schema(o.schema, nil)
	return o, err
}

// Find is the operation of a request with the values of the path's variables in
// order, or nil.
func (s *Schema) Find(method, path string) (*Operation, []string) {
	parts := strings.Split(path, "/")
	for _, operation := range s.operations {
		if operation.Method != method {
			continue
		}
		if values, ok := operation.match(parts); ok {
			return operation, values
		}
	}
	return nil, nil
}

func (o *Operation) match(parts []string) (values []string, ok bool) {
	if len(parts) != len(o.parts) {
		return nil, false
	}
	for i, part := range parts {
		switch {
		case strings.HasPrefix(o.parts[i], "{") && part != "":
			values = append(values, part)
		case part != o.parts[i]:
			return nil, false
		}
	}
	return values, true
}

// Check reads the parameters of a request, in query and body, and validates
// them.
func (o *Operation) Check(r *http.Request) (map[string]any, *Problem) {
	if o.Method == http.MethodPost {
		if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); kind != formType {
			return nil, &Problem{Message: fmt.Sprintf("Invalid request: the Content-Type must be %s, not %q.", formType, kind)}
		}
	}
	values, err := param.ParseParams(r)
	if err != nil {
		return nil, &Problem{Message: fmt.Sprintf("Invalid request: %v", err)}
	}
	if name := unknown(o.schema, values, ""); name != "" {
		return nil, &Problem{"parameter_unknown", name, "Received unknown parameter: " + name}
	}
	for _, name := range o.schema.Required {
		if _, given := values[name]; !given {
			return nil, &Problem{"parameter_missing", name, "Missing required param: " + name + "."}
		}
	}
	if err := coercer.CoerceParams(o.schema, values); err != nil {
		return nil, &Problem{Message: fmt.Sprintf("Request coercion error: %v", err)}
	}
	if err := o.valid.Validate(values); err != nil {
		return nil, &Problem{Message: fmt.Sprintf("Request validation error: %v", err)}
	}
	return values, nil
}

// unknown is the first parameter that the description does not know, or "". The
// validator finds only those at the top.
func unknown(known *spec.Schema, values map[string]any, prefix string) string {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		full := name
		if prefix != "" {
			full = prefix + "[" + name + "]"
		}
		property, ok := known.Properties[name]
		if !ok {
			return full
		}
		nested, isObject := values[name].(map[string]any)
		if shape := objectOf(property); isObject && shape != nil {
			if found := unknown(shape, nested, full); found != "" {
				return found
			}
		}
	}
	return ""
}

// objectOf is the schema of an object with known properties, or nil: a free
// map, a list, a scalar.
func objectOf(s *spec.Schema) *spec.Schema {
	for _, shape := range append([]*spec.Schema{s}, s.AnyOf...) {
		if len(shape.Properties) > 0 {
			return shape
		}
	}
	return nil
}
