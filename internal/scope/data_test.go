package scope

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestARecordIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-zA-Z0-9-]{1,20}`)
		r := Record{AccountID: part.Draw(t, "account"), Region: part.Draw(t, "region"), ResourceID: part.Draw(t, "resource")}
		if got := ParseRecord(r.String()); got != r {
			t.Errorf("%q reads as %+v, want %+v", r.String(), got, r)
		}
	})
}

func TestOnlyAnEmptyTextIsNoRecord(t *testing.T) {
	for _, text := range []string{"/", "//", "///", "a/b/", "/b/c", "a//c", "db-ONE", "a/b/c/d", " "} {
		if got := ParseRecord(text); got.ResourceID != text {
			t.Errorf("%q reads as %+v: a damaged record must be kept whole", text, got)
		}
	}
	if ParseRecord("") != (Record{}) || (Record{}).String() != "" {
		t.Error("no text must be no record")
	}
}

func TestAFingerprintDistinguishesPasswordsAndHidesThem(t *testing.T) {
	one, two := Fingerprint("one-password"), Fingerprint("another-password")
	if one == two || one != Fingerprint("one-password") {
		t.Error("a fingerprint must be that of its password, and of no other")
	}
	if len(one) != 32 || strings.Contains(one, "password") {
		t.Errorf("the fingerprint is %q", one)
	}
}
