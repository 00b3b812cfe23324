package aws_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/cloud/cache"
	"github.com/coachplatform/coach-operator/internal/naming"
)

// book answers for AWS as it may: every list comes in two pages, and the first may be empty.
type book struct {
	// xml are the two pages of EC2's calls, json of those of KMS, and of calls with a single page the first.
	xml, json map[string][2]string

	mu    sync.Mutex
	calls []string
}

// took returns the calls since the last took, without those of STS.
func (b *book) took() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	calls := b.calls
	b.calls = nil
	return calls
}

// Do implements the HTTP client of the SDK.
func (b *book) Do(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		b.mu.Lock()
		b.calls = append(b.calls, strings.TrimPrefix(target, "TrentService."))
		b.mu.Unlock()
		return b.answerJSON(r, strings.TrimPrefix(target, "TrentService."), body)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	action := form.Get("Action")
	if pages, ok := b.xml[action]; ok {
		page, next := pages[0], "<nextToken>two</nextToken>"
		if form.Get("NextToken") == "two" {
			page, next = pages[1], ""
		}
		return respond(r, "text/xml", fmt.Sprintf("<%[1]sResponse>%s%s</%[1]sResponse>", action, page, next))
	}
	return respond(r, "text/xml", "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>a</AccessKeyId>"+
		"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2100-01-01T00:00:00Z</Expiration>"+
		"</Credentials></AssumeRoleResult></AssumeRoleResponse>")
}

func (b *book) answerJSON(r *http.Request, action string, body []byte) (*http.Response, error) {
	var in struct{ Marker string }
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	pages := b.json[action]
	switch {
	case pages[1] == "":
		return respond(r, "application/x-amz-json-1.1", pages[0])
	case in.Marker == "two":
		return respond(r, "application/x-amz-json-1.1", "{"+pages[1]+"}")
	default:
		return respond(r, "application/x-amz-json-1.1", "{"+pages[0]+`, "Truncated": true, "NextMarker": "two"}`)
	}
}

func respond(r *http.Request, kind, body string) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {kind}}, Request: r, Body: io.NopCloser(bytes.NewBufferString(body)),
	}, nil
}

func (b *book) account(t *testing.T) (*aws.Account, *v1alpha1.PlatformClass) {
	t.Helper()
	sessions, err := aws.NewSessions(t.Context(), aws.Options{Load: func(context.Context) (awssdk.Config, error) {
		return awssdk.Config{
			HTTPClient: b, Region: "eu-central-1", Credentials: credentials.NewStaticCredentialsProvider("a", "s", ""),
		}, nil
	}})
	if err != nil {
		t.Fatalf("opening sessions: %v", err)
	}
	class := &v1alpha1.PlatformClass{}
	class.Spec.Region, class.Spec.AccountID = "eu-central-1", theAccount
	class.Spec.Identity = v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::" + theAccount + ":role/r", ExternalID: "x"}
	byTag := v1alpha1.Selector{Tags: []v1alpha1.Tag{{Key: "use", Value: "db"}}}
	class.Spec.Network = v1alpha1.ClassNetwork{VPC: byTag, Subnets: byTag, WorkloadSecurityGroups: byTag}
	return sessions.Account(class), class
}

func set(name string, items ...string) string {
	var text strings.Builder
	for _, item := range items {
		text.WriteString("<item>" + item + "</item>")
	}
	return "<" + name + ">" + text.String() + "</" + name + ">"
}

func routes(subnet, gateway string) string {
	return set("routeSet", "<gatewayId>"+gateway+"</gatewayId>") + set("associationSet", "<subnetId>"+subnet+"</subnetId><main>false</main>")
}

