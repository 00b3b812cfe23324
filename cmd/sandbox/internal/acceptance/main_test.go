// Package acceptance tests the sandbox as its users meet it: real AWS clients and
// the admin API against a running one.
package acceptance

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/resourcegroupstaggingapi"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/server"
)

const region = "eu-central-1"

// running is the sandbox all tests share. Each test has accounts of its own.
var running struct {
	server.Ready
	dir    string
	client *http.Client
	moto   string
}

func TestMain(m *testing.M) {
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "acceptance:", err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (code int, err error) {
	if running.moto, err = installed("SANDBOX_MOTO", "moto/install"); err != nil {
		return 0, err
	}
	binaries, err := installed("SANDBOX_POSTGRES", "postgres/install")
	if err != nil {
		return 0, err
	}
	if running.dir, err = os.MkdirTemp("", "sandbox"); err != nil {
		return 0, err
	}
	if err := os.Chmod(running.dir, 0o755); err != nil { // PostgreSQL runs as another user
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(running.dir)) }()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{
			State: running.dir, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", DNS: "127.0.0.1:0", Stripe: "127.0.0.1:0",
			Addresses: netip.MustParsePrefix("127.67.0.0/16"), Moto: running.moto, Postgres: binaries,
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
		})
	}()
	defer func() {
		stop()
		err = errors.Join(err, <-ended)
	}()
	if err := awaitReady(ended); err != nil {
		return 0, err
	}
	return m.Run(), nil
}

// installed is the path in a variable, or what an install script prints.
func installed(variable, script string) (string, error) {
	if path := os.Getenv(variable); path != "" {
		return path, nil
	}
	command := exec.Command(filepath.Join("..", "..", filepath.FromSlash(script)))
	command.Stderr = os.Stderr
	output, err := command.Output()
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1], err
}

func awaitReady(ended <-chan error) error {
	path := filepath.Join(running.dir, "ready.json")
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the sandbox ended before it was ready: %w", err)
		case <-ticker.C:
		}
		content, err := os.ReadFile(path)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err = errors.Join(err, json.Unmarshal(content, &running.Ready)); err != nil {
			return err
		}
		running.client, err = httpsClient(running.CA)
		return err
	}
}

func httpsClient(ca string) (*http.Client, error) {
	config, err := tlsConfig(ca)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: whole{&http.Transport{TLSClientConfig: config, MaxIdleConnsPerHost: 8}}}, nil
}

// whole sends request bodies from memory. The AWS SDK's own body makes net/http
// close the connection when the answer comes before it has noticed, on a busy
// machine, that all was sent.
type whole struct{ http.RoundTripper }

func (w whole) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Body == nil {
		return w.RoundTripper.RoundTrip(request)
	}
	body, err := io.ReadAll(request.Body)
	if err = errors.Join(err, request.Body.Close()); err != nil {
		return nil, err
	}
	request = request.Clone(request.Context())
	request.Body = io.NopCloser(bytes.NewReader(body))
	return w.RoundTripper.RoundTrip(request)
}

// tlsConfig trusts one authority and no other.
func tlsConfig(ca string) (*tls.Config, error) {
	certificate, err := os.ReadFile(ca)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, errors.New("no certificate in " + ca)
	}
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, nil
}

// account is a new account of a test with clients of its administrator.
type account struct {
	t      *testing.T
	id     string
	seeded admin.Seeded
	clients
}

type clients struct {
	rds  *rds.Client
	ec2  *ec2.Client
	kms  *kms.Client
	iam  *iam.Client
	sts  *sts.Client
	tags *resourcegroupstaggingapi.Client
	logs *cloudwatchlogs.Client
}

// settings are those of most tests: nothing takes time, nothing lags.
var instant = map[string]any{"pace": "0s", "lag": "0s", "dataPlane": false}

// newAccount creates an account with the given settings over the instant ones.
func newAccount(t *testing.T, settings map[string]any) *account {
	t.Helper()
	a := &account{t: t, id: randomAccount(t)}
	a.clients = clientsOf(configFor(credentials.NewStaticCredentialsProvider(a.id, "secret", "")))
	a.post("/settings?account="+a.id, instant, nil)
	if settings != nil {
		a.post("/settings?account="+a.id, settings, nil)
	}
	t.Cleanup(func() { a.post("/accounts/"+a.id+"/reset", nil, nil) })
	return a
}

