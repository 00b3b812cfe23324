package payoutaccount

import (
	"testing"
	"time"
)

func TestTwoReadsThatBelongTogetherProveThatAnAccountIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		// looks are when the account is not found, counted from the first.
		observations []time.Duration
		// seen is the number of the observation before which it is found; 0 is never.
		seen int
		want []bool
	}{
		"one observation proves nothing":                 {observations: []time.Duration{0}, want: []bool{false}},
		"two observations at once are one":               {observations: []time.Duration{0, time.Second}, want: []bool{false, false}},
		"a second observation counts":                    {observations: []time.Duration{0, 2 * time.Second}, want: []bool{false, true}},
		"a later one still does":                         {observations: []time.Duration{0, time.Second, 9 * time.Minute}, want: []bool{false, false, true}},
		"it does for ten minutes":                        {observations: []time.Duration{0, 10 * time.Minute}, want: []bool{false, true}},
		"after that it is the first again":               {observations: []time.Duration{0, 10*time.Minute + 1}, want: []bool{false, false}},
		"which is followed by a second":                  {observations: []time.Duration{0, time.Hour, time.Hour + 2*time.Second}, want: []bool{false, false, true}},
		"what was found in between is searched for anew": {observations: []time.Duration{0, 3 * time.Second}, seen: 1, want: []bool{false, false}},
		"and is gone when it is not found twice thereon": {observations: []time.Duration{0, 3 * time.Second, 5 * time.Second}, seen: 1, want: []bool{false, false, true}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMisses()
			for i, at := range c.observations {
				if c.seen > 0 && i == c.seen {
					m.forget("acct_x")
				}
				if got := m.twice("acct_x", noon.Add(at)); got != c.want[i] {
					t.Errorf("look %d, after %s: gone %v, want %v", i, at, got, c.want[i])
				}
			}
		})
	}
}

func TestAMissOfOneAccountSaysNothingOfAnother(t *testing.T) {
	m := newMisses()
	m.twice("acct_x", noon)
	if m.twice("acct_y", noon.Add(time.Minute)) {
		t.Error("an account is gone that was searched for once")
	}
	m.forget("acct_y")
	if !m.twice("acct_x", noon.Add(time.Minute)) {
		t.Error("finding one account forgets another")
	}
}
