package acceptance

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/cli"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/server"
)

// process is a sandbox of its own, as a user starts it.
type process struct {
	t       *testing.T
	command *exec.Cmd
	state   string
	log     *bytes.Buffer
	ended   chan error
	server.Ready
}

func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "sandbox")
	command := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../..")
	command.Env = append(os.Environ(), "CGO_ENABLED=0") // the race detector's kind of build is another one
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, output)
	}
	return binary
}

func start(t *testing.T, binary, state string) *process {
	t.Helper()
	p := &process{t: t, state: state, log: &bytes.Buffer{}, ended: make(chan error, 1)}
	p.command = exec.Command(binary, "serve", "-state", state, "-listen", "127.0.0.1:0", "-admin", "127.0.0.1:0",
		"-dns", "", "-data-plane=false", "-moto", running.moto, "-host", "sandbox.example", "-host", "192.0.2.1")
	p.command.Stderr = p.log
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.command.Wait() }()
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	return p
}

func (p *process) await() {
	p.t.Helper()
	deadline := time.After(time.Minute)
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-p.ended:
			p.t.Fatalf("it ended before it was ready: %v\n%s", err, p.log)
		case <-deadline:
			p.t.Fatalf("not ready in a minute")
		case <-ticker.C:
		}
		content, err := os.ReadFile(filepath.Join(p.state, server.ReadyFile))
		if err == nil {
			if err := json.Unmarshal(content, &p.Ready); err != nil {
				p.t.Fatal(err)
			}
			return
		}
	}
}

// children are the processes a process started.
func children(t *testing.T, pid int) []int {
	t.Helper()
	tasks, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/children")
	if err != nil || tasks == nil {
		t.Fatalf("children of %d: %v", pid, err)
	}
	var all []int
	for _, task := range tasks {
		content, err := os.ReadFile(task)
		if err != nil {
			t.Fatal(err)
		}
		for field := range strings.FieldsSeq(string(content)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, child)
		}
	}
	return all
}

// callIAM makes the process start moto.
func (p *process) callIAM() {
	p.t.Helper()
	authority, err := os.ReadFile(p.CA)
	if err != nil {
		p.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	config := configFor(credentials.NewStaticCredentialsProvider("111122223333", "secret", ""))
	config.BaseEndpoint = aws.String(p.AWS)
	config.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}}
	_, err = iam.NewFromConfig(config).ListRoles(p.t.Context(), &iam.ListRolesInput{})
	wantCode(p.t, err, "")
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

func TestTheProcessEndsWithAllItStarted(t *testing.T) {
	t.Parallel()
	binary := build(t)
	for name, signal := range map[string]os.Signal{"terminated": syscall.SIGTERM, "killed": syscall.SIGKILL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, binary, t.TempDir())
			p.await()
			if p.PID != p.command.Process.Pid {
				t.Errorf("ready.json names process %d, it is %d", p.PID, p.command.Process.Pid)
			}
			if early := children(t, p.PID); len(early) != 0 {
				t.Errorf("it runs %d processes before IAM is called, want none", len(early))
			}
			p.callIAM()
			started := children(t, p.PID)
			if len(started) != 1 {
				t.Fatalf("it runs %d processes, want moto alone", len(started))
			}
			if err := p.command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			err := <-p.ended
			if signal == syscall.SIGTERM && err != nil {
				t.Errorf("it ended with %v\n%s", err, p.log)
			}
			eventually(t, "moto is gone", func() bool { return !alive(started[0]) })
			again := start(t, binary, p.state)
			again.await()
		})
	}
}

func TestTwoSandboxesDoNotShareAStateDirectory(t *testing.T) {
	t.Parallel()
	second := start(t, build(t), running.dir)
	if err := <-second.ended; err == nil || !strings.Contains(second.log.String(), "another sandbox") {
		t.Errorf("a second sandbox ended with %v\n%s", err, second.log)
	}
	if _, err := os.Stat(filepath.Join(running.dir, server.ReadyFile)); err != nil {
		t.Errorf("the first one's ready.json: %v", err)
	}
}

func TestTheCertificateIsForAllItsNames(t *testing.T) {
	t.Parallel()
	p := start(t, build(t), t.TempDir())
	p.await()
	address := strings.TrimPrefix(p.AWS, "https://")
	for name, want := range map[string]bool{"localhost": true, "127.0.0.1": true, "sandbox.example": true, "192.0.2.1": true, "other.example": false} {
		err := handshake(t.Context(), address, name, p.CA)
		if (err == nil) != want {
			t.Errorf("handshake as %s: %v", name, err)
		}
	}
}

// run is the command line with its output.
func (a *account) run(args ...string) (code int, stdout, stderr string) {
	a.t.Helper()
	var out, problems bytes.Buffer
	code = cli.Run(a.t.Context(), args, &out, &problems)
	return code, out.String(), problems.String()
}

func TestTheCommandLineReachesARunningSandbox(t *testing.T) {
	t.Parallel()
	a := newAccount(t, nil)
	at := []string{"-state", running.dir, "-account", a.id, "-region", region}
	with := func(command string, more ...string) []string {
		return append(append([]string{command}, at...), more...)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string // in the output
	}{
		{"env", with("env"), 0, "export AWS_ENDPOINT_URL=" + running.AWS},
		{"seed", with("seed"), 0, `"externalID": "coach-demo"`},
		{"admin", with("admin", "POST", "/settings?account="+a.id, `{"pace":"3s"}`), 0, `"pace": "3s"`},
		{"admin of a path that is none", with("admin", "GET", "/nothing"), 1, "404"},
		{"admin with a body that is none", with("admin", "POST", "/faults", "{"), 1, "not JSON"},
		{"sabotage of nothing", with("sabotage", "-resource", "none", "unprotect"), 1, "nothing matches"},
		{"sabotage without a name", with("sabotage", "-tag", "a=b"), 1, "open-firewall"},
		{"no state directory", []string{"seed"}, 1, "-state is needed"},
		{"no sandbox there", []string{"seed", "-state", t.TempDir()}, 1, "find the running sandbox"},
		{"no command", nil, 2, "Usage"},
		{"an unknown command", []string{"fly"}, 2, "unknown command"},
		{"serve without what it needs", []string{"serve"}, 1, "needs -state and -moto"},
		{"serve on no loopback", []string{"serve", "-state", t.TempDir(), "-moto", running.moto, "-data-plane=false", "-dns", "", "-listen", "127.0.0.1:0", "-admin", "0.0.0.0:0"}, 1, "not a loopback address"},
	} {
		code, stdout, stderr := a.run(test.args...)
		if code != test.code || !strings.Contains(stdout+stderr, test.want) {
			t.Errorf("%s: code %d, want %d with %q:\n%s%s", test.name, code, test.code, test.want, stdout, stderr)
		}
	}
}

// handshake verifies the certificate at an address for a name.
func handshake(ctx context.Context, address, name, ca string) error {
	config, err := tlsConfig(ca)
	if err != nil {
		return err
	}
	config.ServerName = name
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	secured := tls.Client(raw, config)
	return errors.Join(secured.HandshakeContext(ctx), secured.Close())
}
