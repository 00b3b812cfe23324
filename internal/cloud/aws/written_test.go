package aws_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
)

// single is an RDS with one instance, and counts how it is read.
type single struct {
	// status is that of the instance, listed what the listing shows of it, "" for nothing.
	status, listed string
	reads, lists   int
}

// Do implements the HTTP client of the SDK.
func (s *single) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	if form.Get("Action") != "DescribeDBInstances" {
		r.Body = io.NopCloser(bytes.NewReader(body))
		return (&book{}).Do(r)
	}
	status := s.listed
	if form.Get("DBInstanceIdentifier") != "" {
		status = s.status
		s.reads++
	} else {
		s.lists++
	}
	found := ""
	if status != "" {
		found = "<DBInstance><DBInstanceIdentifier>one</DBInstanceIdentifier><DBInstanceStatus>" + status + "</DBInstanceStatus></DBInstance>"
	}
	return respond(r, "text/xml", fmt.Sprintf("<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances>%s"+
		"</DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>", found))
}

// While the listing may be behind a write, one read of a settled instance serves until it has caught up, and none of
// one that AWS works on.
func TestAWrittenInstanceIsReadAsOftenAsItCanChange(t *testing.T) {
	rds, clock := &single{}, testclock.NewFakePassiveClock(time.Unix(1_000_000, 0))
	sessions, err := aws.NewSessions(t.Context(), aws.Options{Clock: clock, Load: func(context.Context) (awssdk.Config, error) {
		return awssdk.Config{
			HTTPClient: rds, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
		}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	account := sessions.Account(&v1alpha1.PlatformClass{Spec: v1alpha1.PlatformClassSpec{
		Region: "eu-central-1", AccountID: "123456789012",
		Identity: v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::123456789012:role/coach"},
	}})
	for _, step := range []struct {
		name string
		// before happens first, and time passes.
		before func()
		after  time.Duration
		fresh  bool
		sees   string
		// reads and lists are the calls that the read costs.
		reads, lists int
	}{
		{name: "at first the listing serves", before: func() {}, sees: "", lists: 1},
		{name: "after a write the instance itself is read", before: func() {
			account.InstanceWritten("one")
			rds.status = "creating"
		}, after: time.Second, sees: "creating", reads: 1},
		{name: "and again while AWS works on it", before: func() {}, after: time.Second, sees: "creating", reads: 1},
		{name: "until it is available", before: func() { rds.status = "available" }, after: time.Second, sees: "available", reads: 1},
		{name: "that read serves", before: func() { rds.status = "modifying" }, after: 2 * time.Second, sees: "available"},
		{name: "but not an uncached read", before: func() {}, fresh: true, sees: "modifying", reads: 1},
		{name: "and not after another write", before: func() {
			rds.status = "available"
			account.InstanceWritten("one")
		}, after: time.Second, sees: "available", reads: 1},
		{name: "a listing since then that shows AWS at work serves", before: func() {
			account.InstanceWritten("one")
			clock.SetTime(clock.Now().Add(time.Second))
			rds.listed = "modifying"
			if _, err := account.Instances(t.Context()); err != nil {
				t.Fatal(err)
			}
		}, after: time.Second, sees: "modifying"},
		{name: "and not for longer than any other", before: func() {}, after: 5 * time.Second, sees: "available", reads: 1},
		{name: "the listing serves once it has caught up", before: func() { rds.listed = "available" }, after: 15 * time.Second, sees: "available", lists: 1},
	} {
		step.before()
		clock.SetTime(clock.Now().Add(step.after))
		rds.reads, rds.lists = 0, 0
		db, _, err := account.Instance(t.Context(), "one", step.fresh)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		sees := ""
		if db != nil {
			sees = *db.DBInstanceStatus
		}
		if sees != step.sees || rds.reads != step.reads || rds.lists != step.lists {
			t.Errorf("%s: %q by %d reads and %d lists, want %q by %d and %d",
				step.name, sees, rds.reads, rds.lists, step.sees, step.reads, step.lists)
		}
	}
}
