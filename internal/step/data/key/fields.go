package key

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{Path: "state", About: "the key's state", Get: func(s State) string { return s.KeyState }},
	{Path: "policy", About: "who may administer and use the key", Get: func(s State) string { return s.Policy }},
	{Path: "rotationDays", About: "the age at which KMS rotates the key material", Get: rotation},
	{Path: "alias", About: "the name of the key", Get: func(s State) string { return s.Alias }},
	{Path: "released", About: "the mark of a released key", Get: func(s State) string { return s.Released }},
	{
		Path: "duplicates", About: "further keys of the tenant, left by a lost answer of CreateKey",
		Get: func(s State) string { return strings.Join(s.Extras, " ") },
	},
}

// Controls are what the step verifies.
var Controls = []converge.Control[State]{
	{ID: "CP-KEY-01", Check: func(_, got State) (converge.Verdict, string) {
		return converge.VerdictOf(got.RotationDays > 0), "rotation " + rotation(got)
	}},
	{ID: "CP-KEY-02", Check: func(_, got State) (converge.Verdict, string) {
		return converge.VerdictOf(got.KeyState == enabled), "key state " + got.KeyState
	}},
	{ID: "CP-KEY-03", Check: checkPolicy},
}

func rotation(s State) string {
	if s.RotationDays == 0 {
		return "off"
	}
	return fmt.Sprintf("every %d days", s.RotationDays)
}

// checkPolicy rejects statements that allow every principal something. A policy that cannot be read
// is no evidence.
func checkPolicy(want, got State) (converge.Verdict, string) {
	var document struct {
		Statement []struct {
			Effect       string
			Principal    json.RawMessage
			NotPrincipal json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(got.Policy), &document); err != nil || len(document.Statement) == 0 {
		return converge.Unknown, "the key policy cannot be read"
	}
	for _, s := range document.Statement {
		if s.Effect == "Allow" && (len(s.NotPrincipal) > 0 || namesEveryPrincipal(s.Principal)) {
			return converge.Violated, "the key policy allows any principal"
		}
	}
	if got.Policy != want.Policy {
		return converge.Violated, "the key policy is not the one that lets only " + services(want) + " use the key"
	}
	return converge.Verified, "the key policy lets only " + services(want) + " use the key, and the account administer it"
}

// services names the users that the policy admits.
func services(want State) string {
	if len(want.Users) == 0 {
		return "no service"
	}
	return strings.Join(want.Users, ", ")
}

func namesEveryPrincipal(principal json.RawMessage) bool {
	var name string
	if json.Unmarshal(principal, &name) == nil {
		return name == "*"
	}
	var byKind map[string]json.RawMessage
	if json.Unmarshal(principal, &byKind) != nil {
		return true
	}
	for _, names := range byKind {
		var one string
		var many []string
		if json.Unmarshal(names, &one) == nil {
			many = []string{one}
		} else if json.Unmarshal(names, &many) != nil {
			return true
		}
		if slices.Contains(many, "*") {
			return true
		}
	}
	return false
}
