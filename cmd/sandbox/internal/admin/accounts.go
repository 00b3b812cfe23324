package admin

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
)

// Sabotages are the names of what can be broken.
var Sabotages = []string{
	"open-firewall", "public-access", "backup-off", "force-ssl-off", "rotation-off", "delete-database",
	"schedule-key-deletion", "unprotect", "replace-database", "state", "superuser-master",
}

// Sabotage says what to break: a resource by name, ARN or ID, or all that carry
// the tags.
type Sabotage struct {
	Account  string            `json:"account"`
	Region   string            `json:"region"`
	Resource string            `json:"resource"`
	Tags     map[string]string `json:"tags"`
	State    string            `json:"state"` // for the sabotage "state"
}

// DefaultRegion is used where a request names none.
const DefaultRegion = "eu-central-1"

func accountOf(r *http.Request) (string, error) {
	id := r.PathValue("id")
	if !identity.IsAccount(id) {
		return "", badRequest(fmt.Errorf("account %q is not twelve digits", id))
	}
	return id, nil
}

func (a *API) seed(r *http.Request) (any, error) {
	var where struct {
		Region string `json:"region"`
	}
	if err := Decode(r, &where); err != nil {
		return nil, err
	}
	account, err := accountOf(r)
	if err != nil {
		return nil, err
	}
	return a.world.Seed(r.Context(), account, orDefault(where.Region))
}

func (a *API) policy(r *http.Request) (any, error) {
	account, err := accountOf(r)
	if err != nil {
		return nil, err
	}
	document, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, badRequest(err)
	}
	return done{true}, a.world.SetPolicy(r.Context(), account, string(document))
}

func (a *API) reset(r *http.Request) (any, error) {
	account, err := accountOf(r)
	if err != nil {
		return nil, err
	}
	a.faults.Clear(account)
	if err := a.world.Reset(r.Context(), account); err != nil {
		return nil, err
	}
	a.settings.Forget(account)
	a.log.Forget(account)
	return done{true}, nil
}

func (a *API) inventory(r *http.Request) (any, error) {
	account := r.FormValue("account")
	if !identity.IsAccount(account) {
		return nil, badRequest(fmt.Errorf("account %q is not twelve digits", account))
	}
	return a.world.Inventory(r.Context(), account, orDefault(r.FormValue("region")))
}

func (a *API) statuses(r *http.Request) (any, error) {
	return a.world.Statuses(r.FormValue("account"), orDefault(r.FormValue("region")), r.FormValue("resource")), nil
}

func (a *API) sabotage(r *http.Request) (any, error) {
	var order Sabotage
	if err := Decode(r, &order); err != nil {
		return nil, err
	}
	if !identity.IsAccount(order.Account) {
		return nil, badRequest(fmt.Errorf("account %q is not twelve digits", order.Account))
	}
	if order.Resource == "" && len(order.Tags) == 0 {
		return nil, badRequest(errors.New("a sabotage needs a resource or tags"))
	}
	order.Region = orDefault(order.Region)
	hit, err := a.world.Sabotage(r.Context(), r.PathValue("name"), order)
	return map[string][]string{"hit": hit}, err
}

func (a *API) maintain(r *http.Request) (any, error) {
	account, err := accountOf(r)
	if err != nil {
		return nil, err
	}
	var what struct {
		Region   string `json:"region"`
		Resource string `json:"resource"`
	}
	if err := Decode(r, &what); err != nil {
		return nil, err
	}
	begun, err := a.world.Maintain(r.Context(), account, orDefault(what.Region), what.Resource)
	return map[string]bool{"begun": begun}, err
}

func orDefault(region string) string {
	if region == "" {
		return DefaultRegion
	}
	return region
}
