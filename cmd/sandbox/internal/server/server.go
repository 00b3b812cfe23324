// Package server puts the sandbox together and keeps it running.
package server

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/rds"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/dns"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/moto"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/pki"
)

// Config is what a sandbox is started with; the command line documents it.
type Config struct {
	State     string
	Listen    string
	Admin     string
	DNS       string
	Stripe    string // "" for none
	Hosts     []string
	DataPlane bool
	Addresses netip.Prefix
	Pace      time.Duration
	Lag       time.Duration
	Latency   time.Duration
	Limits    bool
	Moto      string
	Postgres  string
	Log       *slog.Logger
}

const (
	// callsKept is how many calls the log remembers.
	callsKept = 200_000
	// closeTime is how long open requests may take when the sandbox ends.
	closeTime = 3 * time.Second
)

// Ready is what ready.json says.
type Ready struct {
	AWS    string `json:"aws"`
	Admin  string `json:"admin"`
	Stripe string `json:"stripe,omitempty"`
	DNS    string `json:"dns,omitempty"`
	CA     string `json:"ca"`
	PID    int    `json:"pid"`
}

// Run serves until ctx ends or something it needs does. When it returns,
// everything it started is gone.
func Run(ctx context.Context, config Config) (err error) {
	unlock, err := prepare(config.State)
	if err != nil {
		return err
	}
	defer unlock()
	ca, err := pki.Open(filepath.Join(config.State, "pki"))
	if err != nil {
		return err
	}
	certificate, err := issue(ca, config.Hosts)
	if err != nil {
		return err
	}
	plane, err := openPlane(config, ca)
	if err != nil {
		return err
	}
	var databases rds.Plane // stays nil without a plane: a nil *postgres.Plane would not
	if plane != nil {
		databases = plane
		defer func() { err = errors.Join(err, plane.Close()) }()
	}
	motoServer, err := moto.New(config.Moto, config.State, config.Log)
	if err != nil {
		return err
	}
	defer motoServer.Stop()
	s := assemble(ctx, config, motoServer, databases)
	defer s.databases.Close()
	if config.Stripe != "" {
		if s.stripe, err = assembleStripe(ctx, config, ca, s); err != nil {
			return err
		}
	}
	return serve(ctx, config, s, certificate, ca.File(), motoServer.Ended())
}

// issue creates the server certificate: for this machine's loopback names and
// the other names that clients call it by.
func issue(ca *pki.CA, hosts []string) (tls.Certificate, error) {
	names, addresses := []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			addresses = append(addresses, ip)
			continue
		}
		names = append(names, host)
	}
	return ca.Issue(names, addresses)
}

type endpoint struct {
	address     string
	handler     http.Handler
	certificate tls.Certificate
	url         *string // where to say what it listens on
	loopback    bool    // refuse to listen anywhere else
}

// serve listens, says that all is up, and waits for the end.
func serve(ctx context.Context, config Config, s sandbox, certificate tls.Certificate, ca string, motoEnded <-chan struct{}) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ready := Ready{CA: ca, PID: os.Getpid()}
	endpoints := []endpoint{
		{address: config.Listen, handler: s.aws, certificate: certificate, url: &ready.AWS},
		{address: config.Admin, handler: s.admin, certificate: certificate, url: &ready.Admin, loopback: true},
	}
	if s.stripe != nil {
		endpoints = append(endpoints, endpoint{
			address: config.Stripe, handler: s.stripe, certificate: s.stripe.certificate, url: &ready.Stripe,
		})
	}
	for _, e := range endpoints {
		listener, err := listen(ctx, e)
		if err != nil {
			return err
		}
		*e.url = "https://" + listener.Addr().String()
		server := newServer(e.handler, e.certificate, config.Log)
		defer shut(ctx, server)
		go func() { cancel(server.ServeTLS(listener, "", "")) }()
	}
	var err error
	if ready.DNS, err = serveDNS(ctx, config.DNS, s.lookup(ready.Stripe), cancel); err != nil {
		return err
	}
	if err := writeReady(config.State, ready); err != nil {
		return err
	}
	defer func() { _ = os.Remove(filepath.Join(config.State, ReadyFile)) }()
	config.Log.InfoContext(ctx, "sandbox is ready", "aws", ready.AWS, "admin", ready.Admin, "stripe", ready.Stripe,
		"dns", ready.DNS, "ca", ready.CA)
	select {
	case <-ctx.Done():
		if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
			return fmt.Errorf("serve: %w", cause)
		}
		return nil
	case <-motoEnded:
		return errors.New("moto ended by itself")
	}
}

// serveDNS answers for database endpoints and Stripe at the address, or nowhere when it is
// "". For port 0 it finds a free one.
func serveDNS(ctx context.Context, address string, lookup func(string) (netip.Addr, bool), cancel context.CancelCauseFunc) (string, error) {
	if address == "" {
		return "", nil
	}
	probe, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return "", fmt.Errorf("listen for DNS: %w", err)
	}
	address = probe.Addr().String()
	if err := probe.Close(); err != nil {
		return "", fmt.Errorf("listen for DNS: %w", err)
	}
	go func() {
		if err := dns.Serve(ctx, address, lookup); err != nil {
			cancel(fmt.Errorf("DNS: %w", err))
		}
	}()
	return address, nil
}

func listen(ctx context.Context, e endpoint) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	if address, ok := listener.Addr().(*net.TCPAddr); e.loopback && (!ok || !address.IP.IsLoopback()) {
		_ = listener.Close()
		return nil, fmt.Errorf("listen: the admin address %s is not a loopback address", e.address)
	}
	return listener, nil
}

// newServer speaks HTTP/1.1 only: a fault must be able to cut one connection
// without touching other calls.
func newServer(handler http.Handler, certificate tls.Certificate, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: 10 * time.Second,
		TLSConfig:         &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12},
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// shut ends a server, whose context has ended by then.
func shut(ctx context.Context, server *http.Server) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // held calls do not keep the sandbox alive
	}
}

// ReadyFile is written into the state directory when all is up.
const ReadyFile = "ready.json"

// writeReady puts ready.json in place whole.
func writeReady(state string, ready Ready) error {
	content, err := json.Marshal(ready)
	if err != nil {
		return fmt.Errorf("write %s: %w", ReadyFile, err)
	}
	path := filepath.Join(state, ReadyFile)
	if err := os.WriteFile(path+".new", append(content, '\n'), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", ReadyFile, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write %s: %w", ReadyFile, err)
	}
	return nil
}
