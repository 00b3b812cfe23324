package crash_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/aws/smithy-go/middleware"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

const (
	// kubernetes is the service of calls to the API server.
	kubernetes = "kubernetes"
	// storesPassword is the call to it that stores one.
	storesPassword = "create Secret"
)

// place is one call of an operator: the nth of its service and operation since the operator started.
type place struct {
	service, operation string
	nth                int
}

func (p place) String() string { return fmt.Sprintf("%s:%s#%d", p.service, p.operation, p.nth) }

// kind is what a call does to the world.
type kind int

const (
	read kind = iota
	write
	// status is a write of a status.
	status
	// proof is a write of a SecurityReport.
	proof
)

// report says that a pass ends with it.
func (k kind) report() bool { return k == status || k == proof }

// call is one call that an operator made.
type call struct {
	place
	kind kind
}

// way is how an operator dies at a place.
type way int

const (
	// unsent: the call is never sent.
	unsent way = iota
	// unheard: the call takes effect and the answer is lost.
	unheard
	// unwritten: the call is answered, and the next status is never written.
	unwritten
)

func (w way) String() string {
	return [...]string{"before it is sent", "before its answer is read", "before the next status is written"}[w]
}

var ways = []way{unsent, unheard, unwritten}

// errDead is what every call of a dead operator ends with.
var errDead = errors.New("the operator is dead")

// wire is what one operator's calls go through, to AWS and to the API server. It remembers them, and
// when the operator is to die at one, no later call gets through.
type wire struct {
	// at is where the operator dies; the zero place is nowhere.
	at  place
	way way

	mu    sync.Mutex
	calls []call
	seen  map[place]int
	// storing says that passwords were stored in this pass, so that logins are about to be created.
	storing bool
	// reached says that the call at the place was answered, dead that no call gets through any more.
	reached, dead bool
}

func newWire(at place, way way) *wire { return &wire{at: at, way: way, seen: map[place]int{}} }

// carry sends a call unless the operator is dead, or dies of it.
func (w *wire) carry(service, operation string, kind kind, send func() error) error {
	here, err := w.enter(place{service: service, operation: operation}, kind)
	if err != nil {
		return err
	}
	err = send()
	if !here {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reached, w.dead = true, w.way == unheard
	if w.dead {
		return errDead
	}
	return err
}

// enter says whether the call is the one to die at, or that it does not get through.
func (w *wire) enter(p place, kind kind) (here bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dead {
		return false, errDead
	}
	w.seen[p]++
	p.nth = w.seen[p]
	here = p == w.at
	if here && w.way == unsent || w.reached && w.way == unwritten && kind == status {
		w.dead = true
		return false, errDead
	}
	w.calls = append(w.calls, call{p, kind})
	w.storing = p.operation == storesPassword || w.storing && !kind.report()
	return here, nil
}

// begin begins a pass: what it sends to a database creates logins only once it has stored their passwords.
func (w *wire) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.storing = false
}

// died says whether the operator is dead.
func (w *wire) died() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dead
}

// made returns the calls that got through.
func (w *wire) made() []call {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]call(nil), w.calls...)
}

// writes is how many calls got through that change something. Evidence does not count: it is stamped anew
// from time to time.
func (w *wire) writes() (n int) {
	for _, c := range w.made() {
		if c.kind != read && c.kind != proof {
			n++
		}
	}
	return n
}

// story is the first calls that got through, for a test that failed.
func (w *wire) story() (text string) {
	const most = 300
	for i, c := range w.made() {
		if i == most {
			return text + "\n  and so on"
		}
		text += "\n  " + c.String()
	}
	return text
}

// services are the short names of AWS services that differ from the SDK's.
var services = map[string]string{"Resource Groups Tagging API": "tagging", "CloudWatch Logs": "logs"}

// attach makes every attempt of every AWS call go through the wire.
func (w *wire) attach(stack *middleware.Stack) error {
	carry := middleware.DeserializeMiddlewareFunc("crash/wire",
		func(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
			out middleware.DeserializeOutput, meta middleware.Metadata, err error,
		) {
			service, operation := middleware.GetServiceID(ctx), middleware.GetOperationName(ctx)
			if short, ok := services[service]; ok {
				service = short
			}
			err = w.carry(strings.ToLower(service), operation, kindOf(operation), func() error {
				out, meta, err = next.HandleDeserialize(ctx, in)
				return err
			})
			return out, meta, err
		})
	return stack.Deserialize.Add(carry, middleware.Before)
}

func kindOf(operation string) kind {
	for _, prefix := range []string{"Describe", "Get", "List", "AssumeRole"} {
		if strings.HasPrefix(operation, prefix) {
			return read
		}
	}
	return write
}

// client returns a client whose calls go through the wire. What the operator does not call today is
// not intercepted; the first use of it would be missing among the writes of the straight way.
func (w *wire) client(c client.WithWatch) client.WithWatch {
	carry := func(verb string, object runtime.Object, kind kind, send func() error) error {
		gvk, err := apiutil.GVKForObject(object, c.Scheme())
		if err != nil {
			return err
		}
		if kind == write && gvk.Kind == "SecurityReport" {
			kind = proof
		}
		return w.carry(kubernetes, verb+" "+gvk.Kind, kind, send)
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
			return carry("get", o, read, func() error { return c.Get(ctx, key, o, opts...) })
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			return carry("list", list, read, func() error { return c.List(ctx, list, opts...) })
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			return carry("create", o, write, func() error { return c.Create(ctx, o, opts...) })
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			return carry("update", o, write, func() error { return c.Update(ctx, o, opts...) })
		},
		Patch: func(ctx context.Context, c client.WithWatch, o client.Object, patch client.Patch, opts ...client.PatchOption) error {
			return carry("patch", o, write, func() error { return c.Patch(ctx, o, patch, opts...) })
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			return carry("delete", o, write, func() error { return c.Delete(ctx, o, opts...) })
		},
		SubResourcePatch: func(ctx context.Context, c client.Client, sub string, o client.Object, patch client.Patch,
			opts ...client.SubResourcePatchOption,
		) error {
			return carry("patch "+sub+" of", o, status, func() error { return c.SubResource(sub).Patch(ctx, o, patch, opts...) })
		},
		SubResourceUpdate: func(ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption) error {
			return carry("update "+sub+" of", o, status, func() error { return c.SubResource(sub).Update(ctx, o, opts...) })
		},
	})
}
