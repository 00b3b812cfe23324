package env

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	kruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

// AssetsVariable names the directory with etcd, kube-apiserver and kubectl. Unset, it is where
// hack/cluster/build puts them.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// APIServerVariable names the kubeconfig of an API server that runs already, or is about to. Packages that say
// SharesAPIServer use it and leave it running.
const APIServerVariable = "COACH_TEST_APISERVER"

// thrift is the environment of the API server and etcd, whose heaps are small: to collect garbage a quarter as often
// saves a sixth of the API server's processor time. The limit is far from what tests need; ten thousand objects that
// are written all the time take a third of it.
const thrift = "GOGC=400 GOMEMLIMIT=3GiB"

// clusterStopTime is how long the API server may take to end: it lets requests come to their end.
const clusterStopTime = 2 * time.Minute

// Cluster is a real API server with etcd and our kinds, and without any controller.
type Cluster struct {
	// Config is the administrator's.
	Config *rest.Config
	// Client is the administrator's; it caches nothing.
	Client client.Client

	environment *envtest.Environment
	// assets is where its programs are, and dir where its processes start from.
	assets, dir string
	// ended is closed when its processes are.
	ended chan struct{}
	// audit is where the API server logs writes; "" when it does not.
	audit string
}

// APIServer returns an API server that is ready; the tests of a package share it under Main.
func APIServer(t testing.TB) *Cluster {
	t.Helper()
	return obtain(t, "API server", func() (*Cluster, error) {
		ctx := context.WithoutCancel(t.Context())
		if file := os.Getenv(APIServerVariable); file != "" && shared.apiServer {
			return attachCluster(ctx, file)
		}
		return startCluster(ctx, nil)
	})
}

// Serve starts an API server for many packages, writes the administrator's kubeconfig to the file, and stops it
// when ctx ends.
func Serve(ctx context.Context, file string) error {
	c, err := startCluster(ctx, nil)
	if err != nil {
		return err
	}
	part := file + ".part"
	if err = os.WriteFile(part, c.environment.KubeConfig, 0o600); err == nil {
		err = os.Rename(part, file)
	}
	if err == nil {
		<-ctx.Done()
	}
	return errors.Join(err, c.close())
}

// attachCluster uses the API server of a kubeconfig, as soon as there is one.
func attachCluster(ctx context.Context, file string) (*Cluster, error) {
	err := wait.PollUntilContextTimeout(ctx, poll, readyTime, true, func(context.Context) (bool, error) {
		_, err := os.Stat(file)
		return err == nil, nil
	})
	if err != nil {
		return nil, fmt.Errorf("waiting for %s, which %s names: %w", file, APIServerVariable, err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	c := &Cluster{}
	return c, c.administer(config)
}

// administer makes c the administrator's.
func (c *Cluster) administer(config *rest.Config) error {
	scheme, err := Scheme()
	if err != nil {
		return fmt.Errorf("building the scheme: %w", err)
	}
	config.QPS, config.Burst = 1000, 1000 // tests wait for answers, not for the client's own limit
	c.Config = config
	if c.Client, err = client.New(config, client.Options{Scheme: scheme}); err != nil {
		return fmt.Errorf("creating a client: %w", err)
	}
	return nil
}

// Scheme knows Kubernetes' own kinds and ours.
func Scheme() (*kruntime.Scheme, error) {
	scheme := kruntime.NewScheme()
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
	dir, err := bound(assets)
	if err != nil {
		return nil, err
	}
	environment := &envtest.Environment{
		BinaryAssetsDirectory: assets,
		CRDDirectoryPaths:     []string{crds},
		ErrorIfCRDPathMissing: true,
		// A machine that compiles meanwhile is slow to start an API server.
		ControlPlaneStartTimeout: readyTime,
		ControlPlaneStopTimeout:  clusterStopTime,
	}
	server := environment.ControlPlane.GetAPIServer()
	server.Path = filepath.Join(dir, "kube-apiserver")
	environment.ControlPlane.Etcd = &envtest.Etcd{Path: filepath.Join(dir, "etcd")}
	for name, value := range arguments {
		server.Configure().Set(name, value)
	}
	started, ended := make(chan error), make(chan struct{})
	var config *rest.Config
	go func() {
		// The kernel binds the processes' life to the thread that started them.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		var err error
		config, err = environment.Start()
		started <- err
		<-ended
	}()
	c := &Cluster{environment: environment, assets: assets, dir: dir, ended: ended}
	if err := <-started; err != nil {
		return nil, errors.Join(fmt.Errorf("starting the API server: %w", err), c.close())
	}
	if err := c.administer(config); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// bound returns a directory with an etcd and a kube-apiserver that end with the test binary, however that ends:
// one that is killed has no chance to stop them.
func bound(assets string) (string, error) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		return "", fmt.Errorf("util-linux is missing: %w", err)
	}
	dir, err := os.MkdirTemp("", "apiserver-")
	if err != nil {
		return "", fmt.Errorf("creating a directory for the API server: %w", err)
	}
	for _, name := range []string{"etcd", "kube-apiserver"} {
		script := fmt.Sprintf("#!/bin/sh\n%s exec '%s' --pdeathsig KILL '%s' \"$@\"\n", thrift, setpriv, filepath.Join(assets, name))
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			return "", errors.Join(fmt.Errorf("writing how to start %s: %w", name, err), os.RemoveAll(dir))
		}
	}
	return dir, nil
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
	if c.environment == nil {
		return nil // it was there before
	}
	err := errors.Join(c.environment.Stop(), os.RemoveAll(c.dir))
	close(c.ended)
	if c.audit != "" {
		err = errors.Join(err, os.RemoveAll(filepath.Dir(c.audit)))
	}
	return err
}
