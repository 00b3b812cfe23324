package acceptance

import (
	"slices"
	"testing"
	"time"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"
)

// listed are the IDs of a page, and whether there is more.
func listed(t *testing.T, c *client.API, change func(*stripe.AccountListParams)) (ids []string, more bool) {
	t.Helper()
	p := &stripe.AccountListParams{}
	p.Single = true
	if change != nil {
		change(p)
	}
	i := c.Accounts.List(p)
	for i.Next() {
		ids = append(ids, i.Account().ID)
	}
	want(t, i.Err(), "")
	return ids, i.Meta().HasMore
}

func TestAccountsAreListedNewestFirstAPageAtATime(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	var made struct{ Accounts []string }
	s.post("/stripe/platforms/"+s.platform+"/accounts", map[string]any{"count": 25, "metadata": map[string]string{"of": "an unmanaged account"}}, &made)
	all := made.Accounts
	slices.Reverse(all)
	first, more := listed(t, s.test(), nil)
	if !slices.Equal(first, all[:10]) || !more {
		t.Errorf("the first page is %v, more: %t", first, more)
	}
	last, more := listed(t, s.test(), func(p *stripe.AccountListParams) {
		p.StartingAfter, p.Limit = new(all[19]), stripe.Int64(100)
	})
	if !slices.Equal(last, all[20:]) || more {
		t.Errorf("the last page is %v, more: %t", last, more)
	}
	back, more := listed(t, s.test(), func(p *stripe.AccountListParams) {
		p.EndingBefore, p.Limit = new(all[10]), stripe.Int64(4)
	})
	slices.Reverse(back) // the client turns such a page around
	if !slices.Equal(back, all[6:10]) || !more {
		t.Errorf("the page before is %v, more: %t", back, more)
	}
	every := []string{}
	p := &stripe.AccountListParams{}
	p.Limit = stripe.Int64(7)
	for i := s.test().Accounts.List(p); i.Next(); {
		every = append(every, i.Account().ID)
	}
	if !slices.Equal(every, all) {
		t.Errorf("all pages have %d accounts of %d", len(every), len(all))
	}
	if live, _ := listed(t, s.live(), nil); len(live) != 0 {
		t.Errorf("live mode lists %v", live)
	}
	p.Limit = stripe.Int64(101)
	i := s.test().Accounts.List(p)
	want(t, i.Err(), "Bad Request parameter_invalid_integer")
}

func TestAListIsCutByTheTimeOfCreation(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	old := s.create(s.test())
	s.post("/stripe/clock", map[string]any{"advance": "1h"}, nil)
	young := s.create(s.test())
	since := func(created int64) func(*stripe.AccountListParams) {
		return func(p *stripe.AccountListParams) {
			p.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: created}
		}
	}
	if got, _ := listed(t, s.test(), since(young.Created)); !slices.Equal(got, []string{young.ID}) {
		t.Errorf("since the young: %v", got)
	}
	if got, _ := listed(t, s.test(), since(old.Created)); !slices.Equal(got, []string{young.ID, old.ID}) {
		t.Errorf("since the old: %v", got)
	}
	before := func(p *stripe.AccountListParams) {
		p.CreatedRange = &stripe.RangeQueryParams{LesserThan: young.Created}
	}
	if got, _ := listed(t, s.test(), before); !slices.Equal(got, []string{old.ID}) {
		t.Errorf("before the young: %v", got)
	}
}

func TestAListIsBehindAndAReadIsNot(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	s.post("/stripe/settings", map[string]any{"listLag": "300ms"}, nil)
	began := time.Now()
	account := s.create(s.test())
	_, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "")
	if got, _ := listed(t, s.test(), nil); len(got) != 0 && time.Since(began) < 300*time.Millisecond {
		t.Errorf("listed at once: %v", got)
	}
	eventually(t, "the list has it", func() bool {
		got, _ := listed(t, s.test(), nil)
		return len(got) == 1
	})
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("the list had it after %s", took)
	}
}

func TestAStaleReadShowsWhatWasBefore(t *testing.T) {
	t.Parallel()
	s := newSandbox(t)
	account := s.create(s.test())
	_, err := s.test().Accounts.Update(account.ID, &stripe.AccountParams{Metadata: map[string]string{"coach_key": "two"}})
	want(t, err, "")
	s.fault(map[string]any{"kind": "stale", "duration": "1m", "operation": "GetAccountsAccount"})
	got, err := s.test().Accounts.GetByID(account.ID, nil)
	want(t, err, "")
	if got.Metadata["coach_key"] != "one" {
		t.Errorf("a stale read shows %v", got.Metadata)
	}
}
