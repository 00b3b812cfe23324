package ec2

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// mostRules is how many rules of one direction a group may have.
const mostRules = 60

// authorize adds all rules or, when one is there already, none.
func (r *region) authorize(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	group, egress := call.Form.Get("GroupId"), strings.HasSuffix(call.Operation, "Egress")
	if group == "" { // by name, in a default VPC: moto's way
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	wanted, err := readRules(call.Form)
	if err != nil {
		return nil, err
	}
	before, err := r.rulesOf(ctx, group)
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
	answer, err := r.forward(ctx, call, form)
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	return r.added(ctx, call, group, before)
}

func checkNew(wanted []asked, before []standing, egress bool) error {
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
		if slices.ContainsFunc(wanted[:i], func(other asked) bool { return other.rule == w.rule }) {
			return wire.Errorf(http.StatusBadRequest, "InvalidParameterValue", "The same permission must not appear multiple times")
		}
		if slices.ContainsFunc(before, func(s standing) bool { return s.egress == egress && s.rule == w.rule }) {
			return wire.Errorf(http.StatusBadRequest, "InvalidPermission.Duplicate", "the specified rule %q already exists", w.rule)
		}
	}
	return nil
}

// added answers with the rules that are new.
func (r *region) added(ctx context.Context, call identity.Call, group string, before []standing) (*wire.Answer, error) {
	after, err := r.rulesOf(ctx, group)
	if err != nil {
		return nil, err
	}
	document, root := newAnswer(call)
	root.CreateElement("return").SetText("true")
	set := root.CreateElement("securityGroupRuleSet")
	for _, s := range after {
		if !slices.ContainsFunc(before, func(old standing) bool { return old.id == s.id }) {
			set.AddChild(s.element.Copy())
		}
	}
	return xmlAnswer(document)
}

// revoke removes all rules or, when one is not there, none. moto is told IDs:
// they leave no doubt.
func (r *region) revoke(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	group, egress := call.Form.Get("GroupId"), strings.HasSuffix(call.Operation, "Egress")
	ids := call.Form.Strings("SecurityGroupRuleId")
	if group == "" {
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	before, err := r.rulesOf(ctx, group)
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
		form = form.With("SecurityGroupRuleId."+itoa(i+1), id)
	}
	return r.forward(ctx, call, form)
}

func idsOf(wanted []asked, before []standing, egress bool) ([]string, error) {
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

// forward lets moto answer a changed form.
func (r *region) forward(ctx context.Context, call identity.Call, form wire.Form) (*wire.Answer, error) {
	request := *call.Request
	request.Form, request.Body = form, []byte(form.Encode())
	return r.moto.Forward(ctx, &request, r.account)
}

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

func newAnswer(call identity.Call) (*etree.Document, *etree.Element) {
	document := etree.NewDocument()
	root := document.CreateElement(call.Operation + "Response")
	root.CreateAttr("xmlns", namespace)
	root.CreateElement("requestId").SetText(call.ID)
	return document, root
}

func xmlAnswer(document *etree.Document) (*wire.Answer, error) {
	body, err := document.WriteToBytes()
	if err != nil {
		return nil, err
	}
	return &wire.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"text/xml"}}, Body: body}, nil
}
