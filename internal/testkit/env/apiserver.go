package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// AssetsVariable names the directory with etcd, kube-apiserver and kubectl. Unset, it is where
// hack/cluster/build puts them.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// clusterStopTime is how long the API server may take to end: it lets requests come to their end.
const clusterStopTime = 2 * time.Minute

// Cluster is a real API server with etcd and our kinds, and without any controller.
type Cluster struct {
	// Config is the administrator's.
	Config *rest.Config
	// Client is the administrator's; it caches nothing.
	Client client.Client

	environment *envtest.Environment
	// audit is where the API server logs writes; "" when it does not.
	audit string
}

// APIServer returns an API server that is ready; the tests of a package share it under Main.
func APIServer(t testing.TB) *Cluster {
	t.Helper()
	return obtain(t, "API server", func() (*Cluster, error) { return startCluster(context.WithoutCancel(t.Context()), nil) })
}

// Scheme knows Kubernetes' own kinds and ours.
func Scheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	return scheme, errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme))
}

// startCluster starts an API server with further arguments.
func startCluster(ctx context.Context, arguments map[string]string) (*Cluster, error) {
	assets, err := assetsDir(ctx)
	if err != nil {
		return nil, err
	}
	crds, err := CRDs()
	if err != nil {
		return nil, err
	}
	scheme, err := Scheme()
	if err != nil {
		return nil, fmt.Errorf("building the scheme: %w", err)
	}
	c := &Cluster{environment: &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{crds},
		ErrorIfCRDPathMissing: true,
		Scheme:                scheme,
		// A machine that compiles meanwhile is slow to start an API server.
		ControlPlaneStartTimeout: readyTime,
		ControlPlaneStopTimeout:  clusterStopTime,
	}}
	for name, value := range arguments {
		c.environment.ControlPlane.GetAPIServer().Configure().Set(name, value)
	}
	if c.Config, err = c.environment.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the API server: %w", err), c.environment.Stop())
	}
	c.Config.QPS, c.Config.Burst = 1000, 1000 // tests wait for answers, not for the client's own limit
	if c.Client, err = client.New(c.Config, client.Options{Scheme: scheme}); err != nil {
		return nil, errors.Join(fmt.Errorf("creating a client: %w", err), c.environment.Stop())
	}
	return c, nil
}

// assetsDir returns a directory that holds the API server, or says how to get one.
func assetsDir(ctx context.Context) (string, error) {
	dir := os.Getenv(AssetsVariable)
	if dir == "" {
		repository, err := root()
		if err != nil {
			return "", err
		}
		if dir, err = lastLine(exec.CommandContext(ctx, filepath.Join(repository, "hack", "cluster", "bin"))); err != nil {
			return "", err
		}
	}
	for _, program := range []string{"etcd", "kube-apiserver", "kubectl"} {
		if _, err := os.Stat(filepath.Join(dir, program)); err != nil {
			return "", fmt.Errorf("no %s in %s: build it once with hack/cluster/build --assets, or let %s name a directory with one",
				program, dir, AssetsVariable)
		}
	}
	return dir, nil
}

func (c *Cluster) close() error {
	err := c.environment.Stop()
	if c.audit != "" {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(c.audit)))
	}
	return err
}
