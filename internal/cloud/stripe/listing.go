package stripe

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	// maxPages bounds a listing, to 100 000 accounts. One that is not complete proves no absence, so there is
	// none at all then.
	maxPages = 1000
	// lag is how long Stripe may take to list a new account. It is not documented; what was read by its
	// name stays in listings that were begun so shortly after that.
	lag = time.Minute
	// pageTries is how often a page is requested: a listing of many pages must not fail with one of them.
	pageTries = 3
)

// Listing is what Stripe has listed: all accounts of a business, each as it was last read.
type Listing struct {
	began time.Time

	mu       sync.RWMutex
	accounts map[string]seen
	// coaches are the IDs of each coach's accounts.
	coaches map[string][]string
}

// seen is an account, which is never changed, and when it was requested.
type seen struct {
	account *scope.Account
	at      time.Time
}

// Listing returns a complete listing that was begun at notBefore or later. All with the same key share it.
func (c *Client) Listing(ctx context.Context, notBefore time.Time) (*Listing, error) {
	l, _, err := c.listing.Get(ctx, notBefore)
	return l, err
}

// Lately returns a listing for an observation that may be as old as age, and twice as old while a newer one is being
// made: a business with many accounts is not waited for.
func (c *Client) Lately(ctx context.Context, age time.Duration) (*Listing, error) {
	now := c.clock.Now()
	l, _, err := c.listing.Recent(ctx, now.Add(-age), now.Add(-2*age))
	return l, err
}

// Began is when the listing was begun: what existed then is in it.
func (l *Listing) Began() time.Time { return l.began }

// Len is the number of accounts.
func (l *Listing) Len() int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return len(l.accounts)
}

// Account returns the account of that ID. It must not be changed.
func (l *Listing) Account(id string) (scope.Account, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s, ok := l.accounts[id]
	if !ok {
		return scope.Account{}, false
	}
	return *s.account, true
}

// Coach returns the accounts whose metadata name the coach, the oldest first. They must not be changed.
func (l *Listing) Coach(key string) []scope.Account {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var found []scope.Account
	for _, id := range l.coaches[key] {
		found = append(found, *l.accounts[id].account)
	}
	slices.SortFunc(found, func(a, b scope.Account) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID))
	})
	return found
}

// All returns all accounts. They must not be changed, and nothing is read of Stripe while they are gone through.
func (l *Listing) All() iter.Seq[scope.Account] {
	return func(yield func(scope.Account) bool) {
		l.mu.RLock()
		defer l.mu.RUnlock()
		for _, s := range l.accounts {
			if !yield(*s.account) {
				return
			}
		}
	}
}

// put adds what was read, unless something was read later.
func (l *Listing) put(s seen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	id := s.account.ID
	if l.accounts[id].at.After(s.at) {
		return
	}
	l.remove(id)
	l.accounts[id] = s
	if coach := s.account.Metadata[naming.MetaCoach]; coach != "" {
		l.coaches[coach] = append(l.coaches[coach], id)
	}
}

// drop takes an account out that was not found, unless it was seen later.
func (l *Listing) drop(id string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.accounts[id].at.After(at) {
		l.remove(id)
	}
}

// remove takes an account out; the caller holds the lock.
func (l *Listing) remove(id string) {
	s, ok := l.accounts[id]
	if !ok {
		return
	}
	delete(l.accounts, id)
	coach := s.account.Metadata[naming.MetaCoach]
	left := slices.DeleteFunc(l.coaches[coach], func(other string) bool { return other == id })
	if l.coaches[coach] = left; len(left) == 0 {
		delete(l.coaches, coach)
	}
}

// unchanged is what the last listing has of the account if nothing differs, so that two listings, one of them under
// way, have one copy of it.
func (a *accounts) unchanged(account *scope.Account) *scope.Account {
	a.mu.Lock()
	last := a.current
	a.mu.Unlock()
	if last == nil {
		return account
	}
	last.mu.RLock()
	defer last.mu.RUnlock()
	if was := last.accounts[account.ID].account; was != nil && reflect.DeepEqual(was, account) {
		return was
	}
	return account
}

// accounts are the listing and what was read by name since it was begun.
type accounts struct {
	clock clock.PassiveClock

	mu      sync.Mutex
	current *Listing
	recent  map[string]seen
	// sweeping is when the sweep under way was begun; zero if there is none.
	sweeping time.Time
	// full is how many are worth a cleaning.
	full int
}

// remember adds what was read by name.
func (a *accounts) remember(s seen) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.recent[s.account.ID].at.After(s.at) {
		return
	}
	a.recent[s.account.ID] = s
	if a.current != nil {
		a.current.put(s)
	}
	if len(a.recent) > a.full {
		a.clean()
		a.full = 2*len(a.recent) + 100
	}
}

// drop forgets an account that was not found.
func (a *accounts) drop(id string, at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.recent[id].at.After(at) {
		delete(a.recent, id)
	}
	if a.current != nil {
		a.current.drop(id, at)
	}
}

// clean drops what every listing from now on must show by itself.
func (a *accounts) clean() {
	since := a.clock.Now()
	if !a.sweeping.IsZero() {
		since = a.sweeping
	}
	maps.DeleteFunc(a.recent, func(_ string, s seen) bool { return s.at.Add(lag).Before(since) })
}

// begin notes that a sweep began; zero is that it ended.
func (a *accounts) begin(at time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sweeping = at
}

// replace makes l the listing, with what was read by name shortly before or since it was begun.
func (a *accounts) replace(l *Listing) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clean()
	for _, s := range a.recent {
		l.put(s)
	}
	a.current = l
}

// readAccounts lists all accounts. New ones appear before the first page, so that one made meanwhile is
// not in it, and none that existed is missed.
// https://docs.stripe.com/api/accounts/list
func (c *Client) readAccounts(ctx context.Context, began time.Time) (*Listing, error) {
	c.accounts.begin(began)
	defer c.accounts.begin(time.Time{})
	l := &Listing{began: began, accounts: map[string]seen{}, coaches: map[string][]string{}}
	after := ""
	for range maxPages {
		asked := c.clock.Now()
		page, err := c.accountPage(ctx, after)
		if err != nil {
			return nil, err
		}
		for i := range page.Data {
			after = page.Data[i].ID
			if account := page.Data[i].account(); !account.Gone {
				l.put(seen{c.accounts.unchanged(&account), asked})
			}
		}
		if !page.HasMore || len(page.Data) == 0 {
			c.accounts.replace(l)
			return l, nil
		}
	}
	return nil, fault.New(fault.Denied, v1alpha1.ReasonQuotaExceeded,
		"the Stripe account has more than %d00 connected accounts, which is more than the operator scans", maxPages)
}

// accountPage reads a page. What may pass is tried again, each time after its turn, which a refusal for
// too many calls makes a second long.
func (c *Client) accountPage(ctx context.Context, after string) (*wirePage[wireAccount], error) {
	for try := 1; ; try++ {
		page := &wirePage[wireAccount]{}
		err := c.call(ctx, request{
			operation: "ListAccounts", method: http.MethodGet, path: accountsPath,
			fields: body("limit", pageSize, "starting_after", after),
		}, page)
		if err == nil && (page.Object != "list" || page.HasMore && len(page.Data) == 0) {
			err = &Error{Operation: "ListAccounts", HTTP: http.StatusOK, Type: typeUnreadable} // it would prove that there is nothing
		}
		if err == nil {
			return page, nil
		}
		if try == pageTries || ctx.Err() != nil || !Throttled(err) && !Indeterminate(err) {
			return nil, err
		}
	}
}
