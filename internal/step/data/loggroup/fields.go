package loggroup

import (
	"fmt"
	"strings"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// The paths of the owned fields.
const (
	pathGroups    = "groups"
	pathTags      = "tags"
	pathKey       = "key"
	pathRetention = "retentionDays"
	pathReleased  = "released"
)

// Fields are what the step owns. A group that does not exist shows in groups alone.
var Fields = []converge.Field[State]{
	{Path: pathGroups, About: "the logs that have a group", Get: existing},
	{Path: pathTags, About: "the tags that say whose the groups are", Get: each(func(g Group) string { return yesNo(g.Tagged) })},
	{
		Path: pathKey, About: "the key that encrypts the log events", Derived: true,
		Get: each(func(g Group) string { return g.KeyARN }),
	},
	{Path: pathRetention, About: "how long log events are kept, in days", Get: each(days)},
	{Path: pathReleased, About: "the mark of groups that were released", Get: each(func(g Group) string { return g.Released })},
}

// Controls are what the step can prove.
var Controls = []converge.Control[State]{
	{ID: "CP-LOG-01", Check: checkKey},
	{ID: "CP-LOG-02", Check: checkRetention},
}

// checkKey holds when all groups are encrypted with the tenant's key.
func checkKey(want, got State) (converge.Verdict, string) {
	if !want.KeyKnown {
		return converge.Unknown, "the tenant's key could not be observed"
	}
	return judge(want, got, "with a key that is not the tenant's", "encrypted with the tenant's key",
		func(want, got Group) bool { return got.KeyARN == want.KeyARN })
}

// checkRetention holds when no log event is removed too early. A group without an end keeps them.
func checkRetention(want, got State) (converge.Verdict, string) {
	return judge(want, got, "kept too short", fmt.Sprintf("kept for %s or longer", days(want.Groups[0])),
		func(want, got Group) bool { return got.Days == 0 || got.Days >= want.Days })
}

// judge compares each desired group with the one that exists.
func judge(want, got State, bad, good string, holds func(want, got Group) bool) (converge.Verdict, string) {
	verdict, seen := converge.Verified, fmt.Sprintf("%d log groups, %s", len(got.Groups), good)
	for i, g := range got.Groups {
		switch {
		case !g.Exists && verdict == converge.Verified:
			verdict, seen = converge.Unknown, "no log group for "+g.Log
		case g.Exists && !holds(want.Groups[i], g):
			return converge.Violated, g.Log + ": " + bad
		}
	}
	return verdict, seen
}

// existing names the logs that have a group.
func existing(s State) string {
	var names []string
	for _, g := range s.Groups {
		if g.Exists {
			names = append(names, g.Log)
		}
	}
	return strings.Join(names, ", ")
}

// each returns the text of a property of all groups.
func each(property func(Group) string) func(State) string {
	return func(s State) string {
		texts := make([]string, 0, len(s.Groups))
		for _, g := range s.Groups {
			texts = append(texts, g.Log+": "+property(g))
		}
		return strings.Join(texts, ", ")
	}
}

func days(g Group) string {
	if g.Days == 0 {
		return "for ever"
	}
	return fmt.Sprintf("%d days", g.Days)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
