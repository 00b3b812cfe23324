package service

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// stub is a service with one operation whose needs are declared and one whose needs are not.
type stub struct{ forgotten []string }

var table = map[string]Operation[string, *stub]{
	"ListThings":  {Handle: "list", Needs: func(*stub, identity.Call) []Need { return []Need{{"thing:ListThings", Everything()}} }},
	"CreateThing": {Handle: "create"},
}

func (*stub) Facts() Facts {
	return Facts{Name: "thing", Operations: Declared(table), Holds: []string{"things"}, Codes: Codes{Denied: "No"}}
}

func (*stub) Serve(context.Context, identity.Call) (any, error) { return "served", nil }

func (s *stub) Needs(call identity.Call) []Need { return table[call.Operation].Needs(s, call) }

func (*stub) Tags(context.Context, string, string, string) (map[string]string, error) {
	return map[string]string{"of": "thing"}, nil
}

func (*stub) Tagged(context.Context, string, string, versions.View) ([]Resource, error) {
	return []Resource{{ARN: "arn:aws:thing:::1"}}, nil
}

func (*stub) Inventory(_ context.Context, account, _ string) (map[string]any, error) {
	if account == "broken" {
		return nil, errors.New("broken")
	}
	return map[string]any{"things": []string{"1"}}, nil
}

func (s *stub) Forget(_ context.Context, account string) error {
	s.forgotten = append(s.forgotten, account)
	return nil
}

func callOf(service, operation string, protocol wire.Protocol) identity.Call {
	return identity.Call{
		Request: &wire.Request{Service: service, Operation: operation, Protocol: protocol},
		Caller:  identity.Administrator("111122223333"),
	}
}

func TestWhatIsNotRegisteredIsRefusedAndReported(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		call    identity.Call
		missing string
		code    string
		status  int
	}{
		"a declared operation":             {callOf("thing", "ListThings", wire.Query), "", "", 0},
		"an unknown service":               {callOf("magic", "ListThings", wire.Query), "service", "InvalidAction", http.StatusBadRequest},
		"an unknown service of REST":       {callOf("s3", "PUT /bucket", wire.REST), "service", "UnknownOperationException", http.StatusNotFound},
		"an unknown operation":             {callOf("thing", "SellThing", wire.JSON), "operation", "UnknownOperationException", http.StatusBadRequest},
		"an unknown operation of EC2":      {callOf("thing", "SellThing", wire.EC2Query), "operation", "InvalidAction", http.StatusBadRequest},
		"a handler without declared needs": {callOf("thing", "CreateThing", wire.CBOR), "needs", "UnknownOperationException", http.StatusBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := NewRegistry(&stub{})
			found, err := registry.Find(test.call)
			if (found != nil) != (test.missing == "") {
				t.Errorf("found %v", found)
			}
			want := []Refused{}
			if test.missing != "" {
				failure, ok := errors.AsType[*wire.Error](err)
				if !ok || failure.Code != test.code || failure.Status != test.status {
					t.Errorf("refused with %v, want %s with status %d", err, test.code, test.status)
				}
				want = []Refused{{Unknown{"111122223333", test.call.Service, test.call.Operation, test.missing}, 1}}
			}
			if diff := cmp.Diff(want, registry.Refused("")); diff != "" {
				t.Error("reported (-want +got):\n" + diff)
			}
			if needs := registry.Needs(test.call); (needs != nil) != (test.missing == "") {
				t.Errorf("needs %v", needs)
			}
		})
	}
}

func TestUnknownCallsAreCountedUntilTheyAreForgotten(t *testing.T) {
	t.Parallel()
	registry := NewRegistry(&stub{})
	for range 3 {
		_, _ = registry.Find(callOf("magic", "Conjure", wire.JSON))
	}
	if err := registry.Forget(t.Context(), "111122223333"); err != nil {
		t.Fatal(err)
	}
	if list := registry.Refused("111122223333"); len(list) != 1 || list[0].Count != 3 {
		t.Errorf("after the account was reset: %v", list)
	}
	if list := registry.Refused("444455556666"); len(list) != 0 {
		t.Errorf("of another account: %v", list)
	}
	registry.ForgetRefused("444455556666")
	registry.ForgetRefused("111122223333")
	if list := registry.Refused(""); len(list) != 0 {
		t.Errorf("after they were forgotten: %v", list)
	}
}

func TestEverythingComesFromTheRegistration(t *testing.T) {
	t.Parallel()
	thing := &stub{}
	registry := NewRegistry(thing)
	inventory, err := registry.Inventory(t.Context(), "1", "r")
	if diff := cmp.Diff(map[string]any{"things": []string{"1"}}, inventory); diff != "" || err != nil {
		t.Errorf("inventory %v (-want +got):\n%s", err, diff)
	}
	if _, err := registry.Inventory(t.Context(), "broken", "r"); err == nil {
		t.Error("a service without an answer leaves an inventory that looks whole")
	}
	if tags, err := registry.Tags(t.Context(), "thing", "1", "r", "arn"); err != nil || tags["of"] != "thing" {
		t.Errorf("tags %v %v", tags, err)
	}
	for wanted, want := range map[bool]int{true: 1, false: 0} {
		found, err := registry.Tagged(t.Context(), "1", "r", versions.View{}, func(string) bool { return wanted })
		if err != nil || len(found) != want {
			t.Errorf("tagged %v %v, want %d", found, err, want)
		}
	}
	if err := registry.Forget(t.Context(), "1"); err != nil || !slices.Equal(thing.forgotten, []string{"1"}) {
		t.Errorf("forgotten %v, %v", thing.forgotten, err)
	}
	want := []Registration{{
		Name: "thing", Operations: []Declaring{{"CreateThing", false}, {"ListThings", true}}, Inventory: []string{"things"}, Codes: Codes{Denied: "No"},
	}}
	if diff := cmp.Diff(want, registry.Registrations()); diff != "" {
		t.Error("registrations (-want +got):\n" + diff)
	}
}

func TestANameIsRegisteredOnce(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("two services have one name")
		}
	}()
	NewRegistry(&stub{}, &stub{})
}
