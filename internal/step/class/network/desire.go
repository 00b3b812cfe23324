package network

import (
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// State is a DB subnet group as far as we own it.
type State struct {
	// Name and Description of the group.
	Name, Description string
	// Subnets is the class's selector, followed by how the group differs from what that selects.
	Subnets string
	// Released is the value of the tag that says the group was released, or "".
	Released string

	// ARN, VPCID and SubnetIDs are observed; SubnetIDs are sorted.
	ARN, VPCID string
	SubnetIDs  []string
}

// Desire returns the wanted group.
func Desire(in *scope.Class) (State, error) {
	return State{
		Name:        naming.SubnetGroup(in.Owner),
		Description: "Private subnets of the coach platform class " + in.Owner.Name,
		Subnets:     selected(in.Class.Spec.Network.Subnets),
	}, nil
}

// selected is the canonical text of a selector.
func selected(s v1alpha1.Selector) string {
	if len(s.IDs) > 0 {
		return strings.Join(slices.Sorted(slices.Values(s.IDs)), " ")
	}
	tags := make([]string, 0, len(s.Tags))
	for _, t := range s.Tags {
		tags = append(tags, t.Key+"="+t.Value)
	}
	slices.Sort(tags)
	return "tagged " + strings.Join(tags, " ")
}

// compared is the text of a group's subnets, beside those that the selector selects: the selector
// itself when they are the same.
func compared(selector string, wanted, live []string) string {
	parts := []string{selector}
	for _, id := range wanted {
		if !slices.Contains(live, id) {
			parts = append(parts, "without "+id)
		}
	}
	for _, id := range live {
		if !slices.Contains(wanted, id) {
			parts = append(parts, "with "+id)
		}
	}
	return strings.Join(parts, ", ")
}
