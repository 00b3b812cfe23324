package payoutaccount_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// mode is what happens at a write.
type mode string

const (
	// before: the operator dies before it has sent the write.
	before mode = "dies before"
	// after: the write takes effect, and the operator dies before it knows.
	after mode = "dies after"
	// lost: the write takes effect, its answer is lost, and the operator lives on.
	lost mode = "loses the answer of"
)

// errCut is what a caller sees of a write that went wrong.
var errCut = errors.New("the connection was cut")

// path is what lies between the operator and the world. It counts the writes and lets one of them go wrong.
// An operator that died there reaches nothing any more.
type path struct {
	mode mode
	// nth is the write that goes wrong, from 1; 0 is none.
	nth int

	mu     sync.Mutex
	writes []string
	dead   bool
}

// admit counts a write and says what becomes of it.
func (p *path) admit(what string) (send, answer bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return false, false
	}
	p.writes = append(p.writes, what)
	if len(p.writes) != p.nth {
		return true, true
	}
	p.dead = p.mode != lost
	return p.mode != before, false
}

func (p *path) alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.dead
}

// struck says whether the write that was to go wrong was made.
func (p *path) struck() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.writes) >= p.nth
}

// do makes a write, or what becomes of it.
func (p *path) do(what string, write func() error) error {
	send, answer := p.admit(what)
	if !send {
		return errCut
	}
	if err := write(); err != nil || answer {
		return err
	}
	return errCut
}

// kube is the API server as the operator sees it.
func (p *path) kube(t *testing.T, world client.Client) client.Client {
	t.Helper()
	watch, err := client.NewWithWatch(env.APIServer(t).Config, client.Options{Scheme: world.Scheme(), Mapper: world.RESTMapper()})
	if err != nil {
		t.Fatal(err)
	}
	return interceptor.NewClient(watch, interceptor.Funcs{
		Get: func(ctx context.Context, _ client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
			if !p.alive() {
				return errCut
			}
			return world.Get(ctx, key, o, options...)
		},
		List: func(ctx context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			if !p.alive() {
				return errCut
			}
			return world.List(ctx, list, options...)
		},
		Patch: func(ctx context.Context, _ client.WithWatch, o client.Object, patch client.Patch, options ...client.PatchOption) error {
			return p.do("the object", func() error { return world.Patch(ctx, o, patch, options...) })
		},
		SubResourcePatch: func(ctx context.Context, _ client.Client, name string, o client.Object, patch client.Patch,
			options ...client.SubResourcePatchOption,
		) error {
			return p.do("the "+name, func() error { return world.SubResource(name).Patch(ctx, o, patch, options...) })
		},
	})
}

// stripe is Stripe as the operator sees it.
func (p *path) stripe(world http.RoundTripper) http.RoundTripper {
	return transport(func(r *http.Request) (*http.Response, error) {
		if !p.alive() {
			return nil, errCut
		}
		if r.Method == http.MethodGet {
			return world.RoundTrip(r)
		}
		var response *http.Response
		err := p.do(fmt.Sprintf("%s %s", r.Method, masked(r.URL.Path)), func() (err error) {
			response, err = world.RoundTrip(r) //nolint:bodyclose // the caller closes it
			return err
		})
		if err != nil && response != nil {
			_ = response.Body.Close()
			response = nil
		}
		return response, err
	})
}

// masked is a path without the names of accounts.
func masked(path string) string {
	if before, _, found := strings.Cut(path, "acct_"); found {
		return before + "{account}"
	}
	return path
}

// transport is a function that carries requests.
type transport func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }
