package parameters

import "github.com/coachplatform/coach-operator/internal/converge"

// released is the field of the tag of a group that was released.
const released = "released"

// fields are what the step owns: a parameter with no row here is not ours. RDS applies all of them
// without a restart, so all changes are in place. Values are compared, and never the way in which
// they are applied: RDS takes a change of that alone and ignores it.
func (p pair) fields() []converge.Field[State] {
	fields := make([]converge.Field[State], 0, len(owned)+1)
	for _, o := range owned {
		fields = append(fields, converge.Field[State]{
			Path: p.path(o.name), About: o.about, Get: func(s State) string { return s.Values[o.name] },
		})
	}
	return append(fields, converge.Field[State]{
		Path: p.path(released), About: "the tag of a group that was released", Get: func(s State) string { return s.Released },
	})
}
