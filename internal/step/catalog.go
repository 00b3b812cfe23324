// Package step is the catalogue: which steps there are and in which order they run. The order lives
// only here.
package step

import (
	"context"
	"slices"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/account"
	"github.com/coachplatform/coach-operator/internal/step/class/network"
	"github.com/coachplatform/coach-operator/internal/step/class/parameters"
	"github.com/coachplatform/coach-operator/internal/step/data/appsecret"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
	"github.com/coachplatform/coach-operator/internal/step/data/dbrole"
	"github.com/coachplatform/coach-operator/internal/step/data/firewall"
	"github.com/coachplatform/coach-operator/internal/step/data/key"
	"github.com/coachplatform/coach-operator/internal/step/data/loggroup"
	"github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/stripeaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/tenantdata"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
)

// Parts are what the steps of a CoachPlatform work with.
type Parts struct {
	Sessions *aws.Sessions
	// Databases says how to connect to databases.
	Databases dbrole.Options
	// Secrets reads and writes Secrets in tenants' namespaces, past every cache.
	Secrets appsecret.API
	// Stripe says how to work with Stripe.
	Stripe payoutaccount.Options
	// Objects says how to read the tenants' objects.
	Objects tenantdata.Options
}

// Platform returns the steps of a CoachPlatform. Each may use what earlier ones published; they are
// released in reverse.
func Platform(p Parts) []converge.Step[*scope.Platform] {
	return append(Cloud(p.Sessions), dbrole.New(p.Databases), appsecret.New(p.Secrets),
		stripeaccount.New(stripeaccount.Options(p.Stripe)), webhook.New(p.Stripe.Stripe),
		tenantdata.New(p.Objects))
}

// Payout returns the steps of a PayoutAccount.
func Payout(o payoutaccount.Options) []converge.Step[*scope.Payout] {
	return []converge.Step[*scope.Payout]{payoutaccount.New(o)}
}

// Cloud returns the first of these steps: those that call AWS.
func Cloud(sessions *aws.Sessions) []converge.Step[*scope.Platform] {
	return []converge.Step[*scope.Platform]{
		counted{key.New(sessions, keyUsers(sessions)...), sessions},
		counted{firewall.New(sessions), sessions},
		counted{loggroup.New(sessions), sessions},
		counted{database.New(sessions), sessions},
	}
}

// keyUsers are who uses the tenant's key: a step that has data encrypted with it is one of these.
func keyUsers(sessions *aws.Sessions) []scope.KeyUser {
	return []scope.KeyUser{database.KeyUser(sessions), loggroup.KeyUser(sessions)}
}

// counted is a step whose calls count as its namespace's. In one run it reads a thing once, unless it writes to it.
type counted struct {
	converge.Step[*scope.Platform]
	sessions *aws.Sessions
}

func (c counted) Run(ctx context.Context, in *scope.Platform, mode converge.Mode) converge.Outcome {
	return c.Step.Run(c.sessions.Pass(ctx, in.Tenant.Namespace), in, mode)
}

func (c counted) Release(ctx context.Context, in *scope.Platform) (bool, error) {
	return c.Step.Release(c.sessions.Pass(ctx, in.Tenant.Namespace), in)
}

// Class returns the steps of a PlatformClass.
func Class(sessions *aws.Sessions) []converge.Step[*scope.Class] {
	steps := []converge.Step[*scope.Class]{account.New(sessions), network.New(sessions)}
	for _, major := range parameters.Majors {
		for _, version := range parameters.TLSVersions {
			if parameters.Supported(major, version) {
				steps = append(steps, parameters.New(sessions, major, version))
			}
		}
	}
	return steps
}

// Check returns an error if a step declares an action of an AWS service that has no row in the table of services.
func Check() error {
	var actions []string
	for _, s := range Platform(Parts{}) {
		actions = append(actions, actionsOf(s)...)
	}
	for _, s := range Class(nil) {
		actions = append(actions, actionsOf(s)...)
	}
	return aws.CheckActions(actions...)
}

func actionsOf[In any](s converge.Step[In]) []string {
	d := s.Describe()
	return slices.Concat(d.Reads, d.Writes)
}
