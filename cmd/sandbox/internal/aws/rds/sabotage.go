package rds

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
)

// Statuses is every status AWS documents for a DB instance.
var Statuses = []string{
	available, backingUp, "configuring-enhanced-monitoring", configuringIAM, configuringLog, "converting-to-vpc", creating,
	"delete-precheck", deleting, failed, "inaccessible-encryption-credentials", inaccessible, "incompatible-create",
	"incompatible-network", "incompatible-option-group", "incompatible-parameters", "incompatible-restore",
	"insufficient-capacity", "maintenance", modifying, "moving-to-vpc", rebooting, resetting, renaming, "restore-error",
	starting, stopped, stopping, "storage-config-upgrade", storageFull, "storage-initialization", optimizing, upgrading,
}

// Target chooses instances: by name, ARN or resource ID, or by tags.
type Target struct {
	Account, Region string
	Resource        string
	Tags            map[string]string
}

// Matching is the instances a target chooses.
func (s *Service) Matching(target Target) []InstanceEntry {
	var found []InstanceEntry
	for _, inst := range s.region(target.Account, target.Region).chosen(target) {
		found = append(found, inst.entry())
	}
	return found
}

func (r *region) chosen(target Target) []Instance {
	return slices.DeleteFunc(r.instances.All(versions.View{}), func(i Instance) bool {
		names := []string{i.DBInstanceIdentifier, i.DBInstanceARN, i.ResourceID}
		if target.Resource != "" {
			return !slices.Contains(names, target.Resource)
		}
		tags := tagMap(i.TagList)
		for key, value := range target.Tags {
			if got, ok := tags[key]; !ok || got != value {
				return true
			}
		}
		return len(target.Tags) == 0
	})
}

// Break changes the chosen instances without a request, past all protection,
// and returns the names of those it was done to.
func (s *Service) Break(ctx context.Context, target Target, damage func(ctx context.Context, d *Damage) error) ([]string, error) {
	r := s.region(target.Account, target.Region)
	r.mu.Lock()
	chosen := r.chosen(target)
	r.mu.Unlock()
	names := []string{}
	for _, inst := range chosen {
		if err := damage(ctx, &Damage{region: r, inst: inst}); err != nil {
			return names, err
		}
		names = append(names, inst.DBInstanceIdentifier)
	}
	return names, nil
}

// Damage is one instance being broken.
type Damage struct {
	region *region
	inst   Instance
}

// edit changes the instance as it is by now.
func (d *Damage) edit(change func(*Instance)) {
	d.region.edit(d.inst.DBInstanceIdentifier, d.inst.ResourceID, func(now *Instance) bool {
		change(now)
		return true
	})
}

// MakePublic makes the instance publicly accessible.
func (d *Damage) MakePublic() { d.edit(func(now *Instance) { now.PubliclyAccessible = true }) }

// DropBackups ends automated backups.
func (d *Damage) DropBackups() {
	d.edit(func(now *Instance) { now.BackupRetentionPeriod, now.LatestRestorableTime = 0, "" })
}

// Unprotect turns deletion protection off.
func (d *Damage) Unprotect() { d.edit(func(now *Instance) { now.DeletionProtection = false }) }

// Force makes the instance show a status until something else changes it; what is
// under way for it stops.
func (d *Damage) Force(status string) {
	d.edit(func(now *Instance) {
		now.turn++
		now.DBInstanceStatus, now.busy = status, false
	})
}

// AllowPlaintext sets rds.force_ssl to 0 in the instance's parameter group, in
// effect at once. In a default group it is in effect without being shown there.
func (d *Damage) AllowPlaintext(ctx context.Context) error {
	r := d.region
	r.mu.Lock()
	if group, ok := r.groups.Get(d.inst.parameterGroup(), versions.View{}); ok {
		r.groups.Put(group.DBParameterGroupName, group.with("rds.force_ssl", parameterValue{"0", immediately}), versions.Write)
	}
	r.mu.Unlock()
	d.edit(func(now *Instance) {
		now.parameters = maps.Clone(now.parameters)
		if now.parameters == nil {
			now.parameters = map[string]string{}
		}
		now.parameters["rds.force_ssl"] = "0"
		*now = now.withGroup(now.parameterGroup(), inSync)
	})
	if !d.inst.real {
		return nil
	}
	return r.withNewest(ctx, d.inst, r.planeConfigure)
}

// Promote makes the master of the database a superuser. AWS shows nothing of it.
func (d *Damage) Promote(ctx context.Context) error {
	if !d.inst.real {
		return nil
	}
	return d.region.withNewest(ctx, d.inst, d.region.planePromote)
}

// Delete makes the instance vanish, without a snapshot.
func (d *Damage) Delete(ctx context.Context) error {
	d.edit(func(now *Instance) { now.gone = true })
	if !d.inst.real {
		return nil
	}
	return d.region.remove(ctx, d.inst)
}

// Replace puts an empty instance of the same name in its place, with another
// resource ID and an unknown master password.
func (d *Damage) Replace(ctx context.Context) error {
	if err := d.Delete(ctx); err != nil {
		return err
	}
	r, inst := d.region, d.inst
	inst.ResourceID, inst.password, inst.turn = newResourceID(), rand.Text(), 0
	inst.Endpoint, inst.InstanceCreateTime, inst.LatestRestorableTime = nil, "", ""
	inst.PendingModifiedValues, inst.DBInstanceStatus = Pending{}, creating
	r.mu.Lock()
	defer r.mu.Unlock()
	r.launch(inst, r.planeCreate)
	return nil
}
