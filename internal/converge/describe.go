package converge

// Description is a step's statement as data, for documentation and the IAM policy.
type Description struct {
	Step, About   string
	Condition     string
	Fields        []FieldDescription
	Controls      []string
	Reads, Writes []string
}

// FieldDescription is one row of a step's table of owned fields.
type FieldDescription struct {
	Path, About string
	Effect      Effect
}

// Describe returns the step's statement as data.
func (s Of[In, S]) Describe() Description {
	d := Description{Step: s.ID, About: s.About, Condition: s.Condition, Reads: s.Reads, Writes: s.Writes}
	for _, f := range s.Fields {
		d.Fields = append(d.Fields, FieldDescription{Path: f.Path, About: f.About, Effect: f.Effect})
	}
	for _, c := range s.Controls {
		d.Controls = append(d.Controls, c.ID)
	}
	return d
}
