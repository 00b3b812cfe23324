package key

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/database"
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

// rdsOnly is the wanted state of a platform whose key only RDS uses.
var rdsOnly = Desire(database.KeyUser(nil))

// logs is another user, as a step that encrypts log groups would declare it.
var logs = scope.KeyUser{Service: "logs", Statements: func(in *scope.Platform) []scope.KeyStatement {
	return []scope.KeyStatement{{
		Sid: "LogsUse", Principal: map[string]string{"Service": "logs." + in.Class.Spec.Region + ".amazonaws.com"},
		Actions: []string{"kms:Decrypt", "kms:Encrypt"},
		Condition: map[string]map[string]string{
			"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:aws:logs:eu-central-1:123456789012:log-group:/of/" + in.Tenant.Resource() + "*"},
		},
	}}
}}

func TestDesire(t *testing.T) {
	got, err := rdsOnly(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := State{
		KeyState: "Enabled", Alias: platform(nil).Tenant.Alias(), Policy: got.Policy, RotationDays: 90, Users: []string{"rds"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wanted state (-want +got):\n%s", diff)
	}
}

// Another text would write the policy of every key once more.
func TestThePolicyForRDSOnlyIsTheSameToTheByte(t *testing.T) {
	want, err := os.ReadFile("testdata/policy-for-rds-only.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := rdsOnly(platform(nil))
	if err != nil || got.Policy+"\n" != string(want) {
		t.Errorf("%v: the policy is\n%s\nwant\n%s", err, got.Policy, want)
	}
}

func TestAnotherUserOfTheKeyIsAdmittedBesideTheFirst(t *testing.T) {
	one, err := rdsOnly(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	two, err := Desire(database.KeyUser(nil), logs)(platform(nil))
	if err != nil {
		t.Fatal(err)
	}
	statements := func(s State) (all []map[string]any) {
		var document struct{ Statement []map[string]any }
		if err := json.Unmarshal([]byte(s.Policy), &document); err != nil {
			t.Fatal(err)
		}
		return document.Statement
	}
	before, after := statements(one), statements(two)
	if diff := cmp.Diff(before, after[:len(before)]); diff != "" {
		t.Errorf("the statements of the first user changed (-alone +beside another):\n%s", diff)
	}
	if len(after) != len(before)+1 || after[len(before)]["Sid"] != "LogsUse" {
		t.Errorf("the second user has no statement: %v", after)
	}
	verdict, words := checkPolicy(two, two)
	if verdict != converge.Verified || !strings.Contains(words, "only rds, logs use") {
		t.Errorf("CP-KEY-03 of both: %d, %q", verdict, words)
	}
	if verdict, words = checkPolicy(one, two); verdict != converge.Violated || !strings.Contains(words, "only rds use") {
		t.Errorf("CP-KEY-03 of a service that no step declares: %d, %q", verdict, words)
	}
}

func TestAnUnboundUserOfTheKeyIsRefused(t *testing.T) {
	through := map[string]string{"kms:ViaService": "rds.eu-central-1.amazonaws.com"}
	role := map[string]string{"AWS": "arn:aws:iam::123456789012:role/coach"}
	for name, c := range map[string]struct {
		principal map[string]string
		condition map[string]map[string]string
		refused   bool
	}{
		"a role through one service":             {role, map[string]map[string]string{"StringEquals": through}, false},
		"a service for one context":              {map[string]string{"Service": "logs.a.amazonaws.com"}, map[string]map[string]string{"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "arn:a"}}, false},
		"a role without a condition":             {role, nil, true},
		"a role of the account":                  {role, map[string]map[string]string{"StringEquals": {"kms:CallerAccount": "123456789012"}}, true},
		"a condition that a call need not meet":  {role, map[string]map[string]string{"StringEqualsIfExists": through}, true},
		"a condition that another service meets": {role, map[string]map[string]string{"StringNotEquals": through}, true},
		"every context but one":                  {role, map[string]map[string]string{"ArnNotLike": {"kms:EncryptionContext:aws:logs:arn": "arn:a"}}, true},
		"any context":                            {role, map[string]map[string]string{"ArnLike": {"kms:EncryptionContext:aws:logs:arn": "*"}}, true},
		"every principal":                        {map[string]string{"AWS": "*"}, map[string]map[string]string{"StringEquals": through}, true},
		"no principal":                           {nil, map[string]map[string]string{"StringEquals": through}, true},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Desire(scope.KeyUser{Service: "x", Statements: func(*scope.Platform) []scope.KeyStatement {
				return []scope.KeyStatement{{Sid: "X", Principal: c.principal, Actions: []string{"kms:Decrypt"}, Condition: c.condition}}
			}})(platform(nil))
			if refused := err != nil; refused != c.refused {
				t.Errorf("refused: %v, want %t", err, c.refused)
			}
		})
	}
}

func TestTheWantedPolicyFollowsTheClass(t *testing.T) {
	first, err := rdsOnly(platform(nil))
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
			got, err := rdsOnly(platform(c.change))
			if err != nil || got.Policy == first.Policy || !strings.Contains(got.Policy, c.says) {
				t.Errorf("policy without %s: %v\n%s", c.says, err, got.Policy)
			}
		})
	}
}

// An administrator of the account cannot read what the key protects, and the class's role can only
// through RDS (FSBP KMS.5).
func TestTheKeyIsUsedThroughRDSOnly(t *testing.T) {
	want, err := rdsOnly(platform(nil))
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
		"the wanted policy":                         {want.Policy, converge.Verified},
		"another policy":                            {`{"Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:b"}}]}`, converge.Violated},
		"every principal":                           {open(`"Principal":"*"`), converge.Violated},
		"every AWS principal":                       {open(`"Principal":{"AWS":"*"}`), converge.Violated},
		"every principal among others":              {open(`"Principal":{"AWS":["arn:a","*"]}`), converge.Violated},
		"every service":                             {open(`"Principal":{"Service":"*","AWS":"arn:a"}`), converge.Violated},
		"all but one":                               {open(`"NotPrincipal":{"AWS":"arn:a"}`), converge.Violated},
		"a principal that cannot be read":           {open(`"Principal":{"AWS":7}`), converge.Violated},
		"no policy":                                 {``, converge.Unknown},
		"a policy without statements":               {`{"Statement":[]}`, converge.Unknown},
		"a policy that is not JSON":                 {`{`, converge.Unknown},
		"every principal is refused, none is named": {`{"Statement":[{"Effect":"Deny","Principal":"*"}]}`, converge.Violated},
	} {
		t.Run(name, func(t *testing.T) {
			got, seen := checkPolicy(want, State{Policy: c.policy})
			if got != c.verdict || seen == "" {
				t.Errorf("verdict %d (%s), want %d", got, seen, c.verdict)
			}
		})
	}
}

