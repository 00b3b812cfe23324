package ec2

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// group is a security group as moto has it, mirrored: it lists a thousand of them
// in seconds, and knows nothing of what was a moment ago.
type group struct {
	id, name, description, vpc, owner string
	tags                              map[string]string
	names                             []string // of groups its rules name
	rules                             []standing
	xml                               []byte // its item in a listing
}

// standing is a rule a group has.
type standing struct {
	rule
	id     string
	group  string
	egress bool
	tags   map[string]string
	xml    []byte
}

// ready mirrors all groups, if that has not been done or has been undone. The
// caller holds mu.
func (r *region) ready(ctx context.Context) error {
	if r.mirrored {
		return nil
	}
	there := map[string]bool{}
	err := r.mirror(ctx, func(id string, g group) {
		there[id] = true
		// What is known already keeps its past.
		if known, ok := r.groups.Get(id, versions.View{}); !ok || !known.equal(g) {
			r.groups.Import(id, g)
		}
	})
	if err != nil {
		return fmt.Errorf("mirror security groups: %w", err)
	}
	for _, g := range r.groups.All(versions.View{}) {
		if !there[g.id] {
			r.groups.Remove(g.id, versions.Event)
		}
	}
	r.mirrored = true
	return nil
}

func (g group) equal(other group) bool {
	same := func(a, b standing) bool { return bytes.Equal(a.xml, b.xml) }
	return bytes.Equal(g.xml, other.xml) && slices.EqualFunc(g.rules, other.rules, same)
}

// refresh mirrors one group as it is after a write. The caller holds mu.
func (r *region) refresh(ctx context.Context, id string) error {
	put := func(name string, g group) { r.groups.Put(name, g, versions.Write) }
	err := r.mirror(ctx, put, "GroupId.1", id)
	if failure, ok := errors.AsType[*wire.Error](err); ok && failure.Code == "InvalidGroup.NotFound" {
		r.groups.Remove(id, versions.Write)
		return nil
	}
	return err
}

// mirror hands over every group that moto describes, or the one named.
func (r *region) mirror(ctx context.Context, put func(string, group), named ...string) error {
	found, err := r.as().Call(ctx, "ec2", "DescribeSecurityGroups", named...)
	if err != nil {
		return err
	}
	var only []string
	if len(named) > 0 {
		only = []string{"Filter.1.Name", "group-id", "Filter.1.Value.1", named[1]}
	}
	listed, err := r.as().Call(ctx, "ec2", "DescribeSecurityGroupRules", only...)
	if err != nil {
		return err
	}
	rules := map[string][]standing{}
	for _, item := range listed.FindElements("./securityGroupRuleSet/item") {
		s, err := readStanding(item, r.account)
		if err != nil {
			return err
		}
		rules[s.group] = append(rules[s.group], s)
	}
	for _, item := range found.FindElements("./securityGroupInfo/item") {
		g, err := readGroup(item)
		if err != nil {
			return err
		}
		g.rules = rules[g.id]
		put(g.id, g)
	}
	return nil
}

func readGroup(item *etree.Element) (group, error) {
	text, err := encode(item)
	return group{
		id: moto.Text(item, "groupId"), name: moto.Text(item, "groupName"), description: moto.Text(item, "groupDescription"),
		vpc: moto.Text(item, "vpcId"), owner: moto.Text(item, "ownerId"), tags: readTags(item),
		names: moto.Texts(item, ".//groups/item/groupId"), xml: text,
	}, err
}

func readTags(item *etree.Element) map[string]string {
	tags := map[string]string{}
	for _, t := range item.FindElements("tagSet/item") {
		tags[moto.Text(t, "key")] = moto.Text(t, "value")
	}
	return tags
}

// encode is an element as text of its own.
func encode(element *etree.Element) ([]byte, error) {
	document := etree.NewDocument()
	document.SetRoot(element.Copy())
	return document.WriteToBytes()
}

// mirrorWrite brings the mirror up to date after moto carried out a write.
func (r *region) mirrorWrite(ctx context.Context, call identity.Call) error {
	if !r.mirrored {
		return nil
	}
	if strings.HasSuffix(call.Operation, "Vpc") || call.Form.Get("GroupId") == "" && strings.Contains(call.Operation, "SecurityGroup") {
		r.mirrored = false // default groups came or went, or a group was named by its name
		return nil
	}
	touched := call.Form.Strings("ResourceId") // of CreateTags and DeleteTags
	if id := call.Form.Get("GroupId"); id != "" {
		touched = append(touched, id)
	}
	for _, id := range touched {
		if strings.HasPrefix(id, "sgr-") {
			r.mirrored = false
		}
		if !strings.HasPrefix(id, "sg-") {
			continue
		}
		if err := r.refresh(ctx, id); err != nil {
			return fmt.Errorf("mirror security group %s: %w", id, err)
		}
	}
	return nil
}

// Changed notifies the service of a change in moto that did not pass through it.
func (s *Service) Changed(account, name string) {
	r := s.region(account, name)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mirrored = false
}
