package acceptance

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/client"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/stripe/state"
)

// receiver takes events, and answers with the statuses it is given, then 200.
type receiver struct {
	url    string
	mu     sync.Mutex
	answer []int
	got    []received
}

type received struct {
	body      []byte
	signature string
	event     struct {
		ID, Type, Account string
		APIVersion        string `json:"api_version"`
		Livemode          bool
		Data              struct{ Object json.RawMessage }
	}
}

func (s *sandbox) receive(answers ...int) *receiver {
	s.t.Helper()
	r := &receiver{answer: answers}
	ca, err := authority()
	if err != nil {
		s.t.Fatal(err)
	}
	r.url = serve(s.t, ca, r).URL
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	one := received{body: body, signature: request.Header.Get("Stripe-Signature")}
	_ = json.Unmarshal(body, &one.event)
	r.got = append(r.got, one)
	if len(r.answer) > 0 {
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(r.answer[0])
		r.answer = r.answer[1:]
	}
}

// all are the events that came, of one type or of all.
func (r *receiver) all(kind string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(one received) bool { return kind != "" && one.event.Type != kind })
}

// listen creates an endpoint for connected accounts and returns it with its secret.
func (s *sandbox) listen(c *client.API, url string, events ...string) *stripe.WebhookEndpoint {
	s.t.Helper()
	made, err := c.WebhookEndpoints.New(&stripe.WebhookEndpointParams{
		URL: new(url), Connect: new(true), APIVersion: stripe.String(stripe.APIVersion),
		EnabledEvents: stripe.StringSlice(events),
	})
	want(s.t, err, "")
	return made
}

func (s *sandbox) events() []state.EventRow {
	s.t.Helper()
	var rows []state.EventRow
	s.get("/stripe/platforms/"+s.platform+"/events", &rows)
	return rows
}
