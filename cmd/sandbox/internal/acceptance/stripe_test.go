package acceptance

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"
)

// The rest about Stripe is tested in internal/stripe/acceptance.
func TestStripeIsFoundUnderItsOwnName(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	var platform struct {
		ID   string
		Keys map[string]string
	}
	a.post("/stripe/platforms", nil, &platform)
	config, err := tlsConfig(running.CA)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(running.Stripe)
	if err != nil {
		t.Fatal(err)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, running.DNS)
	}}
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		found, err := resolver.LookupHost(ctx, host+".")
		if err != nil {
			return nil, err
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(found[0], at.Port())) // port 443 may be another's
	}}
	backend := stripe.GetBackendWithConfig(stripe.APIBackend, &stripe.BackendConfig{
		HTTPClient: &http.Client{Transport: transport}, LeveledLogger: &stripe.LeveledLogger{Level: stripe.LevelNull},
	})
	api := client.New(platform.Keys["testRestricted"], &stripe.Backends{API: backend, Connect: backend, Uploads: backend})
	made, err := api.Accounts.New(&stripe.AccountParams{Type: new("express")})
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct{ ID string }
	a.get("/stripe/platforms/"+platform.ID+"/accounts", &rows)
	if len(rows) != 1 || rows[0].ID != made.ID {
		t.Errorf("made %s, there are %v", made.ID, rows)
	}
}
