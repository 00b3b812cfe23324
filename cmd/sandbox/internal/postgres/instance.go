package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/jackc/pgx/v5"
)

// Spec is what a server is created from.
type Spec struct {
	// ID names the instance within the plane, for good; Host may change.
	ID string
	// Host is the endpoint's name: the only name in the server's certificate.
	Host string
	// Major is the major version, such as "16".
	Major string
	// Port is the TCP port on the instance's own address.
	Port int
	// MasterUser and MasterPassword are the login that RDS calls master.
	// Restore ignores the user and keeps the password when this one is empty.
	MasterUser, MasterPassword string
	// Database is created, owned by the master; empty for none.
	Database string
	Settings Settings
}

// instance is one server and all that belongs to it. Its mutex is held
// throughout every operation.
type instance struct {
	dir     string // holds data and tls
	log     string
	address netip.Addr // written once, under the plane's mutex

	mu      sync.Mutex
	spec    Spec // without the password, which only PostgreSQL keeps
	server  *server
	watcher func() // ends the watch over IAM members
	gone    bool
}

// Create creates a server and returns its address once the master can log in.
// Nothing stays behind when it fails.
func (p *Plane) Create(ctx context.Context, spec Spec) (netip.Addr, error) {
	address, err := p.build(ctx, spec, func(i *instance) error {
		template, err := p.template(ctx, spec.Major)
		if err != nil {
			return err
		}
		if err := p.account.copyTree(ctx, template, i.data(), nothing); err != nil {
			return err
		}
		if err := p.start(ctx, i); err != nil {
			return err
		}
		return i.provision(ctx, spec.MasterPassword)
	})
	if err != nil {
		return netip.Addr{}, fmt.Errorf("create instance %s: %w", spec.ID, err)
	}
	return address, nil
}

// build reserves what an instance needs, fills it, and undoes all on failure.
func (p *Plane) build(ctx context.Context, spec Spec, fill func(*instance) error) (netip.Addr, error) {
	if err := p.check(spec); err != nil {
		return netip.Addr{}, err
	}
	i := &instance{
		dir:  filepath.Join(p.root, instanceDir, spec.ID),
		log:  filepath.Join(p.config.Dir, logDir, spec.ID+".log"),
		spec: spec,
	}
	i.spec.MasterPassword = ""
	i.mu.Lock()
	defer i.mu.Unlock()
	if err := p.reserve(i); err != nil {
		return netip.Addr{}, err
	}
	err := p.assign(i)
	if err == nil {
		err = fill(i)
	}
	if err != nil {
		return netip.Addr{}, errors.Join(err, p.discard(i))
	}
	p.config.Log.InfoContext(ctx, "database server is up", "id", spec.ID, "major", spec.Major, "address", i.address)
	return i.address, nil
}

func (p *Plane) check(spec Spec) error {
	switch {
	case !slices.Contains(p.Majors(), spec.Major):
		return fmt.Errorf("PostgreSQL %q: %w", spec.Major, ErrMajor)
	case spec.Host == "":
		return errors.New("host is empty")
	case spec.Port < 1 || spec.Port > 65535:
		return fmt.Errorf("port %d is out of range", spec.Port)
	}
	return spec.Settings.check()
}

// assign creates the instance's directory and gives it an address.
func (p *Plane) assign(i *instance) error {
	if err := makeDirs(i.dir, 0o711); err != nil {
		return err
	}
	address, err := p.pool.take(i.spec.ID, i.spec.Port)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i.address = address
	return nil
}

// Configure changes settings while the server runs. What PostgreSQL reads only
// at its start takes effect at the next Reboot, as on RDS. On return, new
// connections meet the new settings. A stopped server meets them at its start.
func (p *Plane) Configure(ctx context.Context, id string, settings Settings) error {
	return p.with(id, "configure", func(i *instance) error {
		if err := settings.check(); err != nil {
			return err
		}
		i.spec.Settings = settings
		if !i.running() {
			return nil
		}
		if err := p.writeConfig(i); err != nil {
			return err
		}
		return i.reload(ctx)
	})
}

// Move gives the server another name, in its certificate, or another port. It
// restarts a running server.
func (p *Plane) Move(ctx context.Context, id, host string, port int) error {
	return p.with(id, "move", func(i *instance) error {
		moved := i.spec
		moved.Host, moved.Port = host, port
		if err := p.check(moved); err != nil {
			return err
		}
		i.spec = moved
		if !i.running() {
			return nil
		}
		return p.restart(ctx, i)
	})
}

// SetMasterPassword changes the master's password. Sessions stay.
func (p *Plane) SetMasterPassword(ctx context.Context, id, password string) error {
	return p.with(id, "set password of", func(i *instance) error {
		return i.setPassword(ctx, password)
	})
}

// Promote makes the master a superuser, which RDS never does.
func (p *Plane) Promote(ctx context.Context, id string) error {
	return p.with(id, "promote the master of", func(i *instance) error {
		return i.run(ctx, "postgres", "ALTER ROLE "+pgx.Identifier{i.spec.MasterUser}.Sanitize()+" SUPERUSER")
	})
}

// Reboot restarts the server; every session ends.
func (p *Plane) Reboot(ctx context.Context, id string) error {
	return p.with(id, "reboot", func(i *instance) error {
		if !i.running() {
			return ErrStopped
		}
		return p.restart(ctx, i)
	})
}

// Stop ends the server and keeps its data and its address. Stopping what is
// stopped does nothing.
func (p *Plane) Stop(_ context.Context, id string) error {
	return p.with(id, "stop", func(i *instance) error { return i.stop() })
}

// Start starts a stopped server. Starting what runs does nothing.
func (p *Plane) Start(ctx context.Context, id string) error {
	return p.with(id, "start", func(i *instance) error {
		if i.running() {
			return nil
		}
		return p.restart(ctx, i)
	})
}

// Delete ends the server, removes its data and frees its address.
func (p *Plane) Delete(_ context.Context, id string) error {
	return p.with(id, "delete", p.discard)
}

// remove is Delete for a plane that closes.
func (p *Plane) remove(i *instance) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.gone {
		return nil
	}
	return p.discard(i)
}

// discard undoes all that an instance has. It goes on after a failure, so that
// as little as possible stays behind.
func (p *Plane) discard(i *instance) error {
	err := i.stop()
	if i.address.IsValid() {
		err = errors.Join(err, p.pool.give(i.address))
	}
	err = errors.Join(err, os.RemoveAll(i.dir))
	p.mu.Lock()
	defer p.mu.Unlock()
	i.gone = true
	delete(p.instances, i.spec.ID)
	return err
}

func (i *instance) data() string { return filepath.Join(i.dir, "data") }
func (i *instance) tls() string  { return filepath.Join(i.dir, "tls") }