// seed fills the account's network and role.
func (a *account) seed() *account {
	a.t.Helper()
	a.post("/accounts/"+a.id+"/seed", map[string]string{"region": region}, &a.seeded)
	return a
}

func randomAccount(t *testing.T) string {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(900_000_000_000))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n.Int64() + 100_000_000_000)
}

func configFor(provider aws.CredentialsProvider) aws.Config {
	return aws.Config{
		Region: region, Credentials: provider, HTTPClient: running.client, BaseEndpoint: aws.String(running.AWS),
		// One attempt: tests see each answer as it is.
		Retryer: func() aws.Retryer { return retry.AddWithMaxAttempts(retry.NewStandard(), 1) },
	}
}

func clientsOf(config aws.Config) clients {
	return clients{
		rds: rds.NewFromConfig(config), ec2: ec2.NewFromConfig(config), kms: kms.NewFromConfig(config),
		iam: iam.NewFromConfig(config), sts: sts.NewFromConfig(config), tags: resourcegroupstaggingapi.NewFromConfig(config),
		logs: cloudwatchlogs.NewFromConfig(config),
	}
}

// as is the clients of a session of the seeded role with the given tags.
func (a *account) as(session string, tags map[string]string) clients {
	base := sts.NewFromConfig(configFor(credentials.NewStaticCredentialsProvider("AKIAOPERATOR", "secret", "")))
	provider := stscreds.NewAssumeRoleProvider(base, a.seeded.RoleARN, func(o *stscreds.AssumeRoleOptions) {
		o.RoleSessionName, o.ExternalID = session, aws.String(a.seeded.ExternalID)
		for key, value := range tags {
			o.Tags = append(o.Tags, ststypes.Tag{Key: aws.String(key), Value: aws.String(value)})
		}
	})
	return clientsOf(configFor(aws.NewCredentialsCache(provider)))
}

// post calls the admin API and reads its answer into result, if that is given.
func (a *account) post(path string, body, result any) {
	a.t.Helper()
	a.admin(http.MethodPost, path, body, result)
}

func (a *account) get(path string, result any) {
	a.t.Helper()
	a.admin(http.MethodGet, path, nil, result)
}

func (a *account) admin(method, path string, body, result any) {
	a.t.Helper()
	status, content := a.adminRaw(method, path, body)
	if status != http.StatusOK {
		a.t.Fatalf("%s %s: status %d: %s", method, path, status, content)
	}
	if result != nil {
		if err := json.Unmarshal(content, result); err != nil {
			a.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

func (a *account) adminRaw(method, path string, body any) (status int, content []byte) {
	a.t.Helper()
	encoded, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	ctx := context.WithoutCancel(a.t.Context()) // also called while a test cleans up
	request, err := http.NewRequestWithContext(ctx, method, running.Admin+path, bytes.NewReader(encoded))
	if err != nil {
		a.t.Fatal(err)
	}
	response, err := running.client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if content, err = io.ReadAll(response.Body); err != nil {
		a.t.Fatal(err)
	}
	return response.StatusCode, content
}

// code is the AWS error code of an error, "" of none.
func code(err error) string {
	if err == nil {
		return ""
	}
	if failure, ok := errors.AsType[smithy.APIError](err); ok {
		return failure.ErrorCode()
	}
	return "not an AWS error: " + err.Error()
}

// wantCode fails the test unless the error has the code; "" wants none.
func wantCode(t *testing.T, err error, want string) {
	t.Helper()
	if got := code(err); got != want {
		t.Fatalf("got %q (%v), want error code %q", got, err, want)
	}
}

// eventually polls until the condition holds, for at most a minute: the machine may
// be busy.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.NewTimer(time.Minute)
	defer deadline.Stop()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-deadline.C:
			t.Fatalf("never happened: %s", what)
		case <-ticker.C:
		}
	}
}

// rawJSON is a body that is JSON already.
func rawJSON(text string) json.RawMessage { return json.RawMessage(text) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
