// Command manager is the operator: it reads its flags, wires the controllers and runs until it is signalled
// to stop.
package main

import (
	"context"
	"crypto/tls"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/filters"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/controllers/coachplatform"
	"github.com/coachplatform/coach-operator/controllers/installation"
	"github.com/coachplatform/coach-operator/controllers/payoutaccount"
	"github.com/coachplatform/coach-operator/controllers/platformclass"
	"github.com/coachplatform/coach-operator/controllers/stripewebhook"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/config"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/step"
	"github.com/coachplatform/coach-operator/internal/step/data/dbrole"
	payoutstep "github.com/coachplatform/coach-operator/internal/step/payouts/payoutaccount"
	"github.com/coachplatform/coach-operator/internal/step/payouts/tenantdata"
	"github.com/coachplatform/coach-operator/internal/telemetry"
)

func main() {
	settings := config.Bind(flag.CommandLine, os.Getenv("POD_NAMESPACE"))
	flag.Parse()
	if err := settings.Validate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	level := slog.LevelInfo
	if settings.Debug {
		level = slog.LevelDebug
	}
	handler := slog.NewJSONHandler(os.Stderr, &slog.HandlerOptions{Level: level})
	ctrl.SetLogger(logr.FromSlogHandler(handler))
	klog.SetSlogLogger(slog.New(handler)) //nolint:logcheck // client-go's own words, which know no other logger
	ctx := ctrl.SetupSignalHandler()
	if err := run(ctx, *settings); err != nil && ctx.Err() == nil {
		ctrl.Log.Error(err, "The operator stops")
		os.Exit(1)
	}
}

func run(ctx context.Context, settings config.Config) error {
	mgr, err := newManager(settings)
	if err != nil {
		return err
	}
	live, err := client.New(mgr.GetConfig(), client.Options{Scheme: mgr.GetScheme()})
	if err != nil {
		return err
	}
	id, err := installation.ID(ctx, live, settings.Namespace, settings.Installation)
	if err != nil {
		return err
	}
	measured, err := telemetry.New(metrics.Registry)
	if err != nil {
		return err
	}
	if err := step.Check(); err != nil {
		return err
	}
	sessions, err := aws.NewSessions(ctx, aws.Options{
		Sweep: settings.Sweep(), Freshness: settings.Freshness, Lag: settings.Lag, Metrics: measured.Request,
	})
	if err != nil {
		return err
	}
	parts := step.Parts{
		Sessions: sessions, Secrets: live,
		Databases: dbrole.Options{Freshness: settings.Freshness, Clock: clock.RealClock{}},
		Stripe: payoutstep.Options{
			Stripe: stripe.New(stripe.Options{Metrics: measured.Request, Sweep: settings.StripeSweep()}),
			Clock:  clock.RealClock{}, Sweep: settings.StripeSweep(),
		},
		Objects: tenantdata.Options{Kube: mgr.GetClient(), Clock: clock.RealClock{}},
	}
	if err := wire(ctx, mgr, settings, id, parts, measured); err != nil {
		return err
	}
	if err := probes(ctx, mgr); err != nil {
		return err
	}
	return mgr.Start(ctx)
}

// newManager returns a manager whose cache holds what the operator needs and nothing that tenants
// could fill: no Secret outside its own namespace.
func newManager(settings config.Config) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := clientgoscheme.AddToScheme(scheme); err != nil {
		return nil, err
	}
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	rest, err := ctrl.GetConfig()
	if err != nil {
		return nil, err
	}
	own := labels.SelectorFromSet(labels.Set{naming.LabelManagedBy: naming.ManagedBy})
	return ctrl.NewManager(rest, ctrl.Options{
		Scheme: scheme,
		Cache: cache.Options{
			DefaultTransform: newSlimmer().transform,
			ByObject: map[client.Object]cache.ByObject{
				&corev1.Secret{}: {Namespaces: map[string]cache.Config{settings.Namespace: {LabelSelector: own}}},
			},
		},
		Metrics:                       metricsOptions(settings),
		HealthProbeBindAddress:        settings.ProbeAddress,
		LeaderElection:                settings.LeaderElection,
		LeaderElectionID:              "coach-operator.payouts.coachplatform.io",
		LeaderElectionNamespace:       settings.Namespace,
		LeaderElectionReleaseOnCancel: true,
	})
}

