package postgres

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The password and salt of RFC 7677, section 3.
func TestAVerifierIsTheOneThatPostgreSQLMakes(t *testing.T) {
	t.Parallel()
	salt, err := base64.StdEncoding.DecodeString("W22ZaJ0SNY7soEsUEjb6gQ==")
	if err != nil {
		t.Fatal(err)
	}
	got, err := verifier("pencil", salt, 4096)
	want := "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:" +
		"wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
	if err != nil || got != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}

func TestNoTwoVerifiersOfAPasswordAreAlike(t *testing.T) {
	t.Parallel()
	one, err := Verifier(secret)
	two, err2 := Verifier(secret)
	if err != nil || err2 != nil || one == two || strings.Contains(one, secret) {
		t.Errorf("alike, or telling (%v, %v)", err, err2)
	}
}
