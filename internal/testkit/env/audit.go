package env

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// auditPolicy logs, without bodies, every request that changes something, once it was answered.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived, ResponseStarted]
rules:
  - level: Metadata
    verbs: [create, update, patch, delete, deletecollection]
`

// Write is one request to the API server that changes something, or wanted to.
type Write struct {
	// Time is when it arrived.
	Time time.Time
	User string
	Verb string
	// Resource is group/resource/subresource, as far as there is one.
	Resource        string
	Namespace, Name string
	// Status is the HTTP status of the answer.
	Status int
}

// AuditedAPIServer returns an API server that logs all writes; the tests of a package share it under Main.
func AuditedAPIServer(t testing.TB) *Cluster {
	t.Helper()
	return obtain(t, "API server with an audit log", func() (*Cluster, error) { return startAudited(context.WithoutCancel(t.Context())) })
}

func startAudited(ctx context.Context) (*Cluster, error) {
	dir, err := os.MkdirTemp("", "audit-")
	if err != nil {
		return nil, fmt.Errorf("creating a directory for the audit log: %w", err)
	}
	policy, log := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "audit.log")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("writing the audit policy: %w", err), os.RemoveAll(dir))
	}
	c, err := startCluster(ctx, map[string]string{"audit-policy-file": policy, "audit-log-path": log, "audit-log-maxsize": "100000"})
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	c.audit = log
	return c, nil
}

// Writes returns the requests of a user that changed something and arrived in [from, to).
func (c *Cluster) Writes(t testing.TB, user string, from, to time.Time) []Write {
	t.Helper()
	file, err := os.Open(c.audit)
	if err != nil {
		t.Fatalf("opening the audit log: %v", err)
	}
	all, err := readAudit(file)
	if err = errors.Join(err, file.Close()); err != nil {
		t.Fatalf("reading the audit log: %v", err)
	}
	var writes []Write
	for _, w := range all {
		if w.User == user && !w.Time.Before(from) && w.Time.Before(to) {
			writes = append(writes, w)
		}
	}
	return writes
}

// auditEvent is what is used of an event of audit.k8s.io/v1.
type auditEvent struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef struct {
		APIGroup, Resource, Subresource string
		Namespace, Name                 string
	}
	ResponseStatus           struct{ Code int }
	RequestReceivedTimestamp time.Time
}

// readAudit reads one event a line. A last line that is still being written is left out.
func readAudit(log io.Reader) ([]Write, error) {
	var writes []Write
	lines := bufio.NewReader(log)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return writes, nil
		}
		if err != nil {
			return nil, err
		}
		var e auditEvent
		if err := json.Unmarshal(line, &e); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(writes)+1, err)
		}
		ref := e.ObjectRef
		writes = append(writes, Write{
			Time: e.RequestReceivedTimestamp, User: e.User.Username, Verb: e.Verb,
			Resource:  strings.Trim(ref.APIGroup+"/"+ref.Resource+"/"+ref.Subresource, "/"),
			Namespace: ref.Namespace, Name: ref.Name, Status: e.ResponseStatus.Code,
		})
	}
}
