package stripewebhook

import (
	"bytes"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// mayBe are the annotations that an event may leave, and what they may look like.
var mayBe = map[string]*regexp.Regexp{
	v1alpha1.AnnotationEvent:        regexp.MustCompile(`^[A-Za-z0-9_]+@\d{4}-\d\d-\d\dT[0-9:.]+Z$`),
	v1alpha1.AnnotationDeauthorized: regexp.MustCompile(`^[A-Za-z0-9_]+$`),
	v1alpha1.AnnotationPayout:       regexp.MustCompile(`^[a-z0-9_]+@\d{4}-\d\d-\d\dT[0-9:]+Z$`),
}

// FuzzReceive sends anything to anywhere: as it is, and then signed well.
func FuzzReceive(f *testing.F) {
	s := newSmall(f)
	f.Fuzz(func(t *testing.T, body []byte, header, platform string) {
		s.clock.Step(time.Second)
		path, before := "/stripe/tenant/"+platform, s.hints(t)
		status := s.post(t.Context(), path, bytes.NewReader(body), header)
		if status < 300 && !proven(body, header, s.clock.Now()) {
			t.Errorf("%q at %q is acknowledged with %d without a signature", body, path, status)
		}
		if status >= 300 && !maps.Equal(before, s.hints(t)) {
			t.Errorf("%q at %q is answered with %d and changes %v to %v", body, path, status, before, s.hints(t))
		}
		header = "t=" + stamp(s.clock.Now()) + ",v1=" + signature(body, s.clock.Now())
		if status = s.post(t.Context(), path, bytes.NewReader(body), header); status >= 500 && path != gym {
			t.Errorf("%q, signed well, is answered with %d", body, status)
		}
		after := s.hints(t)
		if (status >= 300 || path != studio) && !maps.Equal(before, after) {
			t.Errorf("%q at %q is answered with %d and changes %v to %v", body, path, status, before, after)
		}
		for key, value := range after {
			if shape := mayBe[key]; shape == nil || !shape.MatchString(value) || len(value) > 200 {
				t.Errorf("%q leaves %s: %q", body, key, value)
			}
		}
	})
}

// proven says whether a header holds a good signature of a time that counts.
func proven(body []byte, header string, now time.Time) bool {
	for skew := -300; skew <= 300; skew++ {
		at := now.Add(time.Duration(skew) * time.Second)
		if strings.Contains(header, stamp(at)) && strings.Contains(strings.ToLower(header), signature(body, at)) {
			return true
		}
	}
	return false
}
