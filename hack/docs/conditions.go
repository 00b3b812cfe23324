package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
)

// constant is a documented string constant.
type constant struct {
	// Name in Go, and Value in YAML.
	Name, Value string
	// About is the comment, without the name it begins with.
	About string
}

// constants returns the documented string constants of a Go file, in their order.
func constants(path string) ([]constant, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var all []constant
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Values) == 1 {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok && literal.Kind == token.STRING {
				all = append(all, read(spec, literal))
			}
		}
		return true
	})
	return all, nil
}

func read(spec *ast.ValueSpec, literal *ast.BasicLit) constant {
	name := spec.Names[0].Name
	about := strings.TrimPrefix(oneLine(spec.Doc.Text()), name)
	value, err := strconv.Unquote(literal.Value)
	if err != nil {
		value = literal.Value
	}
	return constant{Name: name, Value: value, About: sentence(strings.TrimPrefix(strings.TrimLeft(about, ": "), "is "))}
}

// conditions documents condition types, reasons, annotations and finalizers.
func conditions(path string) (string, error) {
	all, err := constants(path)
	if err != nil {
		return "", err
	}
	p := newPage("Conditions, reasons, annotations", path, "Every kind sets all of its conditions on every pass. `Ready`, "+
		"`Reconciling` and `Stalled` follow kstatus, so `kubectl wait`, Flux and Argo CD understand them. `status.steps` "+
		"has the report of each step.")
	for _, part := range []struct{ prefix, title string }{
		{"Condition", "Condition types"}, {"Reason", "Reasons"}, {"Annotation", "Annotations"}, {"Finalizer", "Finalizers"},
	} {
		p.heading(2, part.title)
		p.table("name", "meaning")
		for _, c := range all {
			if strings.HasPrefix(c.Name, part.prefix) {
				p.row(link(part.prefix, c.Value), c.About)
			}
		}
	}
	return p.String(), nil
}

func link(prefix, value string) string {
	if prefix == "Reason" {
		return "[" + value + "](../reasons/" + value + ".md)"
	}
	return code(value)
}
