package network

import "github.com/coachplatform/coach-operator/internal/converge"

// The paths of the owned fields.
const (
	pathSubnets     = "subnets"
	pathDescription = "description"
	pathReleased    = "released"
)

// Fields are what the step owns.
var Fields = []converge.Field[State]{
	{Path: pathSubnets, About: "the subnets that databases may be put into", Get: func(s State) string { return s.Subnets }},
	{Path: pathDescription, About: "what the group is for", Get: func(s State) string { return s.Description }},
	{Path: pathReleased, About: "the tag of a group that was released", Get: func(s State) string { return s.Released }},
}
