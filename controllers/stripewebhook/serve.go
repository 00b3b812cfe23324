package stripewebhook

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	headerTimeout, readTimeout, writeTimeout = 5 * time.Second, 10 * time.Second, 15 * time.Second
	idleTimeout, closeTimeout                = time.Minute, 5 * time.Second
	maxHeader                                = 16 << 10
)

// SetupWithManager serves events on every replica, whichever leads.
func (r *Receiver) SetupWithManager(ctx context.Context, mgr ctrl.Manager, address, certificates string) error {
	if err := mgr.GetFieldIndexer().IndexField(ctx, &v1alpha1.PayoutAccount{}, AccountIndex, AccountOf); err != nil {
		return fmt.Errorf("indexing accounts: %w", err)
	}
	if address == "0" {
		return nil
	}
	watcher, err := certwatcher.New(filepath.Join(certificates, "tls.crt"), filepath.Join(certificates, "tls.key"))
	if err != nil {
		return fmt.Errorf("--stripe-webhook-cert-dir: %w", err)
	}
	if err := mgr.Add(everywhere(watcher.Start)); err != nil {
		return err
	}
	server := &http.Server{
		Handler:           r.Handler(),
		Protocols:         http1(), // net/http offers HTTP/2 besides, whatever NextProtos says
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		TLSConfig: &tls.Config{
			MinVersion: tls.VersionTLS12, GetCertificate: watcher.GetCertificate, NextProtos: []string{"http/1.1"},
		},
	}
	return mgr.Add(everywhere(func(ctx context.Context) error { return serve(ctx, server, address) }))
}

// http1 are the protocols of a server without HTTP/2, whose rapid resets (CVE-2023-44487) are not worth a thought.
func http1() *http.Protocols {
	all := &http.Protocols{}
	all.SetHTTP1(true)
	return all
}

// serve listens until ctx ends.
func serve(ctx context.Context, server *http.Server, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for Stripe's events: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	err = server.Shutdown(closing)
	if served := <-ended; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// everywhere is a part of the manager that runs on every replica.
type everywhere manager.RunnableFunc

// Start implements manager.Runnable.
func (f everywhere) Start(ctx context.Context) error { return f(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (everywhere) NeedLeaderElection() bool { return false }
