package stripe

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"regexp"
	"time"

	stripesdk "github.com/stripe/stripe-go/v76"
	"github.com/stripe/stripe-go/v76/form"
)

const (
	// service is the name in the metrics.
	service = "stripe"
	// timeout is for one call; the SDK's own is 80 seconds.
	timeout = 15 * time.Second
	// maxAnswer bounds what is read of an answer: a page of a hundred accounts has about a megabyte.
	maxAnswer = 16 << 20
	// pageSize is the most that Stripe lists at once. https://docs.stripe.com/api/pagination
	pageSize = "100"
)

// idPattern is that of Stripe's names: nothing else may become part of a path.
var idPattern = regexp.MustCompile(`^[a-z]{1,16}_[A-Za-z0-9_]{1,128}$`)

// newBackend returns a backend that neither retries (the queue does, knowing the error), nor logs (it
// would log answers), nor reports on the operator.
func newBackend(o Options) stripesdk.Backend {
	return stripesdk.GetBackendWithConfig(stripesdk.APIBackend, &stripesdk.BackendConfig{
		URL: &o.URL, HTTPClient: newHTTPClient(o.HTTPClient),
		MaxNetworkRetries: new(int64(0)), EnableTelemetry: new(false),
		LeveledLogger: &stripesdk.LeveledLogger{Level: stripesdk.LevelNull},
	})
}

// newHTTPClient returns given with our bounds. Redirects are not followed: Stripe's API makes none, and
// they would carry the key to somebody else.
func newHTTPClient(given *http.Client) *http.Client {
	var mine http.Client
	if given != nil {
		mine = *given
	}
	if mine.Transport == nil {
		mine.Transport = http.DefaultTransport
	}
	if t, ok := mine.Transport.(*http.Transport); ok {
		t = t.Clone()
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
		mine.Transport = t
	}
	mine.Transport = discreet{mine.Transport}
	if mine.Timeout == 0 {
		mine.Timeout = timeout
	}
	mine.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &mine
}

// discreet sends nothing about the host: the SDK would send Stripe its name, by `uname -a`. It also notes
// the status of answers, which the SDK forgets when they are no JSON, and bounds their length.
type discreet struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (d discreet) RoundTrip(r *http.Request) (*http.Response, error) {
	clone := r.Clone(r.Context())
	clone.Header.Del("X-Stripe-Client-User-Agent")
	answer, err := d.RoundTripper.RoundTrip(clone)
	if err != nil {
		return nil, err
	}
	if status, ok := r.Context().Value(statusKey{}).(*int); ok {
		*status = answer.StatusCode
	}
	answer.Body = limited{io.LimitReader(answer.Body, maxAnswer), answer.Body}
	return answer, nil
}

type statusKey struct{}

type limited struct {
	io.Reader
	io.Closer
}

// request is one call.
type request struct {
	// operation names it in metrics and errors.
	operation    string
	method, path string
	fields       *form.Values
	// key is the idempotency key; "" is one that is never used again.
	key string
}

// call makes a call when it is its turn, and reads the answer into out.
func (c *Client) call(ctx context.Context, r request, out stripesdk.LastResponseSetter) error {
	turns := c.reads
	if r.method != http.MethodGet {
		turns = c.writes
	}
	err := turns.wait(ctx)
	if err == nil {
		err = c.send(ctx, r, out)
	}
	failure := asError(r.operation, err)
	c.metrics(service, r.operation, failure.label())
	if failure == nil {
		return nil
	}
	if failure.HTTP == http.StatusTooManyRequests && failure.Code != codeLockTimeout {
		turns.pause()
	}
	return failure
}

func (c *Client) send(ctx context.Context, r request, out stripesdk.LastResponseSetter) error {
	status := 0
	params := &stripesdk.Params{Context: context.WithValue(ctx, statusKey{}, &status)}
	if r.key != "" {
		params.IdempotencyKey = &r.key
	}
	err := c.backend.CallRaw(r.method, r.path, c.key.secret.Reveal(), r.fields, params, out)
	return translate(err, status)
}

// silent takes the raw answer from the SDK and drops it.
type silent struct{}

// SetLastResponse implements stripesdk.LastResponseSetter.
func (*silent) SetLastResponse(*stripesdk.APIResponse) {}

// checkID refuses what is no name of Stripe's: an empty one would turn a read of one account into a listing of all.
func checkID(operation, id string) error {
	if idPattern.MatchString(id) {
		return nil
	}
	return &Error{Operation: operation, Type: typeClient, Code: codeBadID, Param: "id"}
}

// body returns fields in the order given, for they are part of what an idempotency key stands for.
func body(pairs ...string) *form.Values {
	f := &form.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			f.Add(pairs[i], pairs[i+1])
		}
	}
	return f
}
