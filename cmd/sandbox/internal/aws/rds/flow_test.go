package rds

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/setting"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// fakePlane counts the servers it created.
type fakePlane struct {
	Plane
	mu      sync.Mutex
	created int
}

func (p *fakePlane) Create(context.Context, postgres.Spec) (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.created++
	return netip.Addr{}, nil
}

func (*fakePlane) Address(string) (netip.Addr, bool) { return netip.Addr{}, false }

func newInstance(r *region) Instance {
	inst := r.named(Instance{ResourceID: newResourceID(), real: true, plane: new(sync.Mutex), EngineVersion: "16.10"}, "orders")
	return inst.withGroup("default.postgres16", inSync)
}

func newService(t *testing.T) (*Service, *fakePlane) {
	t.Helper()
	plane := &fakePlane{}
	return New(t.Context(), Config{
		Plane: plane, Settings: setting.New(setting.Values{}), Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}), plane
}

func (r *region) launchNow(inst Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.launch(inst, r.planeCreate)
}

func TestAForgottenAccountStartsNoServer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		forget bool
		want   int
	}{"kept": {false, 1}, "forgotten": {true, 0}} {
		service, plane := newService(t)
		r := service.region("111122223333", "eu-central-1")
		if test.forget {
			if err := service.Forget(t.Context(), "111122223333"); err != nil {
				t.Fatal(err)
			}
		}
		r.launchNow(newInstance(r))
		service.work.Wait()
		if plane.created != test.want {
			t.Errorf("%s: %d servers were created, want %d", name, plane.created, test.want)
		}
	}
}

func TestALaterChangeStopsAnEarlierOne(t *testing.T) {
	t.Parallel()
	service, _ := newService(t)
	r := service.region("111122223333", "eu-central-1")
	begun, proceed := make(chan struct{}), make(chan struct{})
	slow := stage{status: modifying, work: func(context.Context, Instance) error {
		close(begun)
		<-proceed
		return nil
	}, then: func(now *Instance) { now.DBInstanceClass = "overtaken" }}
	r.mu.Lock()
	first := r.start(newInstance(r), available, slow)
	r.mu.Unlock()
	<-begun
	r.mu.Lock()
	r.start(first, stopped, stage{status: stopping, then: func(now *Instance) { now.AllocatedStorage = 40 }})
	r.mu.Unlock()
	close(proceed)
	service.work.Wait()
	got, _ := r.instances.Get("orders", versions.View{})
	if got.DBInstanceStatus != stopped || got.DBInstanceClass == "overtaken" || got.AllocatedStorage != 40 {
		t.Errorf("it ended as %s, class %q, storage %d", got.DBInstanceStatus, got.DBInstanceClass, got.AllocatedStorage)
	}
}
