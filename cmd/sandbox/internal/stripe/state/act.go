package state

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/object"
)

// Act is what the coach, Stripe or someone in the Dashboard does to an account.
type Act struct {
	Act string `json:"act"`
	// Fields are names of requirements; Deadline is when they are due.
	Fields   []string   `json:"fields"`
	Deadline *time.Time `json:"deadline"`
	// Reason is of reject, what follows "rejected.".
	Reason string `json:"reason"`
	// Status is of bank-error.
	Status string `json:"status"`
	// Code is the failure code of payout-failed.
	Code string `json:"code"`
	// Interval and the fields of a schedule are of schedule.
	Interval      string `json:"interval"`
	DelayDays     int    `json:"delayDays"`
	WeeklyAnchor  string `json:"weeklyAnchor"`
	MonthlyAnchor int    `json:"monthlyAnchor"`
	// Merge is of set.
	Merge object.Object `json:"merge"`
	// Keep is of action-required: asking for the capability again does not help.
	Keep bool `json:"keep"`
	// Balance is of balance.
	Balance
}

// acts is everything that can happen. One that returns events emits them itself.
var acts = map[string]func(*World, *Account, Act) error{
	"submit": plain(func(a *Account, _ Act) { a.submit() }),
	"verify": func(w *World, a *Account, _ Act) error { w.verify(a); return nil },
	"release": func(w *World, a *Account, _ Act) error {
		a.deauthorized = false
		w.verify(a)
		return nil
	},
	"require": onboarded(func(a *Account, act Act) {
		a.ask(needs{now: act.fields(), later: act.fields(), deadline: act.deadline()})
	}),
	"past-due": onboarded(func(a *Account, act Act) {
		a.stop(needs{
			now: act.fields(), late: act.fields(), later: act.fields(), deadline: act.deadline(),
			reason: "requirements.past_due", errors: decoyErrors(),
		}, "inactive")
	}),
	"eventually-due": onboarded(func(a *Account, act Act) { a.ask(needs{later: act.fields()}) }),
	"future": onboarded(func(a *Account, act Act) {
		a.doc["future_requirements"] = requirements(needs{now: act.fields(), later: act.fields(), deadline: act.deadline()})
	}),
	"pending-verification": onboarded(func(a *Account, _ Act) {
		a.stop(needs{checked: documents, reason: "requirements.pending_verification"}, "pending")
	}),
	"under-review": onboarded(stopped("under_review")),
	"listed":       onboarded(stopped("listed")),
	"other":        onboarded(stopped("other")),
	"pause":        onboarded(stopped("platform_paused")),
	"reject": func(w *World, a *Account, act Act) error {
		if act.Reason == "" {
			act.Reason = "other"
		}
		w.reject(a, "rejected."+act.Reason)
		return nil
	},
	"action-required": onboarded(func(a *Account, act Act) {
		a.kept = act.Keep
		a.stop(needs{reason: "action_required.requested_capabilities"}, "inactive")
		clear(a.requested)
		clear(object.Child(a.doc, "capabilities"))
	}),
	"intervene": onboarded(func(a *Account, _ Act) {
		fields := []any{newID("interv_1", 16) + ".identity.form"}
		a.stop(needs{now: fields, late: fields, later: fields, reason: "other"}, "inactive")
	}),
	"bank-error": func(w *World, a *Account, act Act) error {
		w.onboard(a)
		a.addBank()
		if act.Status == "" {
			act.Status = "errored"
		}
		a.bankAccount()["status"] = act.Status
		w.commit(a, "account.updated")
		w.emit(a, "account.external_account.updated", Encode(a.bankAccount()))
		return nil
	},
	"bank-removed": func(w *World, a *Account, _ Act) error {
		w.onboard(a)
		a.addBank()
		removed := a.bankAccount()
		object.Merge(a.doc, object.Object{"external_accounts": object.Object{"data": []any{}, "total_count": 0}})
		w.commit(a, "account.updated")
		w.emit(a, "account.external_account.deleted", Encode(removed))
		return nil
	},
	"payout-failed":   payout("failed"),
	"payout-paid":     payout("paid"),
	"payout-canceled": payout("canceled"),
	"payout-pending":  payout("in_transit"),
	"balance":         plain(func(a *Account, act Act) { a.balance = act.Balance }),
	"deauthorize": func(w *World, a *Account, _ Act) error {
		a.deauthorized, a.version = true, oldVersion
		w.commit(a)
		w.emit(a, deauthorized, Encode(object.Object{"id": newID("ca_", 24), "object": "application", "name": a.space.ID}))
		return nil
	},
	"delete": func(w *World, a *Account, _ Act) error { w.end(a); return nil },
	"schedule": func(w *World, a *Account, act Act) error {
		if failure := a.writeSchedule(act.schedule()); failure != nil {
			return failure
		}
		w.commit(a, "account.updated")
		return nil
	},
	"set": plain(func(a *Account, act Act) { object.Merge(a.doc, act.Merge) }),
}

const (
	// oldVersion is the API version of an account that connected long ago.
	oldVersion   = "2020-08-27"
	deauthorized = "account.application.deauthorized"
)

var documents = []any{"individual.verification.document"}

// plain is an act that changes the account, which emits its own event.
func plain(change func(*Account, Act)) func(*World, *Account, Act) error {
	return func(w *World, a *Account, act Act) error {
		change(a, act)
		w.commit(a, "account.updated")
		return nil
	}
}

// onboarded is an act on an account that was verified before.
func onboarded(change func(*Account, Act)) func(*World, *Account, Act) error {
	return func(w *World, a *Account, act Act) error {
		w.onboard(a)
		before := string(Encode(a.doc["capabilities"]))
		change(a, act)
		w.commit(a, "account.updated")
		if before != string(Encode(a.doc["capabilities"])) {
			w.capabilitiesChanged(a)
		}
		return nil
	}
}

func stopped(reason string) func(*Account, Act) {
	return func(a *Account, _ Act) { a.stop(needs{reason: reason}, "inactive") }
}

// Perform plays an act.
func (w *World) Perform(id string, order json.RawMessage) (*Account, error) {
	a := w.accounts[id]
	if a == nil {
		return nil, fmt.Errorf("no account %s", id)
	}
	var act Act
	if err := strictly(order, &act); err != nil {
		return nil, err
	}
	perform, known := acts[act.Act]
	switch {
	case !known:
		return nil, fmt.Errorf("act %q is none of %s", act.Act, strings.Join(sortedKeys(acts), ", "))
	case a.deleted:
		return nil, fmt.Errorf("account %s is deleted", id)
	}
	return a, perform(w, a, act)
}

func (act Act) fields() []any {
	fields := make([]any, len(act.Fields))
	for i, field := range act.Fields {
		fields[i] = field
	}
	if len(fields) == 0 {
		return documents
	}
	return fields
}

func (act Act) deadline() any {
	if act.Deadline == nil {
		return nil
	}
	return act.Deadline.Unix()
}

func (act Act) schedule() object.Object {
	schedule := object.Object{}
	if act.Interval != "" {
		schedule["interval"] = act.Interval
	}
	if act.DelayDays != 0 {
		schedule["delay_days"] = act.DelayDays
	}
	if act.WeeklyAnchor != "" {
		schedule["weekly_anchor"] = act.WeeklyAnchor
	}
	if act.MonthlyAnchor != 0 {
		schedule["monthly_anchor"] = act.MonthlyAnchor
	}
	return schedule
}
