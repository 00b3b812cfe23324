package main

import (
	"reflect"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
)

const (
	// longestShared is the length of the longest string that is shared: longer ones are hardly ever equal.
	longestShared = 512
	// mostShared bounds the strings that are known, to about a MiB.
	mostShared = 8192
)

// slimmer makes objects small before they are cached: it drops managed fields, which are not read here, lets equal
// strings share their bytes and clips slices, which decoders leave with room to grow. It changes no other value. Of
// thousands of objects of one kind, most strings are the same few.
type slimmer struct {
	mu    sync.Mutex
	known map[string]string
}

func newSlimmer() *slimmer { return &slimmer{known: map[string]string{}} }

// transform is a cache's DefaultTransform. The informer calls it once for each object that it received, before
// anything else can hold the object.
func (s *slimmer) transform(o any) (any, error) {
	if m, err := meta.Accessor(o); err == nil {
		m.SetManagedFields(nil)
	}
	if v := reflect.ValueOf(o); v.Kind() == reflect.Pointer {
		s.walk(v)
	}
	return o, nil
}

// walk slims what a value holds. Unexported fields, those of times, stay as they are.
func (s *slimmer) walk(v reflect.Value) {
	switch v.Kind() { //nolint:exhaustive // the others hold no string
	case reflect.String:
		if v.CanSet() {
			v.SetString(s.share(v.String()))
		}
	case reflect.Struct:
		for _, f := range v.Fields() {
			if f.CanSet() {
				s.walk(f)
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			s.walk(v.Elem())
		}
	case reflect.Slice:
		s.clip(v)
	case reflect.Map:
		s.walkMap(v)
	}
}

// clip gives a slice no more room than it needs, and slims its elements.
func (s *slimmer) clip(v reflect.Value) {
	if v.Cap() > v.Len() && v.CanSet() {
		exact := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(exact, v)
		v.Set(exact)
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return
	}
	for i := range v.Len() {
		s.walk(v.Index(i))
	}
}

// walkMap replaces a map of strings, such as labels, by one with shared strings. Others are rare and stay.
func (s *slimmer) walkMap(v reflect.Value) {
	texts, ok := reflect.TypeAssert[map[string]string](v)
	if !ok || len(texts) == 0 || !v.CanSet() {
		return
	}
	shared := make(map[string]string, len(texts))
	for key, value := range texts {
		shared[s.share(key)] = s.share(value)
	}
	v.Set(reflect.ValueOf(shared))
}

// share returns an equal string, the same one each time as long as it is known. When too many are known all are
// forgotten: frequent ones are known again with the next object.
func (s *slimmer) share(text string) string {
	if text == "" || len(text) > longestShared {
		return text
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok := s.known[text]; ok {
		return known
	}
	if len(s.known) >= mostShared {
		clear(s.known)
	}
	s.known[text] = text
	return text
}
