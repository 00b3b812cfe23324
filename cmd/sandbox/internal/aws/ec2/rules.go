package ec2

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// mostRules is how many rules of one direction a group may have.
const mostRules = 60

// rulesOf is every rule of a group.
func (r *region) rulesOf(id string) ([]standing, error) {
	g, ok := r.groups.Get(id, versions.View{})
	if !ok {
		return nil, wire.Errorf(http.StatusBadRequest, "InvalidGroup.NotFound", "The security group '%s' does not exist", id)
	}
	return g.rules, nil
}

// authorize adds all rules or, when one is there already, none.
func (r *region) authorize(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	id, egress := call.Form.Get("GroupId"), strings.HasSuffix(call.Operation, "Egress")
	if id == "" { // by name, in a default VPC: moto's way
		return r.changing(ctx, call)
	}
	wanted, err := readRules(call.Form)
	if err != nil {
		return nil, err
	}
	before, err := r.rulesOf(id)
	if err != nil {
		return nil, err
	}
	if err := checkNew(wanted, before, egress); err != nil {
		return nil, err
	}
	form := call.Form
	for _, w := range wanted {
		if w.cidr != "" {
			form = form.With(w.cidr, w.peer)
		}
	}
	answer, err := r.changing(ctx, with(call, form))
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	after, err := r.rulesOf(id)
	if err != nil {
		return nil, err
	}
	added := slices.DeleteFunc(slices.Clone(after), func(s standing) bool {
		return slices.ContainsFunc(before, func(old standing) bool { return old.id == s.id })
	})
	return answerSet(call, "securityGroupRuleSet", added, func(s standing) []byte { return s.xml }, "<return>true</return>"), nil
}

func checkNew(wanted []requestedRule, before []standing, egress bool) error {
	if len(wanted) == 0 {
		return wire.Errorf(http.StatusBadRequest, "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	count := 0
	for _, s := range before {
		if s.egress == egress {
			count++
		}
	}
	if count+len(wanted) > mostRules {
		return wire.Errorf(http.StatusBadRequest, "RulesPerSecurityGroupLimitExceeded",
			"The maximum number of rules per security group has been reached.")
	}
	for i, w := range wanted {
		if slices.ContainsFunc(wanted[:i], func(other requestedRule) bool { return other.rule == w.rule }) {
			return wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", "The same permission must not appear multiple times")
		}
		if slices.ContainsFunc(before, func(s standing) bool { return s.egress == egress && s.rule == w.rule }) {
			return wire.Errorf(http.StatusBadRequest, "InvalidPermission.Duplicate", "the specified rule %q already exists", w.rule)
		}
	}
	return nil
}

// revoke removes all rules or, when one is not there, none. moto is given IDs:
// they leave no doubt.
func (r *region) revoke(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	id, egress := call.Form.Get("GroupId"), strings.HasSuffix(call.Operation, "Egress")
	ids := call.Form.Strings("SecurityGroupRuleId")
	if id == "" {
		return r.changing(ctx, call)
	}
	before, err := r.rulesOf(id)
	if err != nil {
		return nil, err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(before, func(s standing) bool { return s.egress == egress && s.id == id }) {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidSecurityGroupRuleId.NotFound",
				"The security group rule ID '%s' does not exist", id)
		}
	}
	if len(ids) == 0 {
		wanted, err := readRules(call.Form)
		if err != nil {
			return nil, err
		}
		if ids, err = idsOf(wanted, before, egress); err != nil {
			return nil, err
		}
	}
	form := call.Form.Only("Action", "Version", "GroupId")
	for i, id := range ids {
		form = form.With("SecurityGroupRuleId."+strconv.Itoa(i+1), id)
	}
	return r.changing(ctx, with(call, form))
}

func idsOf(wanted []requestedRule, before []standing, egress bool) ([]string, error) {
	var ids []string
	for _, w := range wanted {
		i := slices.IndexFunc(before, func(s standing) bool { return s.egress == egress && s.rule == w.rule })
		if i < 0 {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidPermission.NotFound", "The specified rule does not exist in this security group.")
		}
		ids = append(ids, before[i].id)
	}
	if len(ids) == 0 {
		return nil, wire.Errorf(http.StatusBadRequest, "MissingParameter", "Either 'ipPermissions' or 'securityGroupRuleIds' should be provided.")
	}
	return ids, nil
}

// with is the call with another form.
func with(call identity.Call, form wire.Form) identity.Call {
	request := *call.Request
	request.Form, request.Body = form, []byte(form.Encode())
	call.Request = &request
	return call
}
