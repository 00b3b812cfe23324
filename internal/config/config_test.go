package config

import (
	"errors"
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/internal/evidence"
)

func parse(t *testing.T, args ...string) *Config {
	t.Helper()
	fs := flag.NewFlagSet("manager", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	c := Bind(fs, "coach-system")
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parsing %v: %v", args, err)
	}
	return c
}

func TestTheDefaultsWork(t *testing.T) {
	c := parse(t)
	if err := c.Validate(); err != nil {
		t.Fatalf("refused: %v", err)
	}
	want := Config{
		Namespace: "coach-system", MetricsAddress: ":8443", ProbeAddress: ":8081", LeaderElection: true,
		Workers: 20, Resync: 50 * time.Second, Freshness: 15 * time.Minute, Lag: 15 * time.Second,
		StripeResync: 10 * time.Minute, Grace: 10 * time.Minute, PayoutWorkers: 20,
		ReceiverAddress: "0", ReceiverCertificates: "/etc/coach-stripe-webhook",
	}
	if *c != want {
		t.Errorf("the defaults are %+v, want %+v", *c, want)
	}
}

func TestASettingThatCannotWorkIsRefusedByItsFlag(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		flag string
	}{
		"no namespace":                        {[]string{"--namespace="}, "--namespace"},
		"too short an installation ID":        {[]string{"--installation-id=short"}, "--installation-id"},
		"too long an installation ID":         {[]string{"--installation-id=" + strings.Repeat("a", 41)}, "--installation-id"},
		"an installation ID in capitals":      {[]string{"--installation-id=NOTHERE1"}, "--installation-id"},
		"an installation ID with a slash":     {[]string{"--installation-id=not/here1"}, "--installation-id"},
		"an installation ID of hyphens":       {[]string{"--installation-id=-nothere-"}, "--installation-id"},
		"no workers":                          {[]string{"--workers=0"}, "--workers"},
		"too many workers":                    {[]string{"--workers=201"}, "--workers"},
		"no time between observations":        {[]string{"--resync=0s"}, "--resync"},
		"resyncs so rare that evidence ages":  {[]string{"--resync=121s"}, "--resync"},
		"a freshness beyond that of evidence": {[]string{"--freshness=18m1s"}, "--freshness"},
		"freshness below the resync":          {[]string{"--resync=2m", "--freshness=1m"}, "--freshness"},
		"a negative lag":                      {[]string{"--aws-lag=-1s"}, "--aws-lag"},
		"an endless lag":                      {[]string{"--aws-lag=11m"}, "--aws-lag"},
		"no payout workers":                   {[]string{"--payout-workers=0"}, "--payout-workers"},
		"too many payout workers":             {[]string{"--payout-workers=201"}, "--payout-workers"},
		"no time between listings of Stripe":  {[]string{"--stripe-resync=999ms"}, "--stripe-resync"},
		"listings so rare that evidence ages": {[]string{"--stripe-resync=15m1s"}, "--stripe-resync"},
		"a negative grace":                    {[]string{"--violation-grace=-1s"}, "--violation-grace"},
		"a grace of more than a day":          {[]string{"--violation-grace=24h1s"}, "--violation-grace"},
		"a receiver without certificates": {
			[]string{"--stripe-webhook-bind-address=:9443", "--stripe-webhook-cert-dir="}, "--stripe-webhook-cert-dir",
		},
	} {
		t.Run(name, func(t *testing.T) {
			err := parse(t, c.args...).Validate()
			if err == nil || !strings.HasPrefix(err.Error(), c.flag+" ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want one problem of %s", err, c.flag)
			}
		})
	}
}

func TestWhatWorksIsNotRefused(t *testing.T) {
	for name, args := range map[string][]string{
		"the shortest installation ID":         {"--installation-id=abcdef"},
		"the longest installation ID":          {"--installation-id=" + strings.Repeat("a", 40)},
		"one with digits and hyphens":          {"--installation-id=7-eleven-7"},
		"one worker":                           {"--workers=1"},
		"as many as there may be":              {"--workers=200"},
		"freshness equal to resync":            {"--resync=2m", "--freshness=2m"},
		"the rarest observations there may be": {"--resync=2m", "--freshness=18m"},
		"no lag":                               {"--aws-lag=0s"},
		"one payout worker":                    {"--payout-workers=1"},
		"as many as there may be, too":         {"--payout-workers=200"},
		"the quickest listings":                {"--stripe-resync=1s"},
		"the rarest listings":                  {"--stripe-resync=15m"},
		"no grace":                             {"--violation-grace=0s"},
		"a grace of a day":                     {"--violation-grace=24h"},
		"a receiver":                           {"--stripe-webhook-bind-address=:9443"},
		"no receiver and no directory":         {"--stripe-webhook-cert-dir="},
	} {
		t.Run(name, func(t *testing.T) {
			if err := parse(t, args...).Validate(); err != nil {
				t.Errorf("refused: %v", err)
			}
		})
	}
}

// TestEvidenceOutlivesTheRarestObservations holds because a control whose last observation is older than its bound is
// unknown: with settings that allow that, every report would be.
func TestEvidenceOutlivesTheRarestObservations(t *testing.T) {
	c := parse(t, "--resync="+maxResync.String(), "--freshness="+maxFreshness.String(), "--stripe-resync="+maxStripeResync.String())
	if err := c.Validate(); err != nil {
		t.Fatalf("refused: %v", err)
	}
	// A pass may have to wait for a turn, and what it sees may be as old as a shared observation.
	const slack = 30 * time.Second
	swept, clocked := c.Resync+c.Sweep()+slack, c.Freshness+slack
	listed := c.Resync + c.StripeSweep() + slack
	for _, control := range evidence.Catalogue {
		if evidence.OfStripe(control.ID) && control.Bound < listed {
			t.Errorf("%s counts for %s, and may be seen %s ago", control.ID, control.Bound, listed)
		}
		if control.Bound < swept || control.Bound > 2*swept && control.Bound < clocked {
			t.Errorf("%s counts for %s, and may be seen %s or %s ago", control.ID, control.Bound, swept, clocked)
		}
	}
}

func TestAllProblemsAreReportedAtOnce(t *testing.T) {
	err := parse(t, "--namespace=", "--workers=0", "--resync=0s").Validate()
	joined, ok := errors.AsType[interface {
		error
		Unwrap() []error
	}](err)
	if !ok || len(joined.Unwrap()) != 3 {
		t.Errorf("got %v, want three problems", err)
	}
}

func TestASharedReadIsYoungerThanAResync(t *testing.T) {
	for _, resync := range []time.Duration{time.Second, time.Minute, time.Hour} {
		c := Config{Resync: resync}
		if sweep := c.Sweep(); sweep <= 0 || sweep >= resync || sweep > 5*time.Second {
			t.Errorf("at a resync of %s a shared observation may be %s old", resync, sweep)
		}
	}
}

func TestAListingOfStripeIsYoungerThanAResync(t *testing.T) {
	for _, resync := range []time.Duration{time.Second, 10 * time.Minute, maxStripeResync} {
		c := Config{StripeResync: resync}
		if sweep := c.StripeSweep(); sweep < resync/2 || sweep >= resync {
			t.Errorf("at a resync of %s a listing may be %s old", resync, sweep)
		}
	}
}
