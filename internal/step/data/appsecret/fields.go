package appsecret

import (
	"slices"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
)

const (
	// none is the text of nothing at all.
	none = "none"
	// renewed is what an outdated Secret becomes.
	renewed condition = "renewed"
	// soon is when Kubernetes will have collected what it is about to.
	soon = 5 * time.Second
	// later is when to read the logins again: a pass in which they are put in place sees them anyway.
	later = time.Minute
)

// Fields are what the step owns. Their texts name Secrets and say how they are, and hold nothing of what is in
// them. What is out of date has a field of its own, since it is no drift.
var Fields = []converge.Field[State]{
	{Path: "secrets", About: "a Secret for each login and no others: type, contents, labels and owner", Get: func(s State) string {
		return list(s.Secrets, func(one Secret) string {
			if one.condition == outdated || one.condition == renewed {
				one.condition = current
			}
			return one.String()
		})
	}},
	{Path: "contents", About: "Secrets that hold what was wanted before, such as an earlier password", Get: func(s State) string {
		return list(s.of(outdated, renewed), Secret.String)
	}},
}

func list[T any](all []T, text func(T) string) string {
	if len(all) == 0 {
		return none
	}
	texts := make([]string, 0, len(all))
	for _, one := range all {
		texts = append(texts, text(one))
	}
	return strings.Join(texts, "; ")
}

// of returns the Secrets that are in one of the conditions.
func (s State) of(conditions ...condition) []Secret {
	return slices.DeleteFunc(slices.Clone(s.Secrets), func(one Secret) bool { return !slices.Contains(conditions, one.condition) })
}

// index of the Secret of a name, -1 if there is none.
func (s State) index(name string) int {
	return slices.IndexFunc(s.Secrets, func(one Secret) bool { return one.Name == name })
}

// degraded says what no write can repair now.
func degraded(want, got State) error {
	names := func(c condition) string {
		return list(got.of(c), func(one Secret) string { return one.Name })
	}
	switch {
	case len(got.of(unowned)) > 0:
		return fault.New(fault.Conflict, v1alpha1.ReasonConflict,
			"the platform's namespace has Secrets of these names that are not the platform's, and they are not touched: %s; delete or "+
				"rename them, and the platform's are created", names(unowned))
	case len(got.of(former)) > 0:
		return fault.Wait(v1alpha1.ReasonSettling, soon,
			"these Secrets belong to a deleted platform of the same name, and Kubernetes is about to collect them: %s", names(former))
	case len(got.of(going)) > 0:
		return fault.Wait(v1alpha1.ReasonSettling, soon,
			"these Secrets are being deleted, and are created again afterwards (a finalizer on one keeps it): %s", names(going))
	case len(got.of(unready)) > 0:
		return fault.Wait(v1alpha1.ReasonWaitingForRoles, later, "the logins of these Secrets have no password yet: %s", names(unready))
	case len(want.absent) > 0:
		return fault.Wait(v1alpha1.ReasonWaitingForRoles, later, "the logins of these Secrets are not in place: %s",
			strings.Join(want.absent, "; "))
	}
	return nil
}
