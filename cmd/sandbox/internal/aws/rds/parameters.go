package rds

import "context"

// Parameter is a parameter as DescribeDBParameters shows it.
type Parameter struct {
	ParameterName  string
	ParameterValue string `xml:",omitempty"`
	Description    string
	Source         string
	ApplyType      string
	DataType       string
	AllowedValues  string `xml:",omitempty"`
	IsModifiable   bool
	ApplyMethod    string
}

// show is a parameter with the value of a group, or the engine's default.
func (p parameter) show(group ParameterGroup) Parameter {
	p = p.in(group.major())
	shown := Parameter{
		ParameterName: p.name, ParameterValue: p.usual,
		Description: p.about, Source: "engine-default", ApplyType: "dynamic", DataType: p.kind,
		AllowedValues: p.allowed, IsModifiable: !p.fixed, ApplyMethod: pendingReboot,
	}
	if p.static {
		shown.ApplyType = "static"
	}
	if shown.ParameterValue != "" {
		shown.Source = "system"
	}
	if set, ok := group.values[p.name]; ok {
		shown.ParameterValue, shown.Source, shown.ApplyMethod = set.value, "user", set.method
	}
	return shown
}

func (r *region) describeParameters(_ context.Context, q query) (any, error) {
	group, ok := r.group(q.Lower("DBParameterGroupName"), q.view())
	if !ok {
		return nil, groupNotFound(q.Lower("DBParameterGroupName"))
	}
	wanted, err := filters(q, "parameter-name")
	if err != nil {
		return nil, err
	}
	var list []Parameter
	for _, p := range catalogue {
		shown := p.show(group)
		if named := wanted["parameter-name"]; named != nil && !named[p.name] {
			continue
		}
		if source := q.Get("Source"); source != "" && source != shown.Source {
			continue
		}
		list = append(list, shown)
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker     string      `xml:",omitempty"`
		Parameters []Parameter `xml:"Parameters>Parameter"`
	}{marker, page}, err
}

func (r *region) describeEngineDefaults(_ context.Context, q query) (any, error) {
	name := q.Get("DBParameterGroupFamily")
	if !knownFamily(name) {
		return nil, invalidValue("ParameterGroupFamily %s is not a valid parameter group family", name)
	}
	list := make([]Parameter, 0, len(catalogue))
	for _, p := range catalogue {
		list = append(list, p.show(ParameterGroup{DBParameterGroupFamily: name}))
	}
	page, marker, err := paginate(q, list, 100)
	type defaults struct {
		DBParameterGroupFamily string
		Marker                 string      `xml:",omitempty"`
		Parameters             []Parameter `xml:"Parameters>Parameter"`
	}
	return struct{ EngineDefaults defaults }{defaults{name, marker, page}}, err
}
