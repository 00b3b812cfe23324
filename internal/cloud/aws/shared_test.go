package aws_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
)

const (
	theAccount = "123456789012"
	theGroup   = "coach-standard-pg16-tls12"
)

// wire answers for AWS with what RDS would say of one parameter group and one subnet group.
type wire struct {
	mu sync.Mutex
	// account is where the role leads.
	account string
	// usual are the defaults of the family, set what the group sets. A value that equals the default
	// is kept by AWS, and listed as a default.
	usual, set map[string]string
	gone       bool
	calls      []string
}

// Do implements the HTTP client of the SDK.
func (w *wire) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	action := form.Get("Action")
	w.calls = append(w.calls, strings.TrimSuffix(action+" "+form.Get("Source"), " "))
	status, answer := w.answer(action, form)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"text/xml"}}, Request: r,
		Body: io.NopCloser(bytes.NewBufferString(answer)),
	}, nil
}

func (w *wire) answer(action string, form url.Values) (int, string) {
	result := func(inner string) (int, string) {
		return http.StatusOK, fmt.Sprintf("<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult></%[1]sResponse>", action, inner)
	}
	missing := func(code string) (int, string) {
		return http.StatusNotFound, "<ErrorResponse><Error><Code>" + code + "</Code><Message>no</Message></Error></ErrorResponse>"
	}
	switch action {
	case "AssumeRole":
		return result("<Credentials><AccessKeyId>a</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>" +
			"<Expiration>2100-01-01T00:00:00Z</Expiration></Credentials>")
	case "GetCallerIdentity":
		return result("<Account>" + w.account + "</Account><Arn>arn:aws:sts::" + w.account + ":assumed-role/r/s</Arn>")
	case "DescribeDBParameters":
		if w.gone {
			return missing("DBParameterGroupNotFound")
		}
		return result("<Parameters>" + w.list(form.Get("Source")) + "</Parameters>")
	case "DescribeDBSubnetGroups":
		if w.gone {
			return missing("DBSubnetGroupNotFoundFault")
		}
		return result("<DBSubnetGroups><DBSubnetGroup><DBSubnetGroupArn>arn:subgrp</DBSubnetGroupArn><VpcId>vpc-1</VpcId><Subnets>" +
			"<Subnet><SubnetIdentifier>subnet-b</SubnetIdentifier></Subnet><Subnet><SubnetIdentifier>subnet-a</SubnetIdentifier></Subnet>" +
			"</Subnets></DBSubnetGroup></DBSubnetGroups>")
	case "ListTagsForResource":
		return result("<TagList><Tag><Key>coach:class</Key><Value>standard</Value></Tag></TagList>")
	}
	return http.StatusBadRequest, "<ErrorResponse><Error><Code>Unknown</Code></Error></ErrorResponse>"
}

func (w *wire) list(source string) string {
	var text strings.Builder
	names := map[string]bool{}
	for name := range w.usual {
		names[name] = true
	}
	for name := range w.set {
		names[name] = true
	}
	for name := range names {
		from, value := "system", w.usual[name]
		if set, ok := w.set[name]; ok && set != value {
			from, value = "user", set
		}
		if source == "" || source == from {
			fmt.Fprintf(&text, "<Parameter><ParameterName>%s</ParameterName><Source>%s</Source>", name, from)
			if value != "" {
				fmt.Fprintf(&text, "<ParameterValue>%s</ParameterValue>", value)
			}
			text.WriteString("</Parameter>")
		}
	}
	return text.String()
}

// change changes the world behind the operator's back.
func (w *wire) change(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// took returns the RDS calls since the last took.
func (w *wire) took() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	calls := slices.DeleteFunc(slices.Clone(w.calls), func(c string) bool { return c == "AssumeRole" || c == "GetCallerIdentity" })
	w.calls = nil
	return calls
}

func newWire(t *testing.T) (*wire, *aws.Account, *testclock.FakePassiveClock) {
	t.Helper()
	w := &wire{
		account: theAccount,
		usual:   map[string]string{"rds.force_ssl": "1", "log_statement": "", "log_connections": "0"},
		set:     map[string]string{"rds.force_ssl": "1", "log_statement": "none"},
	}
	clock := testclock.NewFakePassiveClock(time.Now())
	sessions, err := aws.NewSessions(t.Context(), aws.Options{Clock: clock, Sweep: 50 * time.Second, Load: func(context.Context) (awssdk.Config, error) {
		return awssdk.Config{
			HTTPClient: w, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
		}, nil
	}})
	if err != nil {
		t.Fatalf("opening sessions: %v", err)
	}
	class := &v1alpha1.PlatformClass{}
	class.Spec.Region, class.Spec.AccountID = "eu-central-1", theAccount
	class.Spec.Identity = v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::" + theAccount + ":role/r", ExternalID: "x"}
	return w, sessions.Account(class), clock
}

