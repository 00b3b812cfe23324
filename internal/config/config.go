// Package config holds the operator's settings: filled from flags once, validated before anything
// starts, and passed on as a value.
package config

import (
	"errors"
	"flag"
	"fmt"
	"regexp"
	"time"
)

// Config is all that can be set.
type Config struct {
	// Namespace that the operator lives in; it keeps master credentials and the installation ID there.
	Namespace string
	// Installation overrides the stored installation ID, for disaster recovery; empty uses or creates it.
	Installation string
	// MetricsAddress and ProbeAddress are listen addresses.
	MetricsAddress, ProbeAddress string
	// LeaderElection lets one of several replicas work.
	LeaderElection bool
	// Workers is how many platforms are reconciled at a time.
	Workers int
	// Resync is how often a quiet platform is observed.
	Resync time.Duration
	// Freshness is how old an observation without a batch form may be (key rotation).
	Freshness time.Duration
	// Lag is how long AWS listings may lag behind writes.
	Lag time.Duration
	// StripeResync is how often all accounts of a Stripe account are observed.
	StripeResync time.Duration
	// Grace is how long a control may be violated before payouts stop, where they are to stop.
	Grace time.Duration
	// PayoutWorkers is how many payout accounts are reconciled at a time.
	PayoutWorkers int
	// ReceiverAddress is where Stripe's events arrive, over TLS, and ReceiverCertificates the directory with
	// tls.crt and tls.key.
	ReceiverAddress, ReceiverCertificates string
	// Debug logs more.
	Debug bool
}

// A control counts as observed for 3 minutes when sweeps see it and for 20 when the freshness clock
// does (package evidence). Observations that are further apart than these would leave all of them unknown.
const (
	maxResync    = 2 * time.Minute
	maxFreshness = 18 * time.Minute
	// maxStripeResync leaves time for the listing itself.
	maxStripeResync = 15 * time.Minute
)

// installationPattern bounds what goes into tags and names.
var installationPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{4,38}[a-z0-9])$`)

// Bind registers the flags; the returned Config is filled when fs is parsed.
func Bind(fs *flag.FlagSet, namespace string) *Config {
	c := &Config{}
	fs.StringVar(&c.Namespace, "namespace", namespace, "the operator's own namespace (default: POD_NAMESPACE)")
	fs.StringVar(&c.Installation, "installation-id", "",
		"the installation ID to use instead of the stored one; set it only to take over after a disaster")
	fs.StringVar(&c.MetricsAddress, "metrics-bind-address", ":8443", "listen address of metrics, over TLS; 0 is off")
	fs.StringVar(&c.ProbeAddress, "health-probe-bind-address", ":8081", "listen address of the health probes")
	fs.BoolVar(&c.LeaderElection, "leader-elect", true, "let one of several replicas work")
	fs.IntVar(&c.Workers, "workers", 20, "how many platforms are reconciled at a time")
	fs.DurationVar(&c.Resync, "resync", 50*time.Second, "how often a quiet platform is observed, at most 2m")
	fs.DurationVar(&c.Freshness, "freshness", 15*time.Minute, "how old an observation without a batch form may be, at most 18m")
	fs.DurationVar(&c.Lag, "aws-lag", 15*time.Second, "how long AWS listings may lag behind writes")
	fs.DurationVar(&c.StripeResync, "stripe-resync", 10*time.Minute, "how often all accounts of a Stripe account are listed, at most 15m")
	fs.DurationVar(&c.Grace, "violation-grace", 10*time.Minute,
		"how long a security control that payouts depend on may be violated before platforms that ask for it suspend payouts")
	fs.IntVar(&c.PayoutWorkers, "payout-workers", 20, "how many payout accounts are reconciled at a time")
	fs.StringVar(&c.ReceiverAddress, "stripe-webhook-bind-address", "0",
		"listen address of the receiver of Stripe's events, over TLS; 0 is off")
	fs.StringVar(&c.ReceiverCertificates, "stripe-webhook-cert-dir", "/etc/coach-stripe-webhook",
		"directory with tls.crt and tls.key of that receiver; new ones are taken up at once")
	fs.BoolVar(&c.Debug, "debug", false, "log more")
	return c
}

// Validate returns every setting that cannot work, each with its flag.
func (c *Config) Validate() error {
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(c.Namespace == "", "--namespace is empty; set it, or POD_NAMESPACE")
	refuse(c.Installation != "" && !installationPattern.MatchString(c.Installation),
		"--installation-id %q: 6 to 40 lower-case letters, digits and hyphens, a letter or digit at both ends", c.Installation)
	refuse(c.Workers < 1 || c.Workers > 200, "--workers %d: between 1 and 200", c.Workers)
	refuse(c.Resync < time.Second, "--resync %s: at least 1s", c.Resync)
	refuse(c.Resync > maxResync, "--resync %s: at most %s, since a security control that was seen longer ago reads Unknown",
		c.Resync, maxResync)
	refuse(c.Freshness < c.Resync, "--freshness %s: at least --resync (%s)", c.Freshness, c.Resync)
	refuse(c.Freshness > maxFreshness, "--freshness %s: at most %s, since a security control that was seen longer ago reads Unknown",
		c.Freshness, maxFreshness)
	refuse(c.PayoutWorkers < 1 || c.PayoutWorkers > 200, "--payout-workers %d: between 1 and 200", c.PayoutWorkers)
	refuse(c.StripeResync < time.Second, "--stripe-resync %s: at least 1s", c.StripeResync)
	refuse(c.StripeResync > maxStripeResync, "--stripe-resync %s: at most %s, since a security control that was seen longer ago reads Unknown",
		c.StripeResync, maxStripeResync)
	refuse(c.Grace < 0 || c.Grace > 24*time.Hour, "--violation-grace %s: between 0s and 24h", c.Grace)
	refuse(c.ReceiverAddress == "", "--stripe-webhook-bind-address is empty; 0 is off")
	refuse(c.ReceiverAddress != "0" && c.ReceiverCertificates == "", "--stripe-webhook-cert-dir is empty; Stripe delivers over TLS only")
	refuse(c.Lag < 0 || c.Lag > 10*time.Minute, "--aws-lag %s: between 0s and 10m", c.Lag)
	return errors.Join(problems...)
}

// StripeSweep is how old a listing of a Stripe account's accounts may be: all are observed in the same short part
// of a resync, so one listing serves them all.
func (c *Config) StripeSweep() time.Duration { return c.StripeResync * 9 / 10 }

// oldest is how old a shared observation may be at most: what is on its way is followed that closely.
const oldest = 5 * time.Second

// Sweep is how old a shared observation may be. All platforms are observed in the same short part of a resync, so few
// reads serve them all; and resync, window and this together keep what changed in AWS unseen for less
// than a minute.
func (c *Config) Sweep() time.Duration { return min(c.Resync/10, oldest) }
