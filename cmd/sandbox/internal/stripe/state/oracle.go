package state

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Row is what a test may know of an account beside what the API shows.
type Row struct {
	ID              string        `json:"id"`
	Mode            string        `json:"mode"`
	Deleted         bool          `json:"deleted"`
	Deauthorized    bool          `json:"deauthorized"`
	Country         string        `json:"country"`
	Metadata        object.Object `json:"metadata"`
	Controller      object.Object `json:"controller"`
	Capabilities    object.Object `json:"capabilities"`
	Schedule        object.Object `json:"schedule"`
	BusinessProfile object.Object `json:"businessProfile"`

	DetailsSubmitted bool   `json:"detailsSubmitted"`
	PayoutsEnabled   bool   `json:"payoutsEnabled"`
	DisabledReason   string `json:"disabledReason"`
}

// Row is the account's.
func (a *Account) Row() Row {
	shared := func(path ...string) object.Object {
		copied, _ := object.Clone(object.Child(a.doc, path...)).(object.Object)
		return copied
	}
	return Row{
		ID: a.ID, Mode: a.space.Mode(), Deleted: a.deleted, Deauthorized: a.deauthorized, Country: object.Text(a.doc, "country"),
		Metadata: shared("metadata"), Controller: shared("controller"), Capabilities: shared("capabilities"),
		Schedule: shared("settings", "payouts", "schedule"), BusinessProfile: shared("business_profile"),
		DetailsSubmitted: object.Bool(a.doc, "details_submitted"), PayoutsEnabled: object.Bool(a.doc, "payouts_enabled"),
		DisabledReason: object.Text(a.doc, "requirements", "disabled_reason"),
	}
}

// Rows are all accounts of the platform, by ID.
func (p *Platform) Rows() []Row {
	rows := []Row{}
	for _, s := range p.spaces {
		for _, a := range s.accounts {
			rows = append(rows, a.Row())
		}
	}
	slices.SortFunc(rows, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// EndpointRow is what a test may know of an endpoint.
type EndpointRow struct {
	ID         string        `json:"id"`
	Mode       string        `json:"mode"`
	URL        string        `json:"url"`
	APIVersion string        `json:"apiVersion"`
	Events     []string      `json:"events"`
	Connect    bool          `json:"connect"`
	Disabled   bool          `json:"disabled"`
	Metadata   object.Object `json:"metadata"`
	Secret     string        `json:"secret"`
}

// EndpointRows are all endpoints of the platform, by ID.
func (p *Platform) EndpointRows() []EndpointRow {
	rows := []EndpointRow{}
	for _, s := range p.spaces {
		for _, e := range s.endpoints {
			metadata, _ := object.Clone(e.metadata).(object.Object)
			rows = append(rows, EndpointRow{
				ID: e.ID, Mode: s.Mode(), URL: e.URL, APIVersion: e.Version, Events: slices.Clone(e.Events), Connect: e.Connect,
				Disabled: e.Disabled, Metadata: metadata, Secret: e.secrets[0].text,
			})
		}
	}
	slices.SortFunc(rows, func(a, b EndpointRow) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}

// EventRow is what became of an event.
type EventRow struct {
	ID         string      `json:"id"`
	Type       string      `json:"type"`
	Account    string      `json:"account"`
	Mode       string      `json:"mode"`
	Deliveries []Delivered `json:"deliveries"`
}

// EventRows are the platform's events, oldest first in each mode.
func (p *Platform) EventRows() []EventRow {
	rows := []EventRow{}
	for _, live := range []bool{false, true} {
		s := p.spaces[live]
		for _, e := range s.events {
			row := EventRow{ID: e.ID, Type: e.Type, Account: e.Account, Mode: s.Mode(), Deliveries: []Delivered{}}
			for _, d := range e.deliveries {
				row.Deliveries = append(row.Deliveries, *d)
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// AddUnmanaged creates accounts that the operator does not own, without events.
func (w *World) AddUnmanaged(s *Space, count int, metadata object.Object) ([]string, *Error) {
	ids := make([]string, 0, count)
	now := w.Clock()
	for i := range count {
		a := &Account{ID: newID("acct_1", 15), space: s, version: APIVersion, requested: map[string]time.Time{}}
		a.doc = newDocument(a.ID, s.Country, now.Unix())
		a.doc["controller"] = typed("express")
		params := object.Object{
			"metadata": object.Object{"number": strconv.Itoa(i)}, "capabilities": object.Object{"transfers": object.Object{"requested": true}},
		}
		object.Merge(params, object.Object{"metadata": metadata})
		if failure := a.write(params, now); failure != nil {
			return nil, failure
		}
		a.at = len(s.accounts)
		s.accounts = append(s.accounts, a)
		w.accounts[a.ID] = a
		w.commit(a)
		ids = append(ids, a.ID)
	}
	return ids, nil
}
