package stripe_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	clocktest "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/scope"
)

// key is one by its looks only.
const key = "rk_test_51AbCdEfDecoyKey"

// asked is one request as the server saw it.
type asked struct {
	method, path, query, body string
	header                    http.Header
}

// server answers as it is configured to, and keeps what it was asked.
type server struct {
	*httptest.Server

	mu     sync.Mutex
	asked  []asked
	counts map[string]int
}

// newServer answers with what answer returns: a status and a body.
func newServer(t testing.TB, answer func(r asked) (int, string)) *server {
	t.Helper()
	s := &server{counts: map[string]int{}}
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		got := asked{r.Method, r.URL.Path, r.URL.RawQuery, string(raw), r.Header}
		s.mu.Lock()
		s.asked = append(s.asked, got)
		s.mu.Unlock()
		status, text := answer(got)
		if status == 0 { // the connection breaks
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Request-Id", "req_decoy")
		if status == http.StatusFound {
			w.Header().Set("Location", "https://decoy.example/")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

func (s *server) all() []asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]asked(nil), s.asked...)
}

// last is the last request.
func (s *server) last() asked {
	all := s.all()
	return all[len(all)-1]
}

func (s *server) options() stripe.Options {
	return stripe.Options{URL: s.URL, HTTPClient: s.Client(), Reads: 1e6, Writes: 1e6, Metrics: func(service, operation, code string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.counts[service+" "+operation+" "+code]++
	}}
}

func (s *server) client(t testing.TB) *stripe.Client {
	t.Helper()
	return clientOf(t, s.options())
}

func clientOf(t testing.TB, o stripe.Options) *stripe.Client {
	t.Helper()
	c, err := stripe.New(o).For(scope.NewSecret(key))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// always answers everything alike.
func always(status int, body string) func(asked) (int, string) {
	return func(asked) (int, string) { return status, body }
}

// failure is an error as Stripe words it, with what must not be repeated.
func failure(kind, code, param string) string {
	return fmt.Sprintf(`{"error":{"type":%q,"code":%q,"param":%q,"message":"decoy message about 10 Downing Street, key rk_test_51AbCdEfDecoyKey",`+
		`"request_log_url":"https://dashboard.stripe.com/decoy","doc_url":"https://stripe.com/decoy"}}`, kind, code, param)
}

// decoys are what appears in answers and must appear nowhere else.
var decoys = []string{
	"decoy", "Downing", "6789", "110000000", "DE89370400440532013000", "Jenny", "Rosen", "jenny@example.com", "STRIPE TEST BANK",
	"1901", "203.0.113.7", "rk_test_5", "req_",
}

// inJSON returns v as a document.
func inJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func leaks(t *testing.T, what, text string) {
	t.Helper()
	for _, d := range decoys {
		if strings.Contains(strings.ToLower(text), strings.ToLower(d)) {
			t.Errorf("%s holds %q: %s", what, d, text)
		}
	}
}

// tick is a clock that stands still at a whole second.
func tick() *clocktest.FakeClock { return clocktest.NewFakeClock(time.Unix(1_800_000_000, 0).UTC()) }

// accountJSON is a small account.
func accountJSON(id, coach string, created int) string {
	return fmt.Sprintf(`{"id":%q,"object":"account","created":%d,"country":"DE","metadata":{"coach_key":%q}}`, id, created, coach)
}

// pages serves accounts, newest first, as Stripe pages them.
func pages(ids func() []string, coach func(id string) string, size int) func(asked) (int, string) {
	return func(r asked) (int, string) {
		query, _ := url.ParseQuery(r.query)
		rest := ids()
		if after := query.Get("starting_after"); after != "" {
			for i, id := range rest {
				if id == after {
					rest = rest[i+1:]
					break
				}
			}
		}
		more := len(rest) > size
		rest = rest[:min(size, len(rest))]
		var items []string
		for _, id := range rest {
			items = append(items, accountJSON(id, coach(id), 1000+len(id)))
		}
		return 200, fmt.Sprintf(`{"object":"list","data":[%s],"has_more":%v}`, strings.Join(items, ","), more)
	}
}
