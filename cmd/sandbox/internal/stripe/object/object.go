// Package object is JSON objects that are changed in place, by path.
package object

import "maps"

// Object is a JSON object; objects within are Objects too.
type Object = map[string]any

// At is what is at a path, or nil.
func At(o Object, path ...string) any {
	var value any = o
	for _, name := range path {
		inner, ok := value.(Object)
		if !ok {
			return nil
		}
		value = inner[name]
	}
	return value
}

// Child is the object at a path, or nil.
func Child(o Object, path ...string) Object {
	child, _ := At(o, path...).(Object)
	return child
}

// Text is the string at a path, or "".
func Text(o Object, path ...string) string {
	text, _ := At(o, path...).(string)
	return text
}

// Bool is the truth at a path, or false.
func Bool(o Object, path ...string) bool {
	truth, _ := At(o, path...).(bool)
	return truth
}

// Merge writes a patch over an object, objects within objects too. The patch is
// left as it is, and is not shared.
func Merge(into, patch Object) {
	for name, value := range patch {
		inner, isObject := value.(Object)
		old, wasObject := into[name].(Object)
		if isObject && wasObject {
			Merge(old, inner)
			continue
		}
		into[name] = Clone(value)
	}
}

// Clone copies a value with all in it.
func Clone(value any) any {
	switch value := value.(type) {
	case Object:
		copied := maps.Clone(value)
		for name, inner := range copied {
			copied[name] = Clone(inner)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, inner := range value {
			copied[i] = Clone(inner)
		}
		return copied
	}
	return value
}
