package rds

import (
	"context"
	"errors"
	"net/netip"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/versions"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/postgres"
)

// planeID names an instance's server: resource IDs are unique over all accounts.
func planeID(inst Instance) string { return strings.ToLower(inst.ResourceID) }

// planeSnapshot names a snapshot's data.
func planeSnapshot(snapshot Snapshot) string {
	return strings.ToLower(snapshot.ResourceID) + "-" + strings.ReplaceAll(snapshot.DBSnapshotIdentifier, ":", "-")
}

// major is the first part of an engine version.
func major(version string) string {
	first, _, _ := strings.Cut(version, ".")
	return first
}

// settings are the values in effect as the data plane takes them.
func settings(inst Instance) postgres.Settings {
	value := func(name string) string {
		if set, ok := inst.parameters[name]; ok {
			return set
		}
		known, _ := find(name, major(inst.EngineVersion))
		return known.usual
	}
	parameters := map[string]string{}
	for name, set := range inst.parameters {
		if !strings.HasPrefix(name, "rds.") {
			parameters[name] = set
		}
	}
	return postgres.Settings{
		ForceSSL: value("rds.force_ssl") == "1", MinTLS: value("ssl_min_protocol_version"), Parameters: parameters,
	}
}

func (*region) spec(inst Instance) postgres.Spec {
	return postgres.Spec{
		ID: planeID(inst), Host: inst.endpoint().Address, Major: major(inst.EngineVersion), Port: inst.port,
		MasterUser: inst.MasterUsername, MasterPassword: inst.password, Database: inst.DBName, Settings: settings(inst),
	}
}

func (r *region) planeCreate(ctx context.Context, now Instance) error {
	_, err := r.Plane.Create(ctx, r.spec(now))
	return err
}

// planeConfigure brings the values in effect to the server. A server that is not
// running takes them when it starts.
func (r *region) planeConfigure(ctx context.Context, now Instance) error {
	err := r.Plane.Configure(ctx, planeID(now), settings(now))
	if errors.Is(err, postgres.ErrStopped) {
		return nil
	}
	return err
}

// planeReboot restarts the server with the values now in effect.
func (r *region) planeReboot(ctx context.Context, now Instance) error {
	if err := r.planeConfigure(ctx, now); err != nil {
		return err
	}
	return r.Plane.Reboot(ctx, planeID(now))
}

func (r *region) planePassword(ctx context.Context, now Instance) error {
	return r.Plane.SetMasterPassword(ctx, planeID(now), now.password)
}

func (r *region) planePromote(ctx context.Context, now Instance) error {
	return r.Plane.Promote(ctx, planeID(now))
}

func (r *region) planeMove(ctx context.Context, now Instance) error {
	return r.Plane.Move(ctx, planeID(now), now.endpoint().Address, now.port)
}

func (r *region) planeStart(ctx context.Context, now Instance) error {
	if err := r.Plane.Start(ctx, planeID(now)); err != nil {
		return err
	}
	return r.planeConfigure(ctx, now)
}

func (r *region) planeStop(ctx context.Context, now Instance) error {
	return r.Plane.Stop(ctx, planeID(now))
}

// planeDelete deletes the server, if there ever was one.
func (r *region) planeDelete(ctx context.Context, now Instance) error {
	if _, exists := r.Plane.Address(planeID(now)); !exists {
		return nil
	}
	return r.Plane.Delete(ctx, planeID(now))
}

// Lookup resolves the endpoint name of a real instance.
func (s *Service) Lookup(host string) (netip.Addr, bool) {
	name, _, _ := strings.Cut(host, ".")
	s.mu.Lock()
	regions := make([]*region, 0, len(s.regions))
	for _, r := range s.regions {
		regions = append(regions, r)
	}
	s.mu.Unlock()
	for _, r := range regions {
		inst, ok := r.instances.Get(strings.ToLower(name), versions.View{})
		if ok && inst.real && strings.EqualFold(inst.endpoint().Address, strings.TrimSuffix(host, ".")) {
			return s.Plane.Address(planeID(inst))
		}
	}
	return netip.Addr{}, false
}
