package ec2

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

// createGroup mirrors the group that was created.
func (r *region) createGroup(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	answer, err := r.moto.Forward(ctx, call.Request, r.account)
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	root, err := moto.Document(answer)
	if err != nil {
		return nil, err
	}
	return answer, r.refresh(ctx, moto.Text(root, "./groupId"))
}

// deleteGroup refuses what AWS refuses: a group that a rule of another names, or
// that an instance or a database uses.
func (r *region) deleteGroup(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	id := call.Form.Get("GroupId")
	for _, g := range r.groups.All(versions.View{}) {
		switch {
		case g.id == id && g.name == "default":
			return nil, wire.Errorf(http.StatusBadRequest, "CannotDelete",
				"the specified group: %q name: \"default\" cannot be deleted by a user", id)
		case g.id != id && slices.Contains(g.names, id):
			return nil, dependent(id)
		}
	}
	attached, err := r.as().Call(ctx, "ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "group-id", "Filter.1.Value.1", id)
	if err != nil {
		return nil, err
	}
	if id != "" && (attached.FindElement("./networkInterfaceSet/item") != nil || r.inUse(r.account, r.place.region, id)) {
		return nil, dependent(id)
	}
	return r.changing(ctx, call)
}

func dependent(id string) error {
	return wire.Errorf(http.StatusBadRequest, "DependencyViolation", "resource %s has a dependent object", id)
}

// changing lets moto answer and mirrors what it did.
func (r *region) changing(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	answer, err := r.moto.Forward(ctx, call.Request, r.account)
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	return answer, r.mirrorWrite(ctx, call)
}

// listing is how a listing sees groups: a moment late.
func (r *region) listing(call identity.Call) versions.View {
	return versions.View{Lag: time.Duration(r.settings.Of(r.account).Lag), Stale: call.Stale}
}

// describeGroups answers from the mirror. Groups named by ID are seen as they
// are; a listing lags.
func (r *region) describeGroups(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	named := call.Form.Strings("GroupId")
	var groups []group
	for _, id := range named {
		g, ok := r.groups.Get(id, versions.View{Stale: call.Stale})
		if !ok {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidGroup.NotFound", "The security group '%s' does not exist", id)
		}
		groups = append(groups, g)
	}
	if len(named) == 0 {
		groups = r.groups.All(r.listing(call))
	}
	shown, known := filtered(groups, readFilters(call.Form))
	if !known || call.Form.HasAny("GroupName") {
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	return answerPage(call, "securityGroupInfo", shown, func(g group) []byte { return g.xml })
}

func (r *region) describeRules(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	var rules []standing
	for _, g := range r.groups.All(versions.View{Stale: call.Stale}) {
		rules = append(rules, g.rules...)
	}
	if ids := call.Form.Strings("SecurityGroupRuleId"); len(ids) > 0 {
		rules = slices.DeleteFunc(rules, func(s standing) bool { return !slices.Contains(ids, s.id) })
		if len(rules) < len(ids) {
			return nil, wire.Errorf(http.StatusBadRequest, "InvalidSecurityGroupRuleId.NotFound", "A security group rule ID does not exist")
		}
	}
	shown, known := filtered(rules, readFilters(call.Form))
	if !known {
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	return answerPage(call, "securityGroupRuleSet", shown, func(s standing) []byte { return s.xml })
}

const namespace = "http://ec2.amazonaws.com/doc/2016-11-15/"

// answerPage answers with the requested page of a list.
func answerPage[T any](call identity.Call, set string, items []T, text func(T) []byte) (*wire.Answer, error) {
	size, start, err := pageOf(call.Form)
	if err != nil {
		return nil, err
	}
	start = min(start, len(items))
	end := min(start+size, len(items))
	next := ""
	if end < len(items) {
		next = "<nextToken>" + base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(end))) + "</nextToken>"
	}
	return answerSet(call, set, items[start:end], text, next), nil
}

// answerSet writes an answer that holds a set, and more behind it.
func answerSet[T any](call identity.Call, set string, items []T, text func(T) []byte, more string) *wire.Answer {
	var body bytes.Buffer
	fmt.Fprintf(&body, "<%sResponse xmlns=%q><requestId>%s</requestId><%s>", call.Operation, namespace, call.ID, set)
	for _, item := range items {
		body.Write(text(item))
	}
	fmt.Fprintf(&body, "</%s>%s</%sResponse>", set, more, call.Operation)
	header := http.Header{"Content-Type": {"text/xml"}, "X-Amzn-Requestid": {call.ID}}
	return &wire.Answer{Status: http.StatusOK, Header: header, Body: body.Bytes()}
}

// everything is the page size of a request that names none.
const everything = 1 << 30

func pageOf(form wire.Form) (size, start int, err error) {
	if size, err = form.Int("MaxResults", everything); err != nil {
		return 0, 0, err
	}
	if size != everything && (size < 5 || size > 1000) {
		return 0, 0, wire.Errorf(http.StatusBadRequest, "InvalidParameterValue",
			"Value ( %d ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.", size)
	}
	if token := form.Get("NextToken"); token != "" {
		raw, err := base64.RawURLEncoding.DecodeString(token)
		if err == nil {
			start, err = strconv.Atoi(string(raw))
		}
		if err != nil || start < 0 {
			return 0, 0, wire.Errorf(http.StatusBadRequest, "InvalidNextToken", "The token is not valid")
		}
	}
	return size, start, nil
}