func TestANetworkOfManyPagesIsReadToItsEnd(t *testing.T) {
	t.Parallel()
	subnet := func(id string) string {
		return "<subnetId>" + id + "</subnetId><vpcId>vpc-1</vpcId><availabilityZone>zone</availabilityZone>"
	}
	group := func(id string) string { return "<groupId>" + id + "</groupId><vpcId>vpc-1</vpcId>" }
	b := &book{xml: map[string][2]string{
		"DescribeVpcs":    {set("vpcSet"), set("vpcSet", "<vpcId>vpc-1</vpcId>")},
		"DescribeSubnets": {set("subnetSet", subnet("subnet-b")), set("subnetSet", subnet("subnet-a"))},
		"DescribeRouteTables": {
			set("routeTableSet", routes("subnet-a", "nat-1")), set("routeTableSet", routes("subnet-b", "igw-1")),
		},
		"DescribeSecurityGroups": {set("securityGroupInfo", group("sg-1")), set("securityGroupInfo", group("sg-2"))},
	}}
	account, class := b.account(t)
	got, err := account.Network(t.Context(), class, true)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	want := aws.Network{
		VPCID: "vpc-1", WorkloadGroups: []string{"sg-1", "sg-2"},
		Subnets: []aws.Subnet{
			{ID: "subnet-a", Zone: "zone", VPCID: "vpc-1", Private: true}, {ID: "subnet-b", Zone: "zone", VPCID: "vpc-1"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the network (-want +got):\n%s", diff)
	}
}

func TestASubnetIsJudgedByTheRoutesOfItsOwnVPC(t *testing.T) {
	t.Parallel()
	subnet := func(id, vpc string) string {
		return "<subnetId>" + id + "</subnetId><vpcId>" + vpc + "</vpcId><availabilityZone>zone</availabilityZone>"
	}
	table := func(vpc, gateway string) string {
		return "<vpcId>" + vpc + "</vpcId>" + set("routeSet", gateway) + set("associationSet", "<main>true</main>")
	}
	b := &book{xml: map[string][2]string{
		"DescribeVpcs": {set("vpcSet"), set("vpcSet", "<vpcId>vpc-1</vpcId>")},
		"DescribeSubnets": {
			set("subnetSet", subnet("subnet-a", "vpc-1"), subnet("subnet-b", "vpc-2")),
			set("subnetSet", subnet("subnet-c", "vpc-3"), subnet("subnet-d", "vpc-4")),
		},
		"DescribeRouteTables": {
			set("routeTableSet", table("vpc-2", "<gatewayId>igw-1</gatewayId>"), table("vpc-3", "<carrierGatewayId>cagw-1</carrierGatewayId>")),
			set("routeTableSet", table("vpc-1", "<gatewayId>local</gatewayId>")),
		},
		"DescribeSecurityGroups": {set("securityGroupInfo"), set("securityGroupInfo")},
	}}
	account, class := b.account(t)
	got, err := account.Network(t.Context(), class, true)
	if err != nil {
		t.Fatalf("reading: %v", err)
	}
	private := map[string]bool{}
	for _, s := range got.Subnets {
		private[s.ID] = s.Private
	}
	want := map[string]bool{"subnet-a": true, "subnet-b": false, "subnet-c": false, "subnet-d": false}
	if diff := cmp.Diff(want, private); diff != "" {
		t.Errorf("what is private (-want +got):\n%s", diff)
	}
}

func TestAGroupOnTheSecondPageIsFound(t *testing.T) {
	t.Parallel()
	const rule = "<securityGroupRuleId>%s</securityGroupRuleId><isEgress>false</isEgress><ipProtocol>tcp</ipProtocol><cidrIpv4>10.0.0.0/24</cidrIpv4>"
	b := &book{xml: map[string][2]string{
		"DescribeSecurityGroups": {set("securityGroupInfo"), set("securityGroupInfo", "<groupId>sg-1</groupId><vpcId>vpc-1</vpcId>")},
		"DescribeSecurityGroupRules": {
			set("securityGroupRuleSet", fmt.Sprintf(rule, "sgr-1")), set("securityGroupRuleSet", fmt.Sprintf(rule, "sgr-2")),
		},
	}}
	account, _ := b.account(t)
	got, _, err := account.Group(t.Context(), "vpc-1", "coach", true)
	if err != nil || got == nil || got.ID != "sg-1" || len(got.Ingress) != 2 {
		t.Errorf("got %+v, %v, want the group with both rules", got, err)
	}
}

// oneKey answers for a KMS key.
func oneKey() *book {
	return &book{json: map[string][2]string{
		"DescribeKey":          {`{"KeyMetadata": {"KeyId": "k", "KeySpec": "SYMMETRIC_DEFAULT", "Origin": "AWS_KMS"}}`},
		"GetKeyPolicy":         {`{"Policy": "{}"}`},
		"GetKeyRotationStatus": {`{"KeyRotationEnabled": true}`},
		"ListResourceTags":     {`"Tags": [{"TagKey": "a", "TagValue": "1"}]`, `"Tags": [{"TagKey": "b", "TagValue": "2"}]`},
		"ListAliases": {
			`"Aliases": [{"AliasName": "alias/a", "TargetKeyId": "k"}]`, `"Aliases": [{"AliasName": "alias/b", "TargetKeyId": "k"}]`,
		},
	}}
}

func TestAKeyIsReadAsFarAsItWasWritten(t *testing.T) {
	t.Parallel()
	b := oneKey()
	account, _ := b.account(t)
	tags := []string{"ListResourceTags", "ListResourceTags"} // two pages
	names := []string{"ListAliases", "ListAliases"}          // also two, of one key or of all
	all := slices.Concat([]string{"DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus"}, tags, names)
	pass := func() context.Context { return cache.Pass(t.Context(), time.Now()) }
	one := pass()
	same := func() context.Context { return one }
	for _, step := range []struct {
		name    string
		written func(id string)
		ctx     func() context.Context
		fresh   bool
		calls   []string
	}{
		{"the first read", nil, same, false, all},
		{"a fresh read in the same pass, of the aliases alone, which the first took from the listing", nil, same, true, names},
		{"another fresh read in the same pass", nil, same, true, nil},
		{"a cached read in another pass", nil, pass, false, nil},
		{"a fresh read in another pass", nil, pass, true, all},
		{"after a write to its tags", account.KeyTagsWritten, pass, false, tags},
		{"after another write", account.KeyWritten, pass, false, all},
	} {
		if step.written != nil {
			step.written("k")
		}
		got, _, err := account.Key(step.ctx(), "k", step.fresh)
		if err != nil || got == nil || len(got.Tags) != 2 || len(got.Aliases) != 2 || !got.Rotating {
			t.Fatalf("%s: %+v, %v", step.name, got, err)
		}
		if diff := cmp.Diff(step.calls, b.took()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", step.name, diff)
		}
	}
}

func TestTagsAndAliasesOfAllKeysComeFromListings(t *testing.T) {
	t.Parallel()
	const getResources = "ResourceGroupsTaggingAPI_20170126.GetResources"
	owner := naming.Tenant{Installation: "i", Namespace: "ns", NamespaceUID: "u", Name: "studio"}
	tags := []string{`{"Key": "note", "Value": "listed"}`}
	for key, value := range owner.Tags() {
		tags = append(tags, fmt.Sprintf(`{"Key": %q, "Value": %q}`, key, value))
	}
	b := oneKey()
	b.json[getResources] = [2]string{fmt.Sprintf(
		`{"ResourceTagMappingList": [{"ResourceARN": "arn:aws:kms:eu-central-1:123456789012:key/k", "Tags": [%s]}]}`, strings.Join(tags, ", "))}
	account, _ := b.account(t)
	ids, listed, err := account.KeysOf(t.Context(), owner)
	if err != nil || !slices.Equal(ids, []string{"k"}) {
		t.Fatalf("listed %v, %v", ids, err)
	}
	got, at, err := account.Key(cache.Pass(t.Context(), time.Now()), "k", false)
	if err != nil || got.Tags["note"] != "listed" || len(got.Aliases) != 2 || at.After(listed) {
		t.Fatalf("%+v of %s, %v; want what was listed at %s", got, at, err, listed)
	}
	want := []string{getResources, "DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListAliases", "ListAliases"}
	if diff := cmp.Diff(want, b.took()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if _, _, err := account.Key(cache.Pass(t.Context(), time.Now()), "another", false); err != nil {
		t.Fatal(err)
	}
	alone := []string{"DescribeKey", "GetKeyPolicy", "GetKeyRotationStatus", "ListResourceTags", "ListResourceTags"}
	if diff := cmp.Diff(alone, b.took()); diff != "" {
		t.Errorf("calls for a key that is not listed (-want +got):\n%s", diff)
	}
	account.KeyTagsWritten("k")
	got, _, err = account.Key(cache.Pass(t.Context(), time.Now()), "k", false)
	if err != nil || got.Tags["note"] != "" || got.Tags["b"] != "2" {
		t.Errorf("after a write, which the listing may not show: %+v, %v", got, err)
	}
}

func TestAListOfANewServiceIsSharedByItsName(t *testing.T) {
	t.Parallel()
	account, _ := oneKey().account(t)
	loads, reads := 0, 0
	list := func(name string) *aws.Listed[int] {
		return aws.List(account, name, func(_ context.Context, cfg awssdk.Config) (map[string]int, error) {
			loads++
			if cfg.Region != account.Region() {
				t.Errorf("the session is of region %q", cfg.Region)
			}
			return map[string]int{"k": loads}, nil
		})
	}
	get := func(name string, fresh bool) {
		t.Helper()
		if _, _, err := list(name).Get(t.Context(), "k", fresh, func(context.Context) (int, error) { reads++; return 0, nil }); err != nil {
			t.Fatal(err)
		}
	}
	mustBe := func(when string, wantLoads, wantReads int) {
		t.Helper()
		if loads != wantLoads || reads != wantReads {
			t.Errorf("%s: %d loads and %d reads, want %d and %d", when, loads, reads, wantLoads, wantReads)
		}
		loads, reads = 0, 0
	}
	for _, name := range []string{"a", "b"} {
		for range 3 {
			get(name, false)
		}
		mustBe("three cached reads of list "+name, 1, 0)
	}
	get("a", true)
	mustBe("a fresh read", 0, 1)
	list("a").Written("k")
	for range 3 {
		get("a", false)
	}
	mustBe("three cached reads after a write", 0, 1)
}

func TestAKeyHasTheTagsAndAliasesOfAllPages(t *testing.T) {
	t.Parallel()
	b := oneKey()
	account, _ := b.account(t)
	got, _, err := account.Key(t.Context(), "k", true)
	if err != nil || got == nil {
		t.Fatalf("got %v, %v", got, err)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, got.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"alias/a", "alias/b"}, got.Aliases); diff != "" {
		t.Errorf("aliases (-want +got):\n%s", diff)
	}
}
