package payoutaccount

import (
	"context"
	"fmt"
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
	look, err := r.looking(ctx, in)
	if err != nil {
		return err
	}
	if !got.Exists {
		return look.create(ctx, want)
	}
	return look.update(ctx, want, got.State, changes)
}

// update sends what differs, in one call.
func (l look) update(ctx context.Context, want, got State, changes []converge.Change) error {
	id := got.account.ID
	account, err := l.client.Update(ctx, id, updating(l.in, want, changes))
	switch {
	case stripe.Refused(err):
		code, param := stripe.Code(err)
		return fault.New(fault.Invalid, v1alpha1.ReasonInvalidSpec,
			"Stripe refuses a change of the account %s (%s %s); change the field in the spec, or see what Stripe's Dashboard says of the account",
			id, code, param)
	case err != nil:
		return stripe.Classify(err)
	}
	if again(l.in, got.account) {
		if err := l.in.Ledger.Note(ctx, noteAgain, "transfers"); err != nil {
			return err
		}
	}
	asked, made := want.Schedule.DelayDays, account.Schedule.DelayDays
	if asked != made && want.Schedule.Interval != manual {
		return l.in.Ledger.Note(ctx, noteDelay, delayNote(asked, made))
	}
	return nil
}

// updating is the call that makes the changes.
func updating(in *scope.Payout, want State, changes []converge.Change) stripe.Update {
	u := stripe.Update{Metadata: map[string]string{}}
	profile := scope.BusinessProfile{}
	for _, c := range changes {
		switch c.Path {
		case pathCapabilities:
			u.Capabilities = map[string]bool{"transfers": want.Transfers, "card_payments": want.CardPayments}
		case pathURL:
			profile.URL = want.Profile.URL
		case pathDescription:
			profile.ProductDescription = want.Profile.ProductDescription
		case pathMCC:
			profile.MCC = want.Profile.MCC
		case pathSchedule:
			u.Schedule = &want.Schedule
		case pathMark:
			for key, value := range in.Coach.Metadata() {
				u.Metadata[key] = value
			}
		case pathObject:
			u.Metadata[naming.MetaObject] = want.Object
		case pathReleased:
			u.Metadata[naming.MetaReleased] = ""
		case pathOpened:
			u.Metadata[naming.MetaOpened] = fmt.Sprint(want.Opened)
		case pathSuspended:
			u.Metadata[naming.MetaSuspended] = "" // takes it off
			if want.Suspended {
				u.Metadata[naming.MetaSuspended] = fmt.Sprint(want.Suspended)
			}
		}
	}
	if profile != (scope.BusinessProfile{}) {
		u.Profile = &profile
	}
	return u
}

// Release implements converge.Resource: the account stays as it is and is marked as let go. One that was
// never made, is gone or is somebody else's leaves nothing to do.
func (r *resource) Release(ctx context.Context, in *scope.Payout) (bool, error) {
	if in.Recorded == (scope.AccountRecord{}) && in.Intent.Attempt == 0 {
		return true, nil
	}
	look, err := r.looking(ctx, in)
	if err != nil {
		return false, err
	}
	account, _, err := look.find(ctx, true)
	switch f := fault.As(err); {
	case err != nil && f.Class == fault.Conflict:
		return true, nil
	case err != nil:
		return false, err
	case account.ID == "" || account.Metadata[naming.MetaReleased] != "" || !in.Coach.OwnsAccount(account.Metadata):
		return true, nil
	}
	today := r.Clock.Now().UTC().Format(time.DateOnly)
	_, err = look.client.Update(ctx, account.ID, stripe.Update{Metadata: map[string]string{naming.MetaReleased: today}})
	return false, stripe.Classify(err)
}
