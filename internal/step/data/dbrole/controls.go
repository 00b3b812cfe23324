package dbrole

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// scram is how passwords are kept: as verifiers that cannot be reversed.
// https://www.postgresql.org/docs/current/auth-password.html
const scram = "scram-sha-256"

// Controls that a refused master violates whatever else can be observed.
const controlLogins, controlVerifiers = "CP-ROLE-01", "CP-ROLE-04"

// masterTaken says what a refused master means.
const masterTaken = "the master's stored password is refused: somebody else has set another, or keeps it from logging in"

// Controls are what the step attests. Each judges what the database itself says, or how it answers.
var Controls = []converge.Control[State]{
	{ID: "CP-TLS-01", Check: checkPlaintext},
	{ID: "CP-TLS-02", Check: checkSessions},
	{ID: controlLogins, Check: checkLogins},
	{ID: "CP-ROLE-02", Check: checkRights},
	{ID: "CP-ROLE-03", Check: checkPublic},
	{ID: controlVerifiers, Check: checkPasswords, At: func(got State) time.Time { return got.ProvenAt }},
	{ID: "CP-ROLE-05", Check: checkLent, At: func(got State) time.Time { return got.ContentsAt }},
	{ID: "CP-DATA-02", Check: checkColumns, At: func(got State) time.Time { return got.ContentsAt }},
}

// checkPlaintext is a pair: over verified TLS the server lets us in, and in the same second it refuses the
// same login without TLS, for want of TLS.
func checkPlaintext(_, got State) (converge.Verdict, string) {
	switch {
	case got.TLS.Admitted:
		return converge.Violated, got.TLS.Answer
	case got.TLS.Refused && got.TLS.Version != "":
		return converge.Verified, "verified " + got.TLS.Version + "; " + got.TLS.Answer
	}
	return converge.Unknown, got.TLS.Answer
}

func checkSessions(_, got State) (converge.Verdict, string) {
	if got.TLS.Plain < 0 {
		return converge.Unknown, "the sessions of others could not be seen"
	}
	return converge.VerdictOf(got.TLS.Plain == 0), fmt.Sprintf("sessions without TLS: %d", got.TLS.Plain)
}

func checkLogins(want, got State) (converge.Verdict, string) {
	extra := slices.Concat(got.Unmanaged, got.Foreign)
	for _, r := range got.Roles {
		if w, ok := roleOf(want.Roles, r.Name); r.Login && (!ok || !w.Login) {
			extra = append(extra, r.Name)
		}
	}
	switch {
	case got.MasterRefused:
		return converge.Violated, masterTaken
	case len(extra) > 0:
		return converge.Violated, "these can log in and were not requested: " + names(extra)
	case slices.ContainsFunc(got.Beyond, func(text string) bool { return strings.HasSuffix(text, crowd) }):
		return converge.Violated, "there are more roles than are read"
	}
	return converge.Verified, fmt.Sprintf("roles that can log in, all of them requested: %d", len(want.Logins))
}

// checkRights is about rights beyond those that were given; a missing one is drift and no danger.
func checkRights(want, got State) (converge.Verdict, string) {
	extra := slices.Clone(got.Beyond)
	for _, r := range got.Roles {
		w, _ := roleOf(want.Roles, r.Name)
		if len(without(r.powers(), w.powers())) > 0 {
			extra = append(extra, r.String())
		}
	}
	extra = append(extra, surplus(want.Members, got.Members)...)
	for _, p := range slices.Concat(without(got.Databases, want.Databases), without(got.Schema, want.Schema)) {
		if p.Grantee != "" {
			extra = append(extra, p.String())
		}
	}
	for _, d := range without(got.Defaults, want.Defaults) {
		if d.Grantee != "" {
			extra = append(extra, d.String())
		}
	}
	if len(extra) > 0 {
		return converge.Violated, "not requested: " + names(extra)
	}
	return converge.Verified, fmt.Sprintf("memberships and grants, all of them requested: %d",
		len(got.Members)+len(got.Databases)+len(got.Schema))
}

func checkPublic(_, got State) (converge.Verdict, string) {
	var open []string
	for _, p := range slices.Concat(got.Databases, got.Schema) {
		if p.Grantee == "" {
			open = append(open, p.String())
		}
	}
	for _, d := range got.Defaults {
		if d.Grantee == "" {
			open = append(open, d.String())
		}
	}
	return converge.VerdictOf(len(open) == 0), "rights of PUBLIC: " + names(open)
}

// checkPasswords believes a login: the operator proves passwords by SCRAM alone, which no server can
// accept without a SCRAM verifier.
func checkPasswords(want, got State) (converge.Verdict, string) {
	untried := slices.Concat(without(want.Logins, slices.Concat(got.Logins, got.Wrong)), got.Unproven)
	if got.MasterUntried {
		untried = append(untried, scope.Master)
	}
	switch {
	case got.MasterRefused:
		return converge.Violated, masterTaken
	case got.Encryption != scram:
		return converge.Violated, fmt.Sprintf("new passwords are kept as %q", got.Encryption)
	case len(got.Wrong) > 0:
		return converge.Violated, "their password is not the one that was set: " + names(got.Wrong)
	case len(untried) > 0:
		return converge.Unknown, "could not be tried: " + names(untried)
	}
	return converge.Verified, fmt.Sprintf("logins proven by SCRAM-SHA-256: %d", len(want.Logins))
}

func surplus[T interface {
	comparable
	fmt.Stringer
}](want, got []T) []string {
	var texts []string
	for _, one := range without(got, want) {
		texts = append(texts, one.String())
	}
	return texts
}
