package ec2

import (
	"context"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/beevik/etree"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
)

func itoa(n int) string { return strconv.Itoa(n) }

// createGroup remembers when a group was made: listings show it later.
func (r *region) createGroup(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	answer, err := r.moto.Forward(ctx, call.Request, r.account)
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	root, err := moto.Document(answer)
	if err != nil {
		return nil, err
	}
	r.seen.Lock()
	defer r.seen.Unlock()
	r.created[moto.Text(root, "./groupId")] = r.now()
	return answer, nil
}

// deleteGroup refuses what AWS refuses: a group that a rule of another names, or
// that an instance or a database uses.
func (r *region) deleteGroup(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	id := call.Form.Get("GroupId")
	if id == "" {
		return r.moto.Forward(ctx, call.Request, r.account)
	}
	found, err := r.as().Call(ctx, "ec2", "DescribeSecurityGroups")
	if err != nil {
		return nil, err
	}
	for _, item := range found.FindElements("./securityGroupInfo/item") {
		if moto.Text(item, "groupId") == id {
			if moto.Text(item, "groupName") == "default" {
				return nil, wire.Errorf(http.StatusBadRequest, "CannotDelete",
					"the specified group: %q name: \"default\" cannot be deleted by a user", id)
			}
			continue
		}
		if slices.Contains(moto.Texts(item, ".//groups/item/groupId"), id) {
			return nil, dependent(id)
		}
	}
	attached, err := r.as().Call(ctx, "ec2", "DescribeNetworkInterfaces", "Filter.1.Name", "group-id", "Filter.1.Value.1", id)
	if err != nil {
		return nil, err
	}
	if attached.FindElement("./networkInterfaceSet/item") != nil || r.inUse(r.account, r.place.region, id) {
		return nil, dependent(id)
	}
	return r.moto.Forward(ctx, call.Request, r.account)
}

func dependent(id string) error {
	return wire.Errorf(http.StatusBadRequest, "DependencyViolation", "resource %s has a dependent object", id)
}

func (r *region) describeGroups(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	named := call.Form.Strings("GroupId")
	if call.Stale {
		for _, id := range named {
			if r.age(id) < staleness {
				return nil, wire.Errorf(http.StatusBadRequest, "InvalidGroup.NotFound", "The security group '%s' does not exist", id)
			}
		}
	}
	lag := time.Duration(r.settings.Of(r.account).Lag)
	if call.Stale {
		lag = staleness
	}
	return r.listed(ctx, call, "securityGroupInfo", func(item *etree.Element) bool {
		return len(named) > 0 || r.age(moto.Text(item, "groupId")) >= lag
	})
}

// staleness is how new a group must be for a stale read not to see it.
const staleness = time.Minute

// age is how long ago a group was made here; one from elsewhere is ancient.
func (r *region) age(id string) time.Duration {
	r.seen.Lock()
	defer r.seen.Unlock()
	made, ok := r.created[id]
	if !ok {
		return 1<<63 - 1
	}
	return r.now().Sub(made)
}

func (r *region) describeRules(ctx context.Context, call identity.Call) (*wire.Answer, error) {
	return r.listed(ctx, call, "securityGroupRuleSet", func(*etree.Element) bool { return true })
}

// listed has moto list everything, keeps what shows and cuts out the asked page.
func (r *region) listed(ctx context.Context, call identity.Call, set string, shows func(*etree.Element) bool) (*wire.Answer, error) {
	size, start, err := pageOf(call.Form)
	if err != nil {
		return nil, err
	}
	answer, err := r.forward(ctx, call, call.Form.Without("MaxResults", "NextToken"))
	if err != nil || answer.Status >= http.StatusBadRequest {
		return answer, err
	}
	root, err := moto.Document(answer)
	if err != nil {
		return nil, err
	}
	list := root.SelectElement(set)
	if list == nil {
		return answer, nil
	}
	shown := 0
	for _, item := range list.SelectElements("item") {
		if !shows(item) {
			list.RemoveChild(item)
			continue
		}
		if shown < start || shown >= start+size {
			list.RemoveChild(item)
		}
		shown++
	}
	if start+size < shown {
		root.CreateElement("nextToken").SetText(base64.RawURLEncoding.EncodeToString([]byte(itoa(start + size))))
	}
	document := etree.NewDocument()
	document.SetRoot(root.Copy())
	return xmlAnswer(document)
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
