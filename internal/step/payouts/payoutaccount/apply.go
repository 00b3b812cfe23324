package payoutaccount

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Apply implements converge.Resource.
func (r *resource) Apply(
	ctx context.Context, in *scope.Payout, want State, got converge.Observation[State], changes []converge.Change,
) error {
	read, err := r.reader(ctx, in)
	if err != nil {
		return err
	}
	if !got.Exists {
		return read.create(ctx, want)
	}
	return read.update(ctx, want, got.State, changes)
}

// update sends what differs: first whose the account is and when it pays, then the rest, so that what Stripe
// refuses of the rest keeps no payouts from being stopped.
func (l reader) update(ctx context.Context, want, got State, changes []converge.Change) error {
	if again(l.in, got.account) {
		if err := l.in.Ledger.Note(ctx, noteAgain, "transfers"); err != nil {
			return err
		}
	}
	safe, rest := updating(l.in, want, changes)
	return errors.Join(l.send(ctx, got.account.ID, want, safe), l.send(ctx, got.account.ID, want, rest))
}

// send makes one call, if there is anything to say, and notes what Stripe made of a delay.
func (l reader) send(ctx context.Context, id string, want State, u stripe.Update) error {
	if u.Capabilities == nil && u.Profile == nil && u.Schedule == nil && len(u.Metadata) == 0 {
		return nil
	}
	account, err := l.client.Update(ctx, id, u)
	switch {
	case stripe.Refused(err):
		code, param := stripe.Code(err)
		return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"Stripe refuses a change of the account %s (%s %s); change the field in the spec, or see what Stripe's Dashboard says of the account",
			id, code, param)
	case err != nil:
		return stripe.Classify(err)
	}
	asked, made := want.Schedule.DelayDays, account.Schedule.DelayDays
	if u.Schedule != nil && asked != made && want.Schedule.Interval != manual {
		return l.in.Ledger.Note(ctx, noteDelay, delayNote(asked, made))
	}
	return nil
}

// updating is the calls that make the changes.
func updating(in *scope.Payout, want State, changes []converge.Change) (safe, rest stripe.Update) {
	safe.Metadata = map[string]string{}
	profile := scope.BusinessProfile{}
	for _, c := range changes {
		switch c.Path {
		case pathCapabilities:
			rest.Capabilities = map[string]bool{"transfers": want.Transfers, "card_payments": want.CardPayments}
		case pathURL:
			profile.URL = want.Profile.URL
		case pathDescription:
			profile.ProductDescription = want.Profile.ProductDescription
		case pathMCC:
			profile.MCC = want.Profile.MCC
		case pathSchedule:
			safe.Schedule = &want.Schedule
		case pathMark:
			maps.Copy(safe.Metadata, in.Coach.Metadata())
			safe.Metadata[naming.MetaPlace] = in.Coach.Tenant.Place()
		case pathObject:
			safe.Metadata[naming.MetaObject] = want.Object
		case pathReleased:
			safe.Metadata[naming.MetaReleased] = "" // takes it off
		case pathOpened:
			safe.Metadata[naming.MetaOpened] = strconv.FormatBool(want.Opened)
		case pathSuspended:
			safe.Metadata[naming.MetaSuspended] = ""
			if want.Suspended {
				safe.Metadata[naming.MetaSuspended] = strconv.FormatBool(want.Suspended)
			}
		}
	}
	if profile != (scope.BusinessProfile{}) {
		rest.Profile = &profile
	}
	return safe, rest
}

// Release implements converge.Resource: the account stays as it is and is marked as released. One that was
// never made, is gone or is somebody else's leaves nothing to do.
func (r *resource) Release(ctx context.Context, in *scope.Payout) (bool, error) {
	if in.Recorded == (scope.AccountRecord{}) && in.Intent.Attempt == 0 {
		return true, nil
	}
	read, err := r.reader(ctx, in)
	if err != nil {
		return false, err
	}
	account, _, err := read.find(ctx, true)
	switch f := fault.As(err); {
	case err != nil && f.Class == fault.Conflict:
		return true, nil
	case err != nil:
		return false, err
	case account.ID == "" || account.Metadata[naming.MetaReleased] != "" || !in.Coach.OwnsAccount(account.Metadata):
		return true, nil
	}
	today := r.Clock.Now().UTC().Format(time.DateOnly)
	_, err = read.client.Update(ctx, account.ID, stripe.Update{Metadata: map[string]string{naming.MetaReleased: today}})
	return false, stripe.Classify(err)
}