func TestParameters(t *testing.T) {
	t.Parallel()
	all := []string{"DescribeDBParameters", "DescribeDBParameters user"}
	set := []string{"DescribeDBParameters user"}
	well := map[string]string{"rds.force_ssl": "1", "log_statement": "none", "log_connections": "0"}
	w, account, clock := newWire(t)
	for _, step := range []struct {
		name  string
		does  func()
		fresh bool
		want  map[string]string
		calls []string
	}{
		{"the first read reads all: a value that equals the default is no gap", func() {}, false, well, all},
		{"a read in the same sweep is no call", func() { clock.SetTime(clock.Now().Add(49 * time.Second)) }, false, well, nil},
		{"a sweep costs one call", func() { clock.SetTime(clock.Now().Add(2 * time.Second)) }, false, well, set},
		{"what is set again is seen in a sweep", func() {
			w.change(func() { w.set["log_connections"] = "1" })
			clock.SetTime(clock.Now().Add(time.Minute))
		}, false, map[string]string{"rds.force_ssl": "1", "log_statement": "none", "log_connections": "1"}, set},
		{"what is weakened below a default is seen in a sweep", func() {
			w.change(func() { w.set["rds.force_ssl"] = "0" })
			clock.SetTime(clock.Now().Add(time.Minute))
		}, false, map[string]string{"rds.force_ssl": "0", "log_statement": "none", "log_connections": "1"}, set},
		{"what is reset is seen as a gap, so that an uncached read follows", func() {
			w.change(func() { delete(w.set, "log_statement") })
			clock.SetTime(clock.Now().Add(time.Minute))
		}, false, map[string]string{"rds.force_ssl": "0", "log_connections": "1"}, set},
		{
			"a fresh read reads all", func() { w.change(func() { w.set["rds.force_ssl"] = "1" }) }, true,
			map[string]string{"rds.force_ssl": "1", "log_connections": "1"},
			all,
		},
		{"after a write the next read reads all", func() {
			w.change(func() { w.set["log_statement"] = "none" })
			account.ParameterGroupWritten(theGroup)
		}, false, map[string]string{"rds.force_ssl": "1", "log_statement": "none", "log_connections": "1"}, all},
		{"a group that is gone has none", func() {
			w.change(func() { w.gone = true })
			clock.SetTime(clock.Now().Add(time.Minute))
		}, false, nil, set},
	} {
		step.does()
		got, _, err := account.Parameters(t.Context(), theGroup, step.fresh)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.calls, w.took()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestSubnetGroup(t *testing.T) {
	t.Parallel()
	w, account, clock := newWire(t)
	want := &aws.SubnetGroup{
		ARN: "arn:subgrp", VPCID: "vpc-1", SubnetIDs: []string{"subnet-a", "subnet-b"}, Tags: map[string]string{"coach:class": "standard"},
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		fresh bool
		calls []string
	}{
		{"the first read", 0, false, []string{"DescribeDBSubnetGroups", "ListTagsForResource"}},
		{"a sweep costs one call", time.Minute, false, []string{"DescribeDBSubnetGroups"}},
		{"tags are read once in the freshness bound", 15 * time.Minute, false, []string{"DescribeDBSubnetGroups", "ListTagsForResource"}},
		{"and before every write", 0, true, []string{"DescribeDBSubnetGroups", "ListTagsForResource"}},
	} {
		clock.SetTime(clock.Now().Add(step.after))
		got, _, err := account.SubnetGroup(t.Context(), "g", step.fresh)
		if err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if diff := cmp.Diff(step.calls, w.took()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestAbsenceCountsOnlyInTheRightAccount(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		account string
		reason  string
	}{
		"in the class's account": {theAccount, ""},
		"in another account":     {"210987654321", v1alpha1.ReasonWrongAccount},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, account, _ := newWire(t)
			w.change(func() { w.gone, w.account = true, c.account })
			group, _, err := account.SubnetGroup(t.Context(), "g", true)
			values, _, errValues := account.Parameters(t.Context(), theGroup, true)
			for _, err := range []error{err, errValues} {
				if (err == nil) != (c.reason == "") || err != nil && fault.As(err).Reason != c.reason {
					t.Errorf("got %v, want %q", err, c.reason)
				}
			}
			if group != nil || values != nil {
				t.Errorf("got %v and %v", group, values)
			}
		})
	}
}

func TestIsInUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"a parameter group with databases": {&rdstypes.InvalidDBParameterGroupStateFault{}, true},
		"a subnet group with databases":    {&rdstypes.InvalidDBSubnetGroupStateFault{}, true},
		"a subnet with databases":          {&rdstypes.SubnetAlreadyInUse{}, true},
		"an error by its code alone":       {fmt.Errorf("calling: %w", &smithy.GenericAPIError{Code: "SubnetAlreadyInUse"}), true},
		"a group that is gone":             {&rdstypes.DBSubnetGroupNotFoundFault{}, false},
		"another error":                    {errors.New("SubnetAlreadyInUse"), false},
		"none":                             {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := aws.IsInUse(c.err); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestAWriterIsVerifiedInASessionOfItsOwner(t *testing.T) {
	t.Parallel()
	w, account, _ := newWire(t)
	owner := naming.Class{Installation: "i", Name: "standard"}
	for range 2 {
		if err := account.ProveWriter(t.Context(), owner, false); err != nil {
			t.Fatalf("verifying: %v", err)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if diff := cmp.Diff([]string{"AssumeRole", "GetCallerIdentity"}, w.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}