// named is a key created at the given second, as this operator creates them.
func named(id string, second int64, changes ...func(*aws.Key)) seen {
	k := &aws.Key{Tags: map[string]string{}, Policy: ours, Metadata: kmstypes.KeyMetadata{
		KeyId: &id, Arn: awssdk.String("arn:" + id), CreationDate: awssdk.Time(time.Unix(second, 0)),
		KeyState: kmstypes.KeyStateEnabled, KeySpec: kmstypes.KeySpecSymmetricDefault,
		KeyUsage: kmstypes.KeyUsageTypeEncryptDecrypt, Origin: kmstypes.OriginTypeAwsKms,
	}}
	for _, change := range changes {
		change(k)
	}
	return seen{Key: k}
}

const (
	ours  = `{"Statement":[]}`
	alias = "alias/a"
)

func recorded(k *aws.Key)      { k.Tags[naming.TagDatabase] = "a/r/db-1" }
func recordedOther(k *aws.Key) { k.Tags[naming.TagDatabase] = "a/r/db-2" }
func aliased(k *aws.Key)       { k.Aliases = []string{"alias/b", alias} }
func dying(k *aws.Key)         { k.Metadata.KeyState = kmstypes.KeyStatePendingDeletion }
func foreign(k *aws.Key)       { k.Policy = `{"Statement":[{"Sid":"payroll"}]}` }

func TestWhichKeyIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		keys     []seen
		recorded scope.Record
		used     string
		own      string
	}{
		"the only one":                     {keys: []seen{named("a", 1)}, own: "a"},
		"the oldest":                       {keys: []seen{named("b", 2), named("a", 1)}, own: "a"},
		"the one with the alias":           {keys: []seen{named("a", 1), named("b", 2, aliased)}, own: "b"},
		"the one that records a database":  {keys: []seen{named("a", 1, aliased), named("b", 2, recorded)}, own: "b"},
		"even when it awaits deletion":     {keys: []seen{named("a", 1, aliased), named("b", 2, recorded, dying)}, own: "b"},
		"one that lives before one dying":  {keys: []seen{named("a", 1, dying), named("b", 2)}, own: "b"},
		"a dying one rather than no other": {keys: []seen{named("b", 2, dying), named("a", 1, dying)}, own: "a"},
		"the record of the object before an older key's": {
			keys: []seen{named("a", 1, recordedOther), named("b", 2, recorded)}, own: "b",
			recorded: scope.Record{AccountID: "a", Region: "r", ResourceID: "db-1"},
		},
		"the database's own before every tag and name": {
			keys: []seen{named("a", 1, recorded, aliased), named("b", 2, foreign)}, used: "b", own: "b",
			recorded: scope.Record{AccountID: "a", Region: "r", ResourceID: "db-1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			u := usage{}
			if c.used != "" {
				u.own = "arn:" + c.used
			}
			own := choose(c.keys, alias, c.recorded, u)
			if got := awssdk.ToString(own.Metadata.KeyId); got != c.own {
				t.Errorf("chose %s, want %s", got, c.own)
			}
		})
	}
}

