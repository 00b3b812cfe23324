package acceptance

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/stripe/stripe-go/v76"
)

// How fast the sandbox is, on the wire and with its client:
// go test -bench . -run '^$' ./internal/stripe/acceptance

func BenchmarkCreate(b *testing.B) {
	s := newSandbox(b)
	c := s.test()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Accounts.New(keyed(fmt.Sprint(i))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListOfAHundredOfTenThousand(b *testing.B) {
	s := newSandbox(b)
	var made struct{ Accounts []string }
	s.post("/stripe/platforms/"+s.platform+"/accounts", map[string]any{"count": 10_000}, &made)
	for b.Loop() {
		request, err := http.NewRequestWithContext(b.Context(), http.MethodGet,
			s.url+"/v1/accounts?limit=100&created[gte]=1&starting_after="+made.Accounts[5000], nil)
		if err != nil {
			b.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+s.keys["testRestricted"])
		request.Header.Set("Stripe-Version", stripe.APIVersion)
		response, err := s.client.Do(request)
		if err != nil {
			b.Fatal(err)
		}
		_, err = io.Copy(io.Discard, response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			b.Fatal(response.Status, err)
		}
		_ = response.Body.Close()
	}
}
