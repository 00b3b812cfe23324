package payoutaccount

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// keyLife is how long Stripe keeps an idempotency key at least, and keyDead when it is certainly gone.
	// In between it is not known what a key does, so nothing is sent.
	// https://docs.stripe.com/api/idempotent_requests
	keyLife = 23 * time.Hour
	keyDead = 25 * time.Hour
	// reconsider is when what Stripe refused is requested again though nothing changed here: something may
	// have changed there.
	reconsider = time.Hour
	// gatePoll is when a closed gate is checked again; its opening wakes the account up before.
	gatePoll = time.Minute
	// inUsePoll is when a call that is being answered elsewhere is tried again.
	inUsePoll = 2 * time.Second
	// One that may have taken effect is searched for in a listing of everything, ever more seldom.
	firstUnsure, lastUnsure = 10 * time.Second, 15 * time.Minute
)

// expiry is since when an attempt's key is dead; zero if it is not.
func expiry(i scope.Intent, now time.Time) time.Time {
	if dead := i.Since.Add(keyDead); i.Attempt > 0 && !now.Before(dead) {
		return dead
	}
	return time.Time{}
}

// attempt says with which attempt to go on, given that no account was found. It is the one place that
// decides about keys: the same key while it lives, since it makes one account however often it is used; the
// next one only when this one made none, or is dead and was seen to have made none.
func attempt(in *scope.Payout, now time.Time) (scope.Intent, error) {
	i := in.Intent
	switch age := now.Sub(i.Since); {
	case i.Attempt == 0:
		return scope.Intent{Attempt: 1, Since: now}, nil
	case i.Refusal != nil:
		if same(in, *i.Refusal) && now.Sub(i.Refusal.At) < reconsider {
			return i, refused(*i.Refusal, reconsider-now.Sub(i.Refusal.At))
		}
		return scope.Intent{Attempt: i.Attempt + 1, Since: now}, nil
	case age < keyLife:
		return i, nil
	case age < keyDead:
		return i, fault.Wait(v1alpha1.ReasonCreationUncertain, keyDead-age,
			"an earlier attempt to make the account has no answer, and its key is about to end; once it has, and no account is found, the "+
				"next is made")
	}
	return scope.Intent{Attempt: i.Attempt + 1, Since: now}, nil
}

// same says that what is requested is what was refused, by the same business's account.
func same(in *scope.Payout, r scope.Refusal) bool {
	elsewhere := in.Intent.Business != "" && in.Intent.Business != in.Business
	return r.Generation == in.Generation && r.Request == in.Request && !elsewhere
}

func refused(r scope.Refusal, after time.Duration) error {
	what := cmp.Or(r.Code, "it names no code")
	if r.Param != "" {
		what += ", parameter " + r.Param
	}
	f := fault.New(fault.Invalid, v1alpha1.ReasonCreateRejected,
		"Stripe refuses to make the account (%s); change the spec, or what Stripe asks of the business in its Dashboard, and then set the "+
			"annotation %s to try again at once", what, v1alpha1.AnnotationReconcile)
	f.After = after
	return f
}

// create makes the account. The attempt is stored before the call, and the account right after it: a crash
// at any point is followed by the same call with the same key, or by finding the account.
func (l reader) create(ctx context.Context, want State) error {
	if !slices.Contains(l.in.Countries, want.Country) {
		return fault.New(fault.Invalid, v1alpha1.ReasonCountryNotAllowed,
			"the class does not allow coaches in %s; a cluster operator can add it to spec.stripe.countries of the class", want.Country)
	}
	if !l.in.Gate.Open {
		return fault.Wait(v1alpha1.ReasonGateClosed, gatePoll,
			"no account is created while the platform is not seen to be safe: %s", l.in.Gate.Why)
	}
	next, err := attempt(l.in, l.Clock.Now())
	if err != nil {
		return err
	}
	next.Business = l.business
	if err := l.in.Ledger.Intend(ctx, next); err != nil { // also if nothing is new: it fails if the object is not as it was read
		return err
	}
	account, err := l.client.Create(ctx, creation(l.in, want, next), l.in.Coach.IdempotencyKey(next.Attempt))
	if err != nil {
		return l.failed(ctx, next, err)
	}
	return l.in.Ledger.Record(ctx, scope.AccountRecord{Business: l.business, Account: account.ID})
}

// creation is the body of the call: what cannot be changed later, and nothing else, so that it is the same
// whenever it is created again. The object's UID is not in it: an object made anew goes on with the same key.
func creation(in *scope.Payout, want State, i scope.Intent) stripe.Creation {
	metadata := in.Coach.Metadata()
	metadata[naming.MetaAttempt], metadata[naming.MetaPlace] = fmt.Sprint(i.Attempt), in.Coach.Tenant.Place()
	return stripe.Creation{
		Country: want.Country, Controller: shape, Transfers: want.Transfers, CardPayments: want.CardPayments,
		Agreement: want.Agreement, Metadata: metadata,
	}
}

// failed says what a failed call means for the attempt, and stores it.
func (l reader) failed(ctx context.Context, i scope.Intent, err error) error {
	now := l.Clock.Now()
	switch {
	case stripe.InUse(err):
		return fault.Wait(v1alpha1.ReasonCreating, inUsePoll, "the account is being made")
	case stripe.Indeterminate(err), stripe.KeyReused(err):
		i.Unsure = now
		if err := l.in.Ledger.Intend(ctx, i); err != nil {
			return err
		}
		return fault.Wait(v1alpha1.ReasonCreationUncertain, min(max(now.Sub(i.Since)/4, firstUnsure), lastUnsure),
			"Stripe's answer leaves open whether the account was created; it is searched for before the call is made again").Because(err)
	case stripe.Refused(err):
		code, param := stripe.Code(err)
		i.Refusal = &scope.Refusal{At: now, Generation: l.in.Generation, Request: l.in.Request, Code: code, Param: param}
		if err := l.in.Ledger.Intend(ctx, i); err != nil {
			return err
		}
		return refused(*i.Refusal, reconsider)
	}
	return stripe.Classify(err)
}