func TestWhichKeysAreDropped(t *testing.T) {
	inUse := map[string]rdstypes.DBInstance{
		"own": {KmsKeyId: awssdk.String("arn:own")}, "another": {KmsKeyId: awssdk.String("arn:another's")},
	}
	for name, c := range map[string]struct {
		key     seen
		used    usage
		dropped bool
	}{
		"one that a lost answer left":             {named("a", 2), usage{"arn:own", inUse}, true},
		"not while there is no database":          {named("a", 2), usage{}, false},
		"not while the database has another key":  {named("a", 2), usage{"arn:b", inUse}, false},
		"not one with another policy":             {named("a", 2, foreign), usage{"arn:own", inUse}, false},
		"not one with a name":                     {named("a", 2, aliased), usage{"arn:own", inUse}, false},
		"not one that records a database":         {named("a", 2, recorded), usage{"arn:own", inUse}, false},
		"not one that a database uses":            {named("another's", 2), usage{"arn:own", inUse}, false},
		"not one that awaits its deletion anyway": {named("a", 2, dying), usage{"arn:own", inUse}, false},
		"not one whose policy cannot be read": {
			named("a", 2, func(k *aws.Key) { k.Policy = "" }),
			usage{"arn:own", inUse},
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			own := named("own", 1)
			got := extras([]seen{own, c.key}, own, State{Policy: ours}, c.used)
			if dropped := len(got) > 0; dropped != c.dropped {
				t.Errorf("dropped: %v, want %t", got, c.dropped)
			}
		})
	}
}

func TestAKeyThatSomethingIsEncryptedWithIsNotDropped(t *testing.T) {
	uses := func(arns []string, err error) scope.KeyUser {
		return scope.KeyUser{Uses: func(context.Context, *scope.Platform) ([]string, error) { return arns, err }}
	}
	keys := []State{{ID: "a", ARN: "arn:a"}, {ID: "b", ARN: "arn:b"}}
	for name, c := range map[string]struct {
		users   []scope.KeyUser
		dropped []string
	}{
		"no user has data beyond databases": {[]scope.KeyUser{{}}, []string{"a", "b"}},
		"a user has none":                   {[]scope.KeyUser{uses(nil, nil)}, []string{"a", "b"}},
		"a user has data of one":            {[]scope.KeyUser{uses(nil, nil), uses([]string{"arn:a"}, nil)}, []string{"b"}},
		"users have data of both":           {[]scope.KeyUser{uses([]string{"arn:b"}, nil), uses([]string{"arn:a"}, nil)}, nil},
		"a use that cannot be read":         {[]scope.KeyUser{uses(nil, nil), uses(nil, errors.New("denied"))}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := &resource{users: c.users}
			if diff := cmp.Diff(c.dropped, r.unused(t.Context(), platform(nil), keys)); diff != "" {
				t.Errorf("dropped (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyAKeyThatRDSTakesIsSuitable(t *testing.T) {
	for name, c := range map[string]struct {
		change   func(*aws.Key)
		suitable bool
	}{
		"as this operator creates it": {func(*aws.Key) {}, true},
		"of several regions":          {func(k *aws.Key) { k.Metadata.MultiRegion = awssdk.Bool(true) }, false},
		"with imported material":      {func(k *aws.Key) { k.Metadata.Origin = kmstypes.OriginTypeExternal }, false},
		"asymmetric":                  {func(k *aws.Key) { k.Metadata.KeySpec = kmstypes.KeySpecRsa2048 }, false},
		"for signatures":              {func(k *aws.Key) { k.Metadata.KeyUsage = kmstypes.KeyUsageTypeSignVerify }, false},
	} {
		if got := suitable(named("a", 1, c.change).Key); got != c.suitable {
			t.Errorf("a key %s is suitable: %t", name, got)
		}
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
