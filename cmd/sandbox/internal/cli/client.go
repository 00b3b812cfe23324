package cli

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/admin"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/identity"
	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/server"
)

// target is what the commands that talk to a running sandbox have in common.
type target struct {
	flags   *flag.FlagSet
	state   string
	account string
	region  string
}

func newTarget(name string, stderr io.Writer) *target {
	t := &target{flags: flag.NewFlagSet("sandbox "+name, flag.ContinueOnError)}
	t.flags.SetOutput(stderr)
	t.flags.StringVar(&t.state, "state", "", "state directory of the running sandbox (required)")
	t.flags.StringVar(&t.account, "account", identity.DefaultAccount, "AWS account")
	t.flags.StringVar(&t.region, "region", admin.DefaultRegion, "AWS region")
	return t
}

// parse reads the flags and where the sandbox is.
func (t *target) parse(args []string) (server.Ready, error) {
	if err := t.flags.Parse(args); err != nil {
		return server.Ready{}, err
	}
	if t.state == "" {
		return server.Ready{}, errors.New("-state is needed")
	}
	content, err := os.ReadFile(filepath.Join(t.state, server.ReadyFile))
	if err != nil {
		return server.Ready{}, fmt.Errorf("find the running sandbox: %w", err)
	}
	var ready server.Ready
	if err := json.Unmarshal(content, &ready); err != nil {
		return server.Ready{}, fmt.Errorf("find the running sandbox: %w", err)
	}
	return ready, nil
}

// env prints shell exports.
func env(_ context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("env", stderr)
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "export AWS_ENDPOINT_URL=%s\nexport AWS_CA_BUNDLE=%s\nexport AWS_REGION=%[3]s AWS_DEFAULT_REGION=%[3]s\n"+
		"export AWS_ACCESS_KEY_ID=%[4]s AWS_SECRET_ACCESS_KEY=sandbox\n", ready.AWS, ready.CA, t.region, t.account)
	return err
}

func seed(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("seed", stderr)
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	return call(ctx, ready, http.MethodPost, "/accounts/"+t.account+"/seed", map[string]string{"region": t.region}, stdout)
}

func sabotage(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("sabotage", stderr)
	order := admin.Sabotage{Tags: map[string]string{}}
	t.flags.StringVar(&order.Resource, "resource", "", "what to break: a database's name, ARN or resource ID, or a key")
	t.flags.Func("tag", "break what carries this KEY=VALUE (repeatable)", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("%q is not KEY=VALUE", text)
		}
		order.Tags[key] = value
		return nil
	})
	t.flags.StringVar(&order.State, "status", "", "of the sabotage state: the status to force")
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	if t.flags.NArg() != 1 {
		return fmt.Errorf("sabotage needs one name, one of: %s", strings.Join(admin.Sabotages, ", "))
	}
	order.Account, order.Region = t.account, t.region
	return call(ctx, ready, http.MethodPost, "/sabotage/"+t.flags.Arg(0), order, stdout)
}

func callAdmin(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	t := newTarget("admin", stderr)
	ready, err := t.parse(args)
	if err != nil {
		return err
	}
	if n := t.flags.NArg(); n < 2 || n > 3 {
		return errors.New("admin needs a method, a path and perhaps a JSON body")
	}
	var body any
	if text := t.flags.Arg(2); text != "" {
		if !json.Valid([]byte(text)) {
			return errors.New("the body is not JSON")
		}
		body = json.RawMessage(text)
	}
	return call(ctx, ready, strings.ToUpper(t.flags.Arg(0)), t.flags.Arg(1), body, stdout)
}

// call makes one admin request and copies its answer out.
func call(ctx context.Context, ready server.Ready, method, path string, body any, stdout io.Writer) error {
	encoded := []byte{}
	if body != nil {
		var err error
		if encoded, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	client, err := trusting(ready.CA)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, ready.Admin+path, strings.NewReader(string(encoded)))
	if err != nil {
		return fmt.Errorf("call the admin API: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("call the admin API: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if _, err := io.Copy(stdout, response.Body); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("the admin API answered %s", response.Status)
	}
	return nil
}

// trusting is a client that trusts the sandbox's authority and no other.
func trusting(ca string) (*http.Client, error) {
	certificate, err := os.ReadFile(ca) //nolint:gosec // the path is from the user's own state directory
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return nil, fmt.Errorf("read the authority: no certificate in %s", ca)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}}}, nil
}