// metricsOptions are those of a server that serves its metrics over TLS, to those who may read them.
// HTTP/2 is off: it is of no use here, and its rapid resets (CVE-2023-44487) are not worth a thought.
func metricsOptions(settings config.Config) metricsserver.Options {
	return metricsserver.Options{
		BindAddress: settings.MetricsAddress, SecureServing: true,
		FilterProvider: filters.WithAuthenticationAndAuthorization,
		TLSOpts:        []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
	}
}

// wire registers the controllers.
func wire(
	ctx context.Context, mgr ctrl.Manager, settings config.Config, id string, parts step.Parts, measured *telemetry.Metrics,
) error {
	platforms := &coachplatform.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Steps: step.Platform(parts),
		Installation: id, InstallationGiven: settings.Installation != "", Namespace: settings.Namespace,
		Events:  mgr.GetEventRecorder("coach-operator"),
		Metrics: measured, Clock: clock.RealClock{}, Resync: settings.Resync, Workers: settings.Workers,
	}
	if err := platforms.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the platform controller: %w", err)
	}
	accounts := &payoutaccount.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Steps: step.Payout(parts.Stripe),
		Installation: id, Events: mgr.GetEventRecorder("coach-operator"), Metrics: measured, Clock: clock.RealClock{},
		Resync: settings.StripeResync, Grace: settings.Grace, Workers: settings.PayoutWorkers,
	}
	if err := accounts.SetupWithManager(ctx, mgr); err != nil {
		return fmt.Errorf("setting up the account controller: %w", err)
	}
	receiver := &stripewebhook.Receiver{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: clock.RealClock{}, Metrics: measured}
	if err := receiver.SetupWithManager(ctx, mgr, settings.ReceiverAddress, settings.ReceiverCertificates); err != nil {
		return fmt.Errorf("setting up the receiver of Stripe's events: %w", err)
	}
	classes := &platformclass.Reconciler{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Steps: step.Class(parts.Sessions), Metrics: measured,
		Installation: id, Events: mgr.GetEventRecorder("coach-operator"), Clock: clock.RealClock{}, Resync: settings.Resync,
	}
	if err := classes.SetupWithManager(mgr); err != nil {
		return fmt.Errorf("setting up the class controller: %w", err)
	}
	return nil
}

// probes registers the health probes. The informers of what the controllers read are requested here and now, so that it
// is there before the first probe says so, also in a replica that waits for its turn.
func probes(ctx context.Context, mgr ctrl.Manager) error {
	for _, kind := range []client.Object{
		&v1alpha1.CoachPlatform{}, &v1alpha1.PlatformClass{}, &v1alpha1.PayoutAccount{}, &v1alpha1.SecurityReport{},
	} {
		if _, err := mgr.GetCache().GetInformer(ctx, kind); err != nil {
			return fmt.Errorf("watching %T: %w", kind, err)
		}
	}
	if err := mgr.AddHealthzCheck("alive", healthz.Ping); err != nil {
		return err
	}
	return mgr.AddReadyzCheck("caches", synced(mgr.GetCache()))
}

// probeTimeout is how long a probe may wait; the kubelet waits for a second.
const probeTimeout = 500 * time.Millisecond

// synced is a probe that holds once the caches have read everything.
func synced(caches cache.Cache) healthz.Checker {
	return func(r *http.Request) error {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		if !caches.WaitForCacheSync(ctx) {
			return errors.New("the caches are not synced yet")
		}
		return nil
	}
}
