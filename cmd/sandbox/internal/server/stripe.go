package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/control"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/deliver"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/httpapi"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// stripeNames are the hosts of Stripe that the sandbox is.
var stripeNames = []string{"api.stripe.com", "connect.stripe.com"}

// stripe is the part of the sandbox that is Stripe.
type stripe struct {
	http.Handler
	certificate tls.Certificate
}

// assembleStripe wires Stripe, and adds its calls to the admin API.
func assembleStripe(ctx context.Context, config Config, ca *pki.CA, s sandbox) (*stripe, error) {
	authority, err := os.ReadFile(ca.File())
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	host, _, err := net.SplitHostPort(config.Stripe)
	if err != nil {
		return nil, fmt.Errorf("address of Stripe: %w", err)
	}
	hosts := slices.Concat(stripeNames, config.Hosts)
	if host != "" {
		hosts = append(hosts, host)
	}
	certificate, err := issue(ca, hosts)
	if err != nil {
		return nil, err
	}
	deliverer := deliver.New(ctx, roots, time.Now, config.Log)
	world := state.New(state.DefaultSettings(config.Latency), time.Now, deliverer.Send)
	deliverer.Use(world)
	handler, err := httpapi.New(httpapi.Config{World: world, Log: s.calls, Faults: s.faults, Now: time.Now, Errors: config.Log})
	if err != nil {
		return nil, err
	}
	s.admin.Add((&control.Control{World: world, Deliverer: deliverer, Now: time.Now}).Routes())
	return &stripe{Handler: handler, certificate: certificate}, nil
}

// lookup finds databases, and Stripe where it listens.
func (s sandbox) lookup(address string) func(name string) (netip.Addr, bool) {
	parsed, err := url.Parse(address)
	if err != nil || address == "" {
		return s.databases.Lookup
	}
	stripeAddress, err := netip.ParseAddr(parsed.Hostname())
	return func(name string) (netip.Addr, bool) {
		if slices.Contains(stripeNames, name) {
			return stripeAddress, err == nil
		}
		return s.databases.Lookup(name)
	}
}
