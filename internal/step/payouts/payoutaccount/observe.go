package payoutaccount

import (
	"context"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// Observe implements converge.Resource. A quiet pass is answered from the listing that all accounts of the
// business share; a fresh one asks for the very account.
func (r *resource) Observe(ctx context.Context, in *scope.Payout, want State, fresh bool) (converge.Observation[State], error) {
	read, err := r.reader(ctx, in)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	account, at, err := read.find(ctx, fresh)
	if err != nil {
		return converge.Observation[State]{}, err
	}
	if account.ID == "" {
		return converge.Observation[State]{At: at}, nil
	}
	return converge.Observation[State]{
		Exists: true, Settled: true, ID: account.ID, At: at, State: observed(in, want, account),
	}, nil
}

// reader observes one coach's account, once.
type reader struct {
	*resource
	client *stripe.Client
	in     *scope.Payout
	// business is the ID of the business's own account, to which the key belongs.
	business string
}

// reader prepares an observation. A key of another Stripe account than the recorded one sees nothing, and what it
// does not see is not gone.
func (r *resource) reader(ctx context.Context, in *scope.Payout) (reader, error) {
	client, err := r.Stripe.For(in.Key)
	if err != nil {
		return reader{}, err
	}
	if client.Key().Live != in.Coach.Live {
		return reader{}, fault.New(fault.Denied, v1alpha1.ReasonModeMismatch,
			"the platform's key is of the other mode of Stripe than the platform; the platform's condition PayoutsReady has the details")
	}
	business, _, err := client.Platform(ctx, false)
	if err != nil {
		return reader{}, stripe.Classify(err)
	}
	recorded := in.Recorded.Business
	if recorded == "" && in.Intent.Refusal == nil { // what was begun there may have been made there
		recorded = in.Intent.Business
	}
	if recorded != "" && recorded != business.ID {
		return reader{}, fault.New(fault.Denied, v1alpha1.ReasonPlatformCredentialsInvalid,
			"the key belongs to the Stripe account %s, and this coach's account was created under %s; put a key of that one into the Secret",
			business.ID, recorded)
	}
	in.Business = business.ID
	return reader{resource: r, client: client, in: in, business: business.ID}, nil
}

// find returns the coach's account, and a zero one if there is none.
func (l reader) find(ctx context.Context, fresh bool) (scope.Account, time.Time, error) {
	switch {
	case l.in.Recorded.Account != "":
		return l.known(ctx, l.in.Recorded.Account, fresh)
	case l.in.Spec.Adopt != "":
		return l.known(ctx, l.in.Spec.Adopt, fresh)
	}
	return l.discover(ctx, fresh)
}

// known returns an account by its ID.
func (l reader) known(ctx context.Context, id string, fresh bool) (scope.Account, time.Time, error) {
	listing, err := l.listed(ctx, fresh)
	if err != nil {
		return scope.Account{}, time.Time{}, stripe.Classify(err)
	}
	if err := l.single(listing.Coach(l.in.Coach.Key()), id); err != nil {
		return scope.Account{}, time.Time{}, err
	}
	if account, listed := listing.Account(id); listed && !fresh {
		l.missed.forget(id)
		return account, listing.Began(), l.ours(account)
	}
	at := l.Clock.Now()
	account, err := l.client.Get(ctx, id)
	switch {
	case stripe.IsGone(err) || err == nil && account.Gone:
		return scope.Account{}, time.Time{}, l.gone(ctx, id, err == nil)
	case err != nil:
		return scope.Account{}, time.Time{}, stripe.Classify(err)
	}
	l.missed.forget(id)
	return account, at, l.ours(account)
}

// listed returns a listing. An uncached read needs no new one: it asks for the account itself.
func (l reader) listed(ctx context.Context, fresh bool) (*stripe.Listing, error) {
	if fresh {
		return l.client.Listing(ctx, time.Time{})
	}
	return l.client.Lately(ctx, l.Sweep)
}

// discover searches for the coach's account among all of the business. That there is none counts only in a
// listing that began when every earlier attempt was over.
func (l reader) discover(ctx context.Context, fresh bool) (scope.Account, time.Time, error) {
	listing, err := l.client.Listing(ctx, l.covering(fresh))
	if err != nil {
		return scope.Account{}, time.Time{}, stripe.Classify(err)
	}
	found := listing.Coach(l.in.Coach.Key())
	if err := l.single(found, ""); err != nil {
		return scope.Account{}, time.Time{}, err
	}
	if len(found) == 0 {
		return scope.Account{}, listing.Began(), nil
	}
	if fresh {
		return l.known(ctx, found[0].ID, true)
	}
	return found[0], listing.Began(), l.ours(found[0])
}

// covering is when a listing must have begun to show what earlier attempts may have made: those of an
// earlier object of this coach, which was gone before this one was created, and those of this object, whose
// answer left it open. What the listing does not show yet, the idempotency key still covers. A further key
// covers nothing of what was made with an earlier one, so it takes a listing of now.
func (l reader) covering(fresh bool) time.Time {
	covering, now := l.in.Born, l.Clock.Now()
	if next, err := attempt(l.in, now); fresh && err == nil && next.Attempt > max(1, l.in.Intent.Attempt) {
		return now
	}
	for _, t := range []time.Time{l.in.Intent.Unsure, expiry(l.in.Intent, now)} {
		if t.After(covering) {
			covering = t
		}
	}
	if covering.After(now) { // the API server's clock is ahead
		return now
	}
	return covering
}

// single refuses a coach with more than one account.
func (l reader) single(found []scope.Account, id string) error {
	others := 0
	for _, a := range found {
		if a.ID != id && !a.Gone {
			others++
		}
	}
	if others > 1 || others == 1 && id != "" {
		return fault.New(fault.Conflict, v1alpha1.ReasonDuplicateAccounts,
			"the business has more than one Stripe account of this coach (kubectl coach inventory lists them); take the metadata %s off those "+
				"that are not to be used, in Stripe's Dashboard", naming.MetaCoach)
	}
	return nil
}

// ours refuses an account of somebody else. One that nobody manages may be adopted, and one of another
// platform, such as this one before its namespace was restored, may be claimed.
func (l reader) ours(a scope.Account) error {
	if l.in.Coach.OwnsAccount(a.Metadata) {
		return nil
	}
	if a.ID == l.in.Spec.Adopt && l.in.Recorded.Account == "" { // once it is ours, adopting it is over
		nobodys := a.Metadata[naming.MetaManagedBy] == ""
		elsewhere := !l.in.Coach.Tenant.OwnsAtStripe(a.Metadata, l.in.Coach.Live)
		if nobodys || elsewhere && l.in.Claim == a.ID {
			return nil
		}
	}
	return fault.New(fault.Conflict, v1alpha1.ReasonOwnedByAnother,
		"the account %s is marked as somebody else's (another coach, platform or installation) and is only observed; if it is this coach's "+
			"after a restore, set spec.adopt to it and annotate this object with %s=%s", a.ID, v1alpha1.AnnotationClaim, a.ID)
}
