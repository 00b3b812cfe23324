package schema

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRequestsAreHeldAgainstTheDescription(t *testing.T) {
	t.Parallel()
	s, err := Load([]string{"PostAccounts", "GetAccounts", "GetAccountsAccount"})
	if err != nil {
		t.Fatal(err)
	}
	const create = "controller[losses][payments]=application&controller[fees][payer]=application" +
		"&controller[requirement_collection]=stripe&controller[stripe_dashboard][type]=express&country=DE" +
		"&capabilities[transfers][requested]=true&tos_acceptance[service_agreement]=full&metadata[a]=b"
	for name, test := range map[string]struct {
		method, path, body, kind, want string
	}{
		"what the operator sends passes":           {"POST", "/v1/accounts", create, formType, ""},
		"minimum is a delay":                       {"POST", "/v1/accounts", "settings[payouts][schedule][delay_days]=minimum", formType, ""},
		"so is a number":                           {"POST", "/v1/accounts", "settings[payouts][schedule][delay_days]=9", formType, ""},
		"a word is none":                           {"POST", "/v1/accounts", "settings[payouts][schedule][delay_days]=nine", formType, "validation"},
		"an unknown parameter is refused":          {"POST", "/v1/accounts", "cuontry=DE", formType, "unknown parameter: cuontry"},
		"a nested one too":                         {"POST", "/v1/accounts", "controller[mood]=good", formType, "unknown parameter: controller[mood]"},
		"a wrong enum is refused":                  {"POST", "/v1/accounts", "controller[losses][payments]=nobody", formType, "validation"},
		"a wrong type is refused":                  {"GET", "/v1/accounts?limit=many", "", "", "validation"},
		"a form is a form":                         {"POST", "/v1/accounts", "{}", "application/json", "Content-Type"},
		"a list takes a limit and a range of time": {"GET", "/v1/accounts?limit=100&created[gte]=17", "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequestWithContext(t.Context(), test.method, test.path, strings.NewReader(test.body))
			r.Header.Set("Content-Type", test.kind)
			operation, _ := s.Find(r.Method, r.URL.Path)
			_, problem := operation.Check(r)
			if got := problem; (got == nil) != (test.want == "") || got != nil && !strings.Contains(got.Message, test.want) {
				t.Errorf("got %+v, want %q", got, test.want)
			}
		})
	}
}

func TestAnOperationIsFoundByItsPath(t *testing.T) {
	t.Parallel()
	s, err := Load([]string{"PostAccounts", "GetAccountsAccount"})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/v1/accounts/acct_1": "GetAccountsAccount", "/v1/accounts": "", "/v1/accounts/": "", "/v1/accounts/acct_1/x": "",
	} {
		operation, values := s.Find(http.MethodGet, path)
		switch {
		case operation == nil && want == "":
		case operation == nil || operation.ID != want || values[0] != "acct_1":
			t.Errorf("%s: %v %v, want %q", path, operation, values, want)
		}
	}
	if _, err := Load([]string{"PostMoonLandings"}); err == nil {
		t.Error("an operation that does not exist was loaded")
	}
}
