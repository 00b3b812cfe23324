package rds

import (
	"context"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

func (r *region) rebootInstance(_ context.Context, q query) (any, error) {
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := inst.must(available, optimizing, storageFull, "incompatible-parameters"); err != nil {
		return nil, err
	}
	failover := q.Bool("ForceFailover", false)
	if failover && !inst.MultiAZ {
		return nil, invalidCombination("Failover is not supported on DB instance %s, which is not Multi-AZ.", inst.DBInstanceIdentifier)
	}
	group, _ := r.group(inst.parameterGroup(), versions.View{})
	inst.DBInstanceStatus = rebooting
	inst.parameters = group.effective() // those of the group become those in effect
	return shown(r.start(inst, available, stage{status: rebooting, work: r.planeReboot, then: func(now *Instance) {
		*now = now.withGroup(now.parameterGroup(), inSync)
		if failover {
			now.AvailabilityZone, now.SecondaryAvailabilityZone = now.SecondaryAvailabilityZone, now.AvailabilityZone
		}
	}})), nil
}

func (r *region) startInstance(_ context.Context, q query) (any, error) {
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := inst.must(stopped, inaccessible); err != nil {
		return nil, err
	}
	if inst.StorageEncrypted {
		if _, ok := r.Keys.Usable(r.account, r.place.region, inst.KMSKeyID); !ok {
			return nil, keyNotAccessible(inst.KMSKeyID)
		}
	}
	inst.DBInstanceStatus = starting
	return shown(r.start(inst, available, stage{status: starting, work: r.planeStart})), nil
}

func (r *region) stopInstance(_ context.Context, q query) (any, error) {
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	if err := inst.must(available); err != nil {
		return nil, err
	}
	inst.DBInstanceStatus = stopping
	return shown(r.start(inst, stopped, stage{status: stopping, work: r.planeStop})), nil
}

func (r *region) deleteInstance(_ context.Context, q query) (any, error) {
	inst, err := r.get(q.Get("DBInstanceIdentifier"))
	if err != nil {
		return nil, err
	}
	skip, final := q.Bool("SkipFinalSnapshot", false), q.Lower("FinalDBSnapshotIdentifier")
	switch {
	case inst.DBInstanceStatus == deleting:
		return nil, invalidState("Instance %s is already being deleted.", inst.DBInstanceIdentifier)
	case inst.DeletionProtection:
		return nil, invalidCombination("Cannot delete protected DB Instance, please disable deletion protection and try again.")
	case skip && final != "":
		return nil, invalidCombination("FinalDBSnapshotIdentifier can not be specified when deleting with SkipFinalSnapshot.")
	case !skip && final == "":
		return nil, invalidCombination("FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.")
	}
	stages := []stage{}
	if final != "" {
		if inst.must(available, optimizing, stopped) != nil {
			return nil, invalidState("Instance %s is currently %s - a final snapshot cannot be taken.",
				inst.DBInstanceIdentifier, inst.DBInstanceStatus)
		}
		snapshot, err := r.newSnapshot(inst, final, nil)
		if err != nil {
			return nil, err
		}
		stages = append(stages, r.snapshotStage(deleting, snapshot))
	}
	inst.DBInstanceStatus = deleting
	inst.PendingModifiedValues = Pending{}
	stages = append(stages, stage{status: deleting, work: r.planeDelete, then: func(now *Instance) { now.gone = true }})
	return shown(r.start(inst, deleting, stages...)), nil
}

func (r *region) describeInstances(_ context.Context, q query) (any, error) {
	wanted, err := filters(q, "db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain")
	if err != nil {
		return nil, err
	}
	list := []Instance{}
	if name := q.Lower("DBInstanceIdentifier"); name != "" {
		inst, ok := r.find(name, q)
		if !ok {
			return nil, instanceNotFound(name)
		}
		list = append(list, inst)
	} else {
		list = r.instances.All(r.listing(q))
	}
	fitting := make([]Instance, 0, len(list))
	for _, inst := range list {
		if inst.fits(wanted) {
			inst.LatestRestorableTime = restorable(inst, r.Now())
			fitting = append(fitting, inst)
		}
	}
	page, marker, err := paginate(q, fitting, 100)
	return struct {
		Marker      string     `xml:",omitempty"`
		DBInstances []Instance `xml:"DBInstances>DBInstance"`
	}{marker, page}, err
}

// find finds one instance by name or ARN.
func (r *region) find(name string, q query) (Instance, bool) {
	if kind, short, err := r.resource(name); err == nil && kind == "db" {
		name = short
	}
	return r.instances.Get(name, q.view())
}

func (i Instance) fits(wanted map[string]map[string]bool) bool {
	for name, values := range wanted {
		fits := false
		switch name {
		case "db-instance-id":
			fits = values[i.DBInstanceIdentifier] || values[i.DBInstanceARN]
		case "dbi-resource-id":
			fits = values[i.ResourceID]
		case "engine":
			fits = values[i.Engine]
		}
		if !fits {
			return false
		}
	}
	return true
}
