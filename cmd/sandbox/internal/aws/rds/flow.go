package rds

import (
	"context"
	"errors"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// The statuses the sandbox brings about itself; sabotage may force any other.
const (
	available      = "available"
	backingUp      = "backing-up"
	creating       = "creating"
	deleting       = "deleting"
	failed         = "failed"
	inaccessible   = "inaccessible-encryption-credentials-recoverable"
	modifying      = "modifying"
	rebooting      = "rebooting"
	renaming       = "renaming"
	starting       = "starting"
	stopped        = "stopped"
	stopping       = "stopping"
	storageFull    = "storage-full"
	optimizing     = "storage-optimization"
	upgrading      = "upgrading"
	configuringIAM = "configuring-iam-database-auth"
	configuringLog = "configuring-log-exports"
	resetting      = "resetting-master-credentials"
)

// stage is one step of a background change. An instance shows its status while
// the work is done and for at least the pace; then the change takes effect.
type stage struct {
	status string // "" leaves the status as it is
	work   func(ctx context.Context, now Instance) error
	then   func(*Instance)
	// brief makes the stage last a fifth of the pace: AWS answers a call with the
	// old state and gets to work a moment later.
	brief bool
	// open lets new changes in while the stage still lasts.
	open bool
}

// start runs stages for an instance in the background, at whose end it shows the
// final status. A change started earlier for the same instance stops at its next
// stage. The caller holds mu; what it changed in inst is put here.
func (r *region) start(inst Instance, final string, stages ...stage) Instance {
	inst.turn++
	inst.busy = true
	r.instances.Put(inst.DBInstanceIdentifier, inst, versions.Write)
	r.background(func(ctx context.Context) {
		name := inst.DBInstanceIdentifier
		for _, s := range stages {
			var ok bool
			if name, ok = r.run(ctx, name, inst, s); !ok {
				return
			}
		}
		if final == available {
			r.ensureLogGroups(name, inst)
		}
		r.change(name, inst, func(now *Instance) { now.DBInstanceStatus, now.busy = final, false })
	})
	return inst
}

// ensureLogGroups creates what an instance's log exports are written to, if the change
// that it was started for still is the last one.
func (r *region) ensureLogGroups(name string, mine Instance) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, ok := r.instances.Get(name, versions.View{})
	if !ok || r.closed || now.ResourceID != mine.ResourceID || now.turn != mine.turn {
		return
	}
	for _, export := range now.EnabledCloudwatchLogsExports {
		r.Logs.Ensure(r.account, r.place.region, "/aws/rds/instance/"+name+"/"+export)
	}
}

// background runs work that ends with the service.
func (s *Service) background(work func(context.Context)) {
	s.work.Go(func() { work(s.ctx) })
}

// run takes an instance through one stage and returns the name it then has; ok
// is false when it is gone, overtaken by a later change, or the work failed.
func (r *region) run(ctx context.Context, name string, mine Instance, s stage) (newName string, ok bool) {
	now, ok := r.change(name, mine, func(now *Instance) {
		if s.status != "" {
			now.DBInstanceStatus = s.status
		}
		now.busy = !s.open
	})
	if !ok {
		return "", false
	}
	if err := r.spend(ctx, s, now); err != nil {
		r.fail(ctx, now, err)
		return "", false
	}
	now, ok = r.change(name, mine, func(now *Instance) {
		if s.then != nil {
			s.then(now)
		}
	})
	return now.DBInstanceIdentifier, ok
}

// spend does a stage's work and waits until its time is over.
func (r *region) spend(ctx context.Context, s stage, now Instance) error {
	pace := r.pace()
	if s.brief {
		pace /= 5
	}
	over := time.After(pace)
	if s.work != nil && now.real {
		if err := r.onPlane(ctx, now, s.work); err != nil {
			return err
		}
	}
	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// errOvertaken says that a later change, or the end of the account, came first.
var errOvertaken = errors.New("overtaken by a later change")

// onPlane changes an instance's server under its lock, unless
// its turn has passed meanwhile.
func (r *region) onPlane(ctx context.Context, mine Instance, work func(context.Context, Instance) error) error {
	mine.plane.Lock()
	defer mine.plane.Unlock()
	now, ok := r.instances.Get(mine.DBInstanceIdentifier, versions.View{})
	if !ok || now.ResourceID != mine.ResourceID || now.turn != mine.turn || r.isClosed() {
		return errOvertaken
	}
	return work(ctx, mine)
}

func (r *region) isClosed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.closed
}

// change edits an instance if it still is the one the change was started for and
// no later change was. It may come out under a new name, or gone.
func (r *region) change(name string, mine Instance, edit func(*Instance)) (Instance, bool) {
	return r.edit(name, mine.ResourceID, func(now *Instance) bool {
		if now.turn != mine.turn {
			return false
		}
		edit(now)
		return true
	})
}

// edit changes an instance by name if it still has the given resource ID and the
// edit says so. It must not be called with mu held.
func (r *region) edit(name, resourceID string, edit func(*Instance) bool) (Instance, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, ok := r.instances.Get(name, versions.View{})
	if !ok || r.closed || now.ResourceID != resourceID || !edit(&now) {
		return Instance{}, false
	}
	if now.gone || now.DBInstanceIdentifier != name {
		r.instances.Remove(name, versions.Event)
	}
	if now.gone {
		return now, false
	}
	r.instances.Put(now.DBInstanceIdentifier, now, versions.Event)
	return now, true
}

// later does work to an instance's server, if any is to be done, and edits the
// instance, after the pace and whatever else happens to it meanwhile.
func (r *region) later(inst Instance, work func(context.Context, Instance) error, edit func(*Instance) bool) {
	r.background(func(ctx context.Context) {
		if err := r.spend(ctx, stage{}, inst); err != nil {
			return
		}
		if work != nil && inst.real {
			if err := r.withNewest(ctx, inst, work); err != nil {
				r.fail(ctx, inst, err)
				return
			}
		}
		r.edit(inst.DBInstanceIdentifier, inst.ResourceID, edit)
	})
}

// withNewest does work to the server of an instance as it is by then: of two
// changes that overlap, both bring about the newer values.
func (r *region) withNewest(ctx context.Context, inst Instance, work func(context.Context, Instance) error) error {
	inst.plane.Lock()
	defer inst.plane.Unlock()
	now, ok := r.instances.Get(inst.DBInstanceIdentifier, versions.View{})
	if !ok || now.ResourceID != inst.ResourceID || now.DBInstanceStatus == deleting || r.isClosed() {
		return nil
	}
	return work(ctx, now)
}

// fail is how a change ends whose work the data plane could not do.
func (r *region) fail(ctx context.Context, inst Instance, err error) {
	if ctx.Err() != nil || errors.Is(err, errOvertaken) {
		return
	}
	r.Log.ErrorContext(ctx, "database work failed", "account", r.account, "instance", inst.DBInstanceIdentifier,
		"status", inst.DBInstanceStatus, "error", err)
	r.change(inst.DBInstanceIdentifier, inst, func(now *Instance) { now.DBInstanceStatus, now.busy = failed, false })
}
