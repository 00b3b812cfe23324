package rds

import (
	"context"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

const (
	// maxParameterGroups is the account quota of AWS.
	maxParameterGroups = 50
	// maxParameters is how many parameters one call may change.
	maxParameters = 20

	inSync        = "in-sync"
	applying      = "applying"
	pendingReboot = "pending-reboot"

	immediately = "immediate"
	defaultName = "default."
)

func groupNotFound(name string) error {
	return notFound("DBParameterGroupNotFound", "DBParameterGroup not found: %s", name)
}

// group is a parameter group by name; those named default.postgres16 and so on
// are always there.
func (r *region) group(name string, view versions.View) (ParameterGroup, bool) {
	if group, ok := r.groups.Get(name, view); ok {
		return group, true
	}
	of, isDefault := strings.CutPrefix(name, defaultName)
	if !isDefault || !knownFamily(of) {
		return ParameterGroup{}, false
	}
	return ParameterGroup{
		DBParameterGroupName: name, DBParameterGroupFamily: of, Description: "Default parameter group for " + of,
		DBParameterGroupARN: r.arn("pg", name),
	}, true
}

func knownFamily(name string) bool {
	return slices.ContainsFunc(slices.Collect(maps.Keys(newestMinor)), func(m int) bool { return name == "postgres"+itoa(m) })
}

func (r *region) createParameterGroup(_ context.Context, q query) (any, error) {
	name := q.Lower("DBParameterGroupName")
	switch {
	case !validIdentifier(name, 255):
		return nil, invalidValue("The parameter DBParameterGroupName is not a valid identifier.")
	case !knownFamily(q.Get("DBParameterGroupFamily")):
		return nil, invalidValue("ParameterGroupFamily %s is not a valid parameter group family", q.Get("DBParameterGroupFamily"))
	case q.Get("Description") == "":
		return nil, missing("Description")
	}
	if _, exists := r.groups.Get(name, versions.View{}); exists {
		return nil, wire.Errorf(http.StatusBadRequest, "DBParameterGroupAlreadyExists", "Parameter group %s already exists", name)
	}
	if r.groups.Len() >= maxParameterGroups {
		return nil, wire.Errorf(http.StatusBadRequest, "DBParameterGroupQuotaExceeded",
			"Quota of %d parameter groups exceeded", maxParameterGroups)
	}
	group := ParameterGroup{
		DBParameterGroupName: name, DBParameterGroupFamily: q.Get("DBParameterGroupFamily"), Description: q.Get("Description"),
		DBParameterGroupARN: r.arn("pg", name), tags: readTags(q),
	}
	if err := checkTags(group.tags); err != nil {
		return nil, err
	}
	r.groups.Put(name, group, versions.Write)
	return struct{ DBParameterGroup ParameterGroup }{group}, nil
}

type groupName struct{ DBParameterGroupName string }

// own is a parameter group that may be changed.
func (r *region) own(q query) (ParameterGroup, error) {
	name := q.Lower("DBParameterGroupName")
	if strings.HasPrefix(name, defaultName) {
		return ParameterGroup{}, invalidValue("Default parameter group %s cannot be changed", name)
	}
	group, ok := r.group(name, versions.View{})
	if !ok {
		return group, groupNotFound(name)
	}
	return group, nil
}

func (r *region) modifyParameterGroup(_ context.Context, q query) (any, error) {
	group, err := r.own(q)
	if err != nil {
		return nil, err
	}
	requested := q.Structs("Parameters")
	if len(requested) == 0 || len(requested) > maxParameters {
		return nil, invalidValue("From 1 to %d parameters can be changed at once, not %d", maxParameters, len(requested))
	}
	changed := map[string]string{} // apply methods by name
	for _, p := range requested {
		name, value, method := p.Get("ParameterName"), p.Get("ParameterValue"), p.Get("ApplyMethod")
		if err := checkParameter(group.major(), name, value, method); err != nil {
			return nil, err
		}
		// AWS accepts a change of the apply method alone and ignores it.
		if before, set := group.values[name]; set && before.value == value {
			continue
		}
		group = group.with(name, parameterValue{value, method})
		changed[name] = method
	}
	r.putGroup(group, changed)
	return groupName{group.DBParameterGroupName}, nil
}

func checkParameter(major, name, value, method string) error {
	known, ok := find(name, major)
	switch {
	case !ok:
		return invalidValue("Could not find parameter with name: %s", name)
	case known.fixed:
		return invalidValue("The parameter %s cannot be modified.", name)
	case value == "":
		return invalidCombination("A value for parameter %s is needed", name)
	case !known.accepts(value):
		return invalidValue("Invalid parameter value: %s for: %s allowed values are: %s", value, name, known.allowed)
	case method != immediately && method != pendingReboot:
		return invalidValue("ApplyMethod '%s' is neither immediate nor pending-reboot", method)
	case known.static && method == immediately:
		return invalidCombination("cannot use immediate apply method for static parameter")
	}
	return nil
}

func (r *region) resetParameterGroup(_ context.Context, q query) (any, error) {
	group, err := r.own(q)
	if err != nil {
		return nil, err
	}
	changed := map[string]string{}
	if q.Bool("ResetAllParameters", len(q.Structs("Parameters")) == 0) {
		for name := range group.values {
			changed[name] = pendingReboot
			if p, _ := find(name, group.major()); !p.static {
				changed[name] = immediately
			}
		}
	}
	for _, p := range q.Structs("Parameters") {
		known, ok := find(p.Get("ParameterName"), group.major())
		if !ok {
			return nil, invalidValue("Could not find parameter with name: %s", p.Get("ParameterName"))
		}
		if known.static && p.Get("ApplyMethod") == immediately {
			return nil, invalidCombination("cannot use immediate apply method for static parameter")
		}
		changed[known.name] = p.Get("ApplyMethod")
	}
	group.values = maps.Clone(group.values)
	for name := range changed {
		delete(group.values, name)
	}
	r.putGroup(group, changed)
	return groupName{group.DBParameterGroupName}, nil
}

// putGroup stores a group and brings the changed parameters to the instances that
// use it: dynamic ones in a moment, the rest with their next reboot.
func (r *region) putGroup(group ParameterGroup, changed map[string]string) {
	r.groups.Put(group.DBParameterGroupName, group, versions.Write)
	if len(changed) == 0 {
		return
	}
	now, waits := map[string]bool{}, false
	for name, method := range changed {
		if method == immediately {
			now[name] = true
		} else {
			waits = true
		}
	}
	for _, inst := range r.instances.All(versions.View{}) {
		if inst.parameterGroup() == group.DBParameterGroupName {
			r.applyParameters(inst, group, now, waits)
		}
	}
}

// applyParameters brings the named values of a group into effect; waits says that
// others wait for a reboot. The caller holds mu.
func (r *region) applyParameters(inst Instance, group ParameterGroup, named map[string]bool, waits bool) {
	after := inSync
	if waits || inst.parameterStatus() == pendingReboot {
		after = pendingReboot
	}
	if len(named) == 0 {
		r.instances.Put(inst.DBInstanceIdentifier, inst.withGroup(group.DBParameterGroupName, after), versions.Event)
		return
	}
	inst.parameters = maps.Clone(inst.parameters)
	if inst.parameters == nil {
		inst.parameters = map[string]string{}
	}
	for name := range named {
		if v, set := group.values[name]; set {
			inst.parameters[name] = v.value
		} else {
			delete(inst.parameters, name)
		}
	}
	inst = inst.withGroup(group.DBParameterGroupName, applying)
	r.instances.Put(inst.DBInstanceIdentifier, inst, versions.Event)
	var work func(context.Context, Instance) error
	if inst.DBInstanceStatus != stopped && inst.DBInstanceStatus != creating {
		work = r.planeConfigure
	}
	r.later(inst, work, func(now *Instance) bool {
		if now.parameterStatus() != applying {
			return false
		}
		*now = now.withGroup(now.parameterGroup(), after)
		return true
	})
}

func (r *region) deleteParameterGroup(_ context.Context, q query) (any, error) {
	group, err := r.own(q)
	if err != nil {
		return nil, err
	}
	name := group.DBParameterGroupName
	if slices.ContainsFunc(r.instances.All(versions.View{}), func(i Instance) bool { return i.parameterGroup() == name }) {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidDBParameterGroupState",
			"One or more database instances are still members of this parameter group %s, so the group cannot be deleted", name)
	}
	r.groups.Remove(name, versions.Write)
	return nil, nil
}

func (r *region) describeParameterGroups(_ context.Context, q query) (any, error) {
	list := r.groups.All(r.listing(q))
	if q.Has("DBParameterGroupName") {
		group, ok := r.group(q.Lower("DBParameterGroupName"), q.view())
		if !ok {
			return nil, groupNotFound(q.Lower("DBParameterGroupName"))
		}
		list = []ParameterGroup{group}
	}
	page, marker, err := paginate(q, list, 100)
	return struct {
		Marker            string           `xml:",omitempty"`
		DBParameterGroups []ParameterGroup `xml:"DBParameterGroups>DBParameterGroup"`
	}{marker, page}, err
}
