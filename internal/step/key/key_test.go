package key

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func platform(change func(*scope.Platform)) *scope.Platform {
	in := &scope.Platform{
		Tenant: naming.Tenant{Installation: "i", Namespace: "ns", NamespaceUID: "u", Name: "studio"},
		Class: &v1alpha1.PlatformClass{Spec: v1alpha1.PlatformClassSpec{
			Region: "eu-central-1", AccountID: "123456789012",
			Identity: v1alpha1.ClassIdentity{RoleARN: "arn:aws:iam::123456789012:role/coach"},
		}},
		Spec: &v1alpha1.CoachPlatformSpec{Encryption: v1alpha1.Encryption{RotationDays: 90}},
	}
	if change != nil {
		change(in)
	}
	return in
}

func TestDesire(t *testing.T) {
	got, err := Desire(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := State{KeyState: "Enabled", Alias: platform(nil).Tenant.Alias(), Policy: got.Policy, RotationDays: 90}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wanted state (-want +got):\n%s", diff)
	}
}

func TestTheWantedPolicyFollowsTheClass(t *testing.T) {
	first, err := Desire(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*scope.Platform)
		says   string
	}{
		"the region": {func(p *scope.Platform) { p.Class.Spec.Region = "eu-west-1" }, "rds.eu-west-1.amazonaws.com"},
		"the account": {
			func(p *scope.Platform) { p.Class.Spec.AccountID = "111111111111" }, "arn:aws:iam::111111111111:root",
		},
		"the role": {
			func(p *scope.Platform) { p.Class.Spec.Identity.RoleARN = "arn:aws:iam::123456789012:role/two" },
			"arn:aws:iam::123456789012:role/two",
		},
		"the partition": {
			func(p *scope.Platform) { p.Class.Spec.Identity.RoleARN = "arn:aws-us-gov:iam::123456789012:role/coach" },
			"arn:aws-us-gov:iam::123456789012:root",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Desire(platform(c.change))
			if err != nil || got.Policy == first.Policy || !strings.Contains(got.Policy, c.says) {
				t.Errorf("policy without %s: %v\n%s", c.says, err, got.Policy)
			}
		})
	}
}

// Whoever administers the account cannot read what the key protects, and the class's role can only
// through RDS (FSBP KMS.5).
func TestNobodyUsesTheKeyButThroughRDS(t *testing.T) {
	want, err := Desire(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Sid, Effect string
			Action      any
			Condition   map[string]map[string]string
		}
	}
	if err := json.Unmarshal([]byte(want.Policy), &policy); err != nil {
		t.Fatal(err)
	}
	for _, s := range policy.Statement {
		actions, err := json.Marshal(s.Action)
		if err != nil || s.Effect != "Allow" {
			t.Fatalf("%s: %v %s", s.Sid, err, s.Effect)
		}
		uses := strings.Contains(string(actions), "crypt") || strings.Contains(string(actions), "DataKey") ||
			strings.Contains(string(actions), "CreateGrant") || strings.Contains(string(actions), "kms:*")
		through := s.Condition["StringEquals"]["kms:ViaService"] == "rds.eu-central-1.amazonaws.com"
		if uses && !through {
			t.Errorf("%s allows %s without going through RDS", s.Sid, actions)
		}
	}
}

func TestCheckPolicy(t *testing.T) {
	want := State{Policy: `{"Statement":[{"Action":"kms:Get*","Effect":"Allow","Principal":{"AWS":"arn:a"}}]}`}
	open := func(principal string) string {
		return `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:a"}},{"Effect":"Allow",` + principal + `}]}`
	}
	for name, c := range map[string]struct {
		policy  string
		verdict converge.Verdict
	}{
		"the wanted policy":                  {want.Policy, converge.Verified},
		"another policy":                     {`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:b"}}]}`, converge.Violated},
		"everybody":                          {open(`"Principal":"*"`), converge.Violated},
		"every AWS principal":                {open(`"Principal":{"AWS":"*"}`), converge.Violated},
		"every principal among others":       {open(`"Principal":{"AWS":["arn:a","*"]}`), converge.Violated},
		"every service":                      {open(`"Principal":{"Service":"*","AWS":"arn:a"}`), converge.Violated},
		"all but one":                        {open(`"NotPrincipal":{"AWS":"arn:a"}`), converge.Violated},
		"a principal nobody can read":        {open(`"Principal":{"AWS":7}`), converge.Violated},
		"no policy":                          {``, converge.Unknown},
		"a policy without statements":        {`{"Statement":[]}`, converge.Unknown},
		"a policy that is not JSON":          {`{`, converge.Unknown},
		"everybody is refused, nobody named": {`{"Statement":[{"Effect":"Deny","Principal":"*"}]}`, converge.Violated},
	} {
		t.Run(name, func(t *testing.T) {
			got, seen := checkPolicy(want, State{Policy: c.policy})
			if got != c.verdict || seen == "" {
				t.Errorf("verdict %d (%s), want %d", got, seen, c.verdict)
			}
		})
	}
}

