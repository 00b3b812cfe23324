package world

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/kms"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/wire"
)

// Sabotage breaks what a target chooses, past all protection, and returns what
// it broke.
func (w *World) Sabotage(ctx context.Context, name string, order admin.Sabotage) ([]string, error) {
	target := rds.Target{Account: order.Account, Region: order.Region, Resource: order.Resource, Tags: order.Tags}
	hit, err := w.sabotage(ctx, name, order, target)
	if err != nil {
		return nil, fmt.Errorf("sabotage %s: %w", name, err)
	}
	if len(hit) == 0 {
		return nil, wire.Errorf(http.StatusNotFound, "NothingThere", "sabotage %s: nothing matches", name)
	}
	return hit, nil
}

func (w *World) sabotage(ctx context.Context, name string, order admin.Sabotage, target rds.Target) ([]string, error) {
	switch name {
	case "open-firewall":
		return w.openFirewall(ctx, target)
	case "rotation-off":
		return w.Keys.Break(order.Account, order.Region, w.keysOf(target), order.Tags, kms.StopRotation), nil
	case "schedule-key-deletion":
		return w.Keys.Break(order.Account, order.Region, w.keysOf(target), order.Tags, w.Keys.ScheduleDeletion), nil
	case "state":
		if !slices.Contains(rds.Statuses, order.State) {
			return nil, wire.Errorf(http.StatusBadRequest, "NoSuchState", "%q is no status AWS documents", order.State)
		}
	}
	damage, known := damages(order.State)[name]
	if !known {
		return nil, wire.Errorf(http.StatusNotFound, "NoSuchSabotage", "there is no such sabotage")
	}
	return w.Databases.Break(ctx, target, damage)
}

// damages are the sabotages of instances by name.
func damages(state string) map[string]func(context.Context, *rds.Damage) error {
	simple := func(damage func(*rds.Damage)) func(context.Context, *rds.Damage) error {
		return func(_ context.Context, d *rds.Damage) error {
			damage(d)
			return nil
		}
	}
	return map[string]func(context.Context, *rds.Damage) error{
		"public-access":    simple((*rds.Damage).MakePublic),
		"backup-off":       simple((*rds.Damage).DropBackups),
		"unprotect":        simple((*rds.Damage).Unprotect),
		"state":            simple(func(d *rds.Damage) { d.Force(state) }),
		"force-ssl-off":    func(ctx context.Context, d *rds.Damage) error { return d.AllowPlaintext(ctx) },
		"superuser-master": func(ctx context.Context, d *rds.Damage) error { return d.Promote(ctx) },
		"delete-database":  func(ctx context.Context, d *rds.Damage) error { return d.Delete(ctx) },
		"replace-database": func(ctx context.Context, d *rds.Damage) error { return d.Replace(ctx) },
	}
}

// keysOf is the keys of the instances a target chooses, or the key it names.
func (w *World) keysOf(target rds.Target) []string {
	var keys []string
	for _, inst := range w.Databases.Matching(target) {
		if inst.KeyARN != "" {
			keys = append(keys, inst.KeyARN)
		}
	}
	if key, ok := w.Keys.Find(target.Account, target.Region, target.Resource); ok && target.Resource != "" {
		keys = append(keys, key.ARN)
	}
	if keys == nil && target.Resource != "" {
		keys = []string{target.Resource} // matches nothing
	}
	return keys
}

// openFirewall admits 0.0.0.0/0 at the database port of the chosen instances.
func (w *World) openFirewall(ctx context.Context, target rds.Target) ([]string, error) {
	var opened []string
	for _, inst := range w.Databases.Matching(target) {
		if len(inst.SecurityGroups) == 0 {
			continue
		}
		group, port := inst.SecurityGroups[0], strconv.Itoa(inst.Port)
		_, err := w.Networks.As(target.Account, target.Region).Call(ctx, "AuthorizeSecurityGroupIngress", "GroupId", group,
			"IpPermissions.1.IpProtocol", "tcp", "IpPermissions.1.FromPort", port, "IpPermissions.1.ToPort", port,
			"IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0")
		if err != nil {
			return opened, err
		}
		opened = append(opened, group)
	}
	return opened, nil
}

// Maintain lets what waits for an instance's maintenance window begin.
func (w *World) Maintain(ctx context.Context, account, region, instance string) (bool, error) {
	return w.Databases.ApplyPending(ctx, account, region, instance)
}

// Statuses is what an instance's status was, oldest first.
func (w *World) Statuses(account, region, instance string) []string {
	return w.Databases.Statuses(account, region, instance)
}
