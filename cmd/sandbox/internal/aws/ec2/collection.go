package ec2

import (
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// collection is the resources of one kind in a region.
type collection[T resource] struct {
	*versions.Store[T]
	// parameter is how a request names them, by number: "VpcId".
	parameter string
	// list is the element of an answer that holds them: "vpcSet".
	list string
	// missing is the error code for one that does not exist, and what the kind is called in its message.
	missing, called string
	// retag is a copy with other tags.
	retag func(T, tags) T
	// kind is that of the changes of the call that is being answered.
	kind *versions.Kind
}

// kept is a collection whatever its resources are.
type kept interface {
	has(id string) bool
	notFound(id string) error
	tagsOf(id string) tags
	setTags(id string, change func(tags) tags)
	eachTagged(view versions.View, visit func(id string, held tags))
}

func (c collection[T]) get(id string) (T, error) {
	found, ok := c.Get(id, versions.View{})
	if !ok {
		return found, c.notFound(id)
	}
	return found, nil
}

// named is the one resource that a request names by a parameter.
func (c collection[T]) named(call identity.Call, parameter string) (T, error) {
	id, err := needed(call.Form, parameter)
	if err != nil {
		var none T
		return none, err
	}
	return c.get(id)
}

func (c collection[T]) notFound(id string) error {
	return wire.Errorf(http.StatusBadRequest, c.missing, "The %s '%s' does not exist", c.called, id)
}

func (c collection[T]) put(one T) { c.Put(one.id(), one, *c.kind) }

func (c collection[T]) remove(id string) { c.Remove(id, *c.kind) }

func (c collection[T]) has(id string) bool {
	_, ok := c.Get(id, versions.View{})
	return ok
}

func (c collection[T]) tagsOf(id string) tags {
	found, ok := c.Get(id, versions.View{})
	if !ok {
		return nil
	}
	return found.tagged()
}

func (c collection[T]) setTags(id string, change func(tags) tags) {
	if found, ok := c.Get(id, versions.View{}); ok {
		c.put(c.retag(found, change(found.tagged())))
	}
}

func (c collection[T]) eachTagged(view versions.View, visit func(id string, held tags)) {
	for _, one := range c.All(view) {
		visit(one.id(), one.tagged())
	}
}

// selected is the resources that a request names or, if it names none, that view shows, and of them those
// that its filters let through.
func (c collection[T]) selected(call identity.Call, view versions.View) ([]T, error) {
	var found []T
	ids := call.Form.Strings(c.parameter)
	for _, id := range ids {
		one, ok := c.Get(id, versions.View{Stale: call.Stale})
		if !ok {
			return nil, c.notFound(id)
		}
		found = append(found, one)
	}
	if len(ids) == 0 {
		found = c.All(view)
	}
	return filtered(found, readFilters(call.Form))
}

// describe answers with the requested page of them.
func (c collection[T]) describe(call identity.Call, view versions.View) (*wire.Answer, error) {
	shown, err := c.selected(call, view)
	if err != nil {
		return nil, err
	}
	return answerPage(call, c.list, shown)
}

// filtered is the resources that pass every filter. A filter that the sandbox does not have is refused.
func filtered[T resource](all []T, filters []filter) ([]T, error) {
	var probe T
	for _, f := range filters {
		if _, known := probe.values(f.name); !known && !f.ofTags() {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", "The filter '%s' is invalid", f.name)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(one T) bool {
		return slices.ContainsFunc(filters, func(f filter) bool { return !f.shows(one) })
	}), nil
}

func (f filter) ofTags() bool { return f.name == "tag-key" || strings.HasPrefix(f.name, "tag:") }

func (f filter) shows(one resource) bool {
	held := one.tagged().asMap()
	if key, ofValue := strings.CutPrefix(f.name, "tag:"); ofValue {
		value, tagged := held[key]
		return tagged && f.fits(value)
	}
	if f.name == "tag-key" {
		for key := range held {
			if f.fits(key) {
				return true
			}
		}
		return false
	}
	values, _ := one.values(f.name)
	return f.fits(values...)
}

// specTags are the tags that a request puts on the resources of one kind that it creates.
func specTags(form wire.Form, kind string) (tags, error) {
	var given tags
	for _, spec := range form.Structs("TagSpecification") {
		if of := spec.Get("ResourceType"); of != kind {
			return nil, invalidValue("'%s' is not a valid taggable resource type for this operation.", of)
		}
		given = append(given, readTags(spec)...)
	}
	if err := checkTags(given); err != nil {
		return nil, err
	}
	return tags(nil).with(given), nil
}

func readTags(form wire.Form) tags {
	var given tags
	for _, t := range form.Structs("Tag") {
		given = append(given, tag{t.Get("Key"), t.Get("Value")})
	}
	return given
}

// mostTags is how many tags a resource may have.
const mostTags = 50

// checkTags refuses what AWS refuses of the tags in a request:
// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
func checkTags(given tags) error {
	seen := map[string]bool{}
	for _, one := range given {
		switch {
		case one.Key == "" || utf8.RuneCountInString(one.Key) > 128:
			return invalidValue("Tag key '%s' is not between 1 and 128 characters long.", one.Key)
		case strings.HasPrefix(one.Key, "aws:"):
			return invalidValue("Tag keys starting with 'aws:' are reserved for internal use")
		case utf8.RuneCountInString(one.Value) > 256:
			return invalidValue("The value of tag '%s' is longer than 256 characters.", one.Key)
		case seen[one.Key]:
			return invalidValue("Duplicate tag key '%s' specified.", one.Key)
		}
		seen[one.Key] = true
	}
	return checkTagCount(given)
}

func checkTagCount(held tags) error {
	if len(held) > mostTags {
		return wire.Errorf(http.StatusBadRequest, "TagLimitExceeded", "The maximum number of Tags for a resource has been reached.")
	}
	return nil
}

// needed is a parameter that a request cannot do without.
func needed(form wire.Form, name string) (string, error) {
	if value := form.Get(name); value != "" {
		return value, nil
	}
	return "", wire.Errorf(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter %s", name)
}

func invalidValue(format string, args ...any) error {
	return wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", format, args...)
}

func dependent(id string) error {
	return wire.Errorf(http.StatusBadRequest, "DependencyViolation", "resource %s has a dependent object", id)
}