// named is a key made at the given second.
func named(id string, second int64, change func(*aws.Key)) seen {
	k := &aws.Key{Tags: map[string]string{}, Metadata: kmstypes.KeyMetadata{
		KeyId: &id, CreationDate: awssdk.Time(time.Unix(second, 0)), KeyState: kmstypes.KeyStateEnabled,
	}}
	if change != nil {
		change(k)
	}
	return seen{Key: k}
}

func TestChooseAndExtras(t *testing.T) {
	const alias = "alias/a"
	recorded := func(k *aws.Key) { k.Tags[naming.TagDatabase] = "a/r/db-1" }
	aliased := func(k *aws.Key) { k.Aliases = []string{"alias/b", alias} }
	dying := func(k *aws.Key) { k.Metadata.KeyState = kmstypes.KeyStatePendingDeletion }
	both := func(k *aws.Key) { recorded(k); dying(k) }
	for name, c := range map[string]struct {
		keys   []seen
		own    string
		extras []string
	}{
		"the only one":                       {[]seen{named("a", 1, nil)}, "a", nil},
		"the oldest":                         {[]seen{named("b", 2, nil), named("a", 1, nil)}, "a", []string{"b"}},
		"the one with the alias":             {[]seen{named("a", 1, nil), named("b", 2, aliased)}, "b", []string{"a"}},
		"the one that records a database":    {[]seen{named("a", 1, aliased), named("b", 2, recorded)}, "b", []string{"a"}},
		"even when it awaits deletion":       {[]seen{named("a", 1, aliased), named("b", 2, both)}, "b", []string{"a"}},
		"one that lives before one dying":    {[]seen{named("a", 1, dying), named("b", 2, nil)}, "b", nil},
		"a dying one when there is no other": {[]seen{named("b", 2, dying), named("a", 1, dying)}, "a", nil},
		"another record is kept":             {[]seen{named("a", 1, recorded), named("b", 2, recorded)}, "a", nil},
	} {
		t.Run(name, func(t *testing.T) {
			own := choose(c.keys, alias)
			if got := awssdk.ToString(own.Metadata.KeyId); got != c.own {
				t.Errorf("chose %s, want %s", got, c.own)
			}
			if diff := cmp.Diff(c.extras, extras(c.keys, own)); diff != "" {
				t.Errorf("extras (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStateOf(t *testing.T) {
	k := named("id", 1, func(k *aws.Key) {
		k.Metadata.Arn = awssdk.String("arn:aws:kms:r:a:key/id")
		k.Policy = "{ \"b\": 1,\n \"a\": [\"y\", \"x\"] }"
		k.Rotating, k.RotationDays, k.Aliases = true, 90, []string{"alias/a"}
		k.Tags[naming.TagReleased], k.Tags[naming.TagDatabase] = "retain", "a/r/db-1"
	})
	got, err := stateOf(k, State{Alias: "alias/a"})
	want := State{
		ID: "id", ARN: "arn:aws:kms:r:a:key/id", KeyState: "Enabled", Alias: "alias/a", Policy: `{"a":["y","x"],"b":1}`,
		RotationDays: 90, Released: "retain", Recorded: "a/r/db-1",
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
	k.Rotating, k.Aliases = false, []string{"alias/other"}
	if got, err = stateOf(k, State{Alias: "alias/a"}); err != nil || got.RotationDays != 0 || got.Alias != "" {
		t.Errorf("without rotation and alias: %+v, %v", got, err)
	}
	k.Policy = "not JSON"
	if _, err = stateOf(k, State{}); err == nil {
		t.Error("a policy that cannot be read is no error")
	}
}
