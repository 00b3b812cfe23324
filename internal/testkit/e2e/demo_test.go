//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
)

const (
	system    = "coach-system"
	account   = "111122223333"
	region    = "eu-central-1"
	soon      = 2 * time.Minute
	oneResync = 90 * time.Second
)

// demo is the running demonstration.
type demo struct {
	client.Client
	config *rest.Config
	dir    string
}

func TestMain(m *testing.M) {
	logf.SetLogger(logr.Discard()) // the tests say themselves what is wrong
	os.Exit(m.Run())
}

func running(t *testing.T) demo {
	t.Helper()
	dir, err := filepath.Abs("../../../.demo")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(dir, "kubeconfig"))
	if err != nil {
		t.Fatalf("no demonstration is running: make e2e starts one: %v", err)
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return demo{Client: c, config: config, dir: dir}
}

// platform reads one platform.
func (d demo) platform(t *testing.T, namespace, name string) *v1alpha1.CoachPlatform {
	t.Helper()
	var p v1alpha1.CoachPlatform
	if err := d.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, &p); err != nil {
		t.Fatal(err)
	}
	return &p
}

// host returns the address of a database's endpoint, from .demo/hosts.
func (d demo) host(t *testing.T, endpoint string) string {
	t.Helper()
	file, err := os.Open(filepath.Join(d.dir, "hosts"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was only read
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && fields[1] == endpoint {
			return fields[0]
		}
	}
	t.Fatalf(".demo/hosts does not name %s", endpoint)
	return ""
}

// state is the directory of the running sandbox.
func (d demo) state(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// sandbox runs a command of the sandbox's command line.
func (d demo) sandbox(t *testing.T, command string, args ...string) []byte {
	t.Helper()
	args = append([]string{command, "--state", d.state(t), "--account", account, "--region", region}, args...)
	return d.run(t, filepath.Join(d.dir, "bin", "sandbox"), args...)
}

func (d demo) run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	var failures bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &failures
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(args, " "), err, failures.String())
	}
	return out
}

// eventually polls until check is content, and fails with its last complaint.
func eventually(t *testing.T, limit time.Duration, check func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		complaint := check()
		if complaint == "" {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("still after %s: %s", limit, complaint)
		case <-tick.C:
		}
	}
}
