package env

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Where the sandbox finds what it runs. Unset, the installers beside its sources say.
const (
	// MotoVariable names the moto_server of a Python environment.
	MotoVariable = "SANDBOX_MOTO"
	// PostgresVariable names a directory of PostgreSQL binaries, by major version.
	PostgresVariable = "SANDBOX_POSTGRES"
	// ReadyVariable names the ready.json of a sandbox that runs already. Tests that
	// need no data plane use it and leave it running.
	ReadyVariable = "SANDBOX_READY"
)

const (
	// Pace is how long one state of a database lasts in the sandbox.
	Pace = 20 * time.Millisecond
	// Lag is how far listings of the sandbox are behind writes.
	Lag = 20 * time.Millisecond
	// readyTime is how long the sandbox may take to start: its Python part imports much.
	readyTime = 3 * time.Minute
)

// Sandbox is a running sandbox: AWS and Stripe, as the operator sees them, and an admin API.
type Sandbox struct {
	// AWS is the URL that answers for every AWS service.
	AWS string
	// Admin is the URL of the admin API.
	Admin string
	// Stripe is the URL of Stripe's API, or "". Under the name server it is https://api.stripe.com too.
	Stripe string
	// DNS is the address that resolves the names of databases and of Stripe; "" if programs cannot be pointed at
	// it and there are no databases.
	DNS string
	// CA is the file with the certificate of the authority that signed all of the sandbox.
	CA string

	// ready is its ready.json.
	ready string
	// dir, program and run are those of a sandbox that the test started.
	dir, program string
	run          *process
	client       *http.Client
}

// options are what a sandbox can be started with.
type options struct{ dataPlane bool }

// Option changes how a sandbox is started.
type Option func(*options)

// WithDataPlane makes every database instance a real PostgreSQL server.
func WithDataPlane() Option { return func(o *options) { o.dataPlane = true } }

// StartSandbox returns a sandbox that is ready; the tests of a package share it under Main.
func StartSandbox(t testing.TB, opts ...Option) *Sandbox {
	t.Helper()
	var o options
	for _, set := range opts {
		set(&o)
	}
	name := "sandbox"
	if o.dataPlane {
		name = "sandbox with data plane"
	}
	return obtain(t, name, func() (*Sandbox, error) { return start(context.WithoutCancel(t.Context()), o) })
}

func start(ctx context.Context, o options) (*Sandbox, error) {
	s := &Sandbox{}
	if file := os.Getenv(ReadyVariable); file != "" && !o.dataPlane {
		return s, s.attach(file)
	}
	var err error
	if s.dir, err = os.MkdirTemp("", "sandbox-"); err != nil {
		return nil, fmt.Errorf("creating a state directory: %w", err)
	}
	if err := s.boot(ctx, o); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// boot starts the sandbox.
func (s *Sandbox) boot(ctx context.Context, o options) error {
	// PostgreSQL servers run as another user and must get through.
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return fmt.Errorf("opening the state directory: %w", err)
	}
	repository, err := root()
	if err != nil {
		return err
	}
	sources := filepath.Join(repository, "cmd", "sandbox")
	args, err := arguments(ctx, sources, s.dir, o)
	if err != nil {
		return err
	}
	s.program, err = program(ctx, "sandbox", s.dir, func(ctx context.Context, file string) *exec.Cmd {
		build := exec.CommandContext(ctx, "go", "build", "-o", file, ".")
		build.Dir = sources
		return build
	})
	if err != nil {
		return err
	}
	s.run, err = launch(exec.CommandContext(ctx, s.program, args...), filepath.Join(s.dir, "sandbox.log"))
	if err != nil {
		return err
	}
	return s.awaitReady()
}

// arguments are the flags of the sandbox.
func arguments(ctx context.Context, sources, dir string, o options) ([]string, error) {
	moto, err := installed(ctx, MotoVariable, filepath.Join(sources, "moto", "install"))
	if err != nil {
		return nil, err
	}
	args := []string{
		"serve", "--state", dir, "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--moto", moto,
		"--pace", Pace.String(), "--lag", Lag.String(), "--stripe", stripeAddress(),
	}
	if !o.dataPlane {
		return append(args, "--dns", stripeDNS(), "--data-plane=false"), nil
	}
	postgres, err := installed(ctx, PostgresVariable, filepath.Join(sources, "postgres", "install"))
	if err != nil {
		return nil, err
	}
	return append(args, "--dns", dnsAddress(), "--postgres", postgres), nil
}

// installed returns the value of the environment variable, or what the installer prints last.
func installed(ctx context.Context, variable, installer string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return path, nil
	}
	path, err := lastLine(exec.CommandContext(ctx, installer))
	if err != nil {
		return "", fmt.Errorf("%w (or set %s)", err, variable)
	}
	return path, nil
}

// awaitReady reads where the sandbox listens, once it does.
func (s *Sandbox) awaitReady() error {
	file := filepath.Join(s.dir, "ready.json")
	err := s.run.await(readyTime, func() bool {
		_, err := os.Stat(file)
		return err == nil
	})
	if err != nil {
		return err
	}
	return s.attach(file)
}

// attach makes s the sandbox that wrote the ready.json.
func (s *Sandbox) attach(file string) error {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return fmt.Errorf("finding the sandbox: %w", err)
	}
	ready := struct{ AWS, Admin, Stripe, DNS, CA string }{}
	if err := json.Unmarshal(text, &ready); err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	s.ready, s.AWS, s.Admin, s.DNS, s.CA = file, ready.AWS, ready.Admin, ready.DNS, ready.CA
	s.Stripe = ready.Stripe
	pem, err := os.ReadFile(s.CA)
	if err != nil {
		return fmt.Errorf("reading the sandbox's CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return fmt.Errorf("reading the sandbox's CA: %s holds no certificate", s.CA)
	}
	s.client = &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
	}}
	return nil
}

// Ready is the file that lets other processes use the sandbox: the value of ReadyVariable.
func (s *Sandbox) Ready() string { return s.ready }

func (s *Sandbox) close() error {
	if s.dir == "" {
		return nil // it was there before
	}
	var err error
	if s.run != nil {
		err = s.run.stop()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
