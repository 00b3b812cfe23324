package v1alpha1_test

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/coachplatform/coach-operator/internal/testkit/env"
)

// platformYAML and classYAML are good objects that give every field a value.
const platformYAML = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: CoachPlatform
metadata: {name: studio, namespace: default}
spec:
  className: standard
  displayName: Studio A
  deletionPolicy: Retain
  managementPolicy: Full
  changePolicy: Approve
  encryption: {rotationDays: 365}
  database:
    engineVersion: "16.4"
    instanceClass: db.t4g.medium
    storage: {sizeGiB: 100, maxSizeGiB: 200}
    multiAZ: true
    encrypted: true
    publiclyAccessible: false
    deletionProtection: true
    iamAuthentication: true
    port: 5433
    tls: {required: true, minVersion: TLSv1.2}
    backup: {retentionDays: 14, window: 02:00-03:00}
    maintenanceWindow: sun:04:00-sun:05:00
    allowFrom:
      cidrs: [203.0.113.0/28]
      securityGroupIDs: [sg-0a1b2c3d]
      instanceIDs: [i-0a1b2c3d4e5f60718]
  stripe:
    credentialsSecretName: stripe-key
    webhookSecretName: stripe-webhook
    mode: Test
    onPlatformViolation: Suspend
`

const classYAML = `
apiVersion: payouts.coachplatform.io/v1alpha1
kind: PlatformClass
metadata: {name: standard}
spec:
  region: eu-central-1
  accountID: "123456789012"
  identity: {roleARN: "arn:aws:iam::123456789012:role/coach-operator", externalID: coach-demo}
  network:
    vpc: {ids: [vpc-0a1b2c3d]}
    subnets: {tags: [{key: coach-platform, value: private}]}
    workloadSecurityGroups: {ids: [sg-0a1b2c3d]}
    operatorSecurityGroup: {ids: [sg-0a1b2c3e]}
  database:
    instanceClasses: [db.t4g.medium]
    engineVersions: ["16"]
    maxStorageGiB: 1000
    minBackupRetentionDays: 7
    widestCIDRPrefix: 24
  accepted:
    securityGroupIDs: [sg-0a1b2c3d]
    instanceIDs: [i-0a1b2c3d]
  stripe: {mode: Test, countries: [DE, US], webhookBaseURL: https://hooks.example.com}
  allowedNamespaces: [tenant-a, "studio-*"]
  exemptions:
    - {control: CP-DB-04, reason: accepted until the upgrade, expiresAt: "2027-01-01T00:00:00Z"}
`

func parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	plainText, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(plainText, &u.Object); err != nil { // which reads whole numbers as such
		t.Fatal(err)
	}
	return u
}

// absent as a value takes the field away.
type absent struct{}

// with returns the object with one field changed; the path is a field of the spec, or begins with
// metadata.
func with(t *testing.T, u *unstructured.Unstructured, path string, value any) *unstructured.Unstructured {
	t.Helper()
	u = u.DeepCopy()
	fields := strings.Split(path, ".")
	if fields[0] != "metadata" {
		fields = append([]string{"spec"}, fields...)
	}
	if _, drop := value.(absent); drop {
		unstructured.RemoveNestedField(u.Object, fields...)
		return u
	}
	if err := unstructured.SetNestedField(u.Object, plain(value), fields...); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return u
}

// plain turns what is handy to write in a table into what JSON has.
func plain(value any) any {
	switch v := value.(type) {
	case int:
		return int64(v)
	case []string:
		list := make([]any, len(v))
		for i := range v {
			list[i] = v[i]
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for key, item := range v {
			object[key] = plain(item)
		}
		return object
	case []map[string]any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	default:
		return value
	}
}

// ids returns n different identifiers.
func ids(prefix string, n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("%s-%08x", prefix, i))
	}
	return list
}

// edge is a field with values on both sides of its bounds.
type edge struct {
	path string
	good []any
	// bad are the values that are refused, by a part of the message.
	bad map[string]any
	// was is the good value that stands before the bad or good one is written; nil makes the object anew.
	was any
	// has is what the status says of the database meanwhile; nil is that there is none.
	has map[string]any
}

const (
	otherShrinks    = "storage cannot shrink on RDS below what the database has (status.database.allocatedGiB); set sizeGiB back, or move the data to a new platform"
	immutableClass  = "className cannot change, since databases do not move between accounts; make a new platform"
	otherMajor      = "the major version cannot change in place, but to the one that the database runs; set it back, or move the data to a new platform"
	noWholeInternet = "a range that is the whole internet is never allowed; name the addresses that need access"
	otherPort       = "database.port cannot be changed: clients and firewall would be cut off; make a new platform"
	tooLittleGrowth = "maxSizeGiB must be at least 10 % above sizeGiB, as RDS asks; leave it out for no growth"
	tooShortWindow  = "a backup window is at least 30 minutes long, such as 02:00-03:00"
	notACIDR        = "not an IPv4 range in CIDR form with its host bits zero, such as 203.0.113.0/28 or 203.0.113.7/32"
)

var platformEdges = []edge{
	{path: "metadata.name", good: []any{strings.Repeat("a", 40)}, bad: map[string]any{
		"metadata.name: at most 40 characters, since names of AWS resources are made from it": strings.Repeat("a", 41),
	}},
	{path: "className", good: []any{"a", strings.Repeat("a", 63)}, bad: map[string]any{
		"Required value": absent{}, "at least 1 char": "", "Too long": strings.Repeat("a", 64), "should match": "Standard",
	}},
	{path: "className", was: "standard", good: []any{"standard"}, bad: map[string]any{immutableClass: "other"}},
	{path: "displayName", good: []any{"a", strings.Repeat("ü", 100)}, bad: map[string]any{
		"Required value": absent{}, "at least 1 char": "", "Too long": strings.Repeat("a", 101),
	}},
	{path: "deletionPolicy", good: []any{"Retain", absent{}}, bad: map[string]any{"Unsupported value": "Delete"}},
	{path: "managementPolicy", good: []any{"Full", "Observe", absent{}}, bad: map[string]any{"Unsupported value": "None"}},
	{path: "changePolicy", good: []any{"Approve", absent{}}, bad: map[string]any{"Unsupported value": "Automatic"}},
	{path: "encryption", good: []any{absent{}, map[string]any{}}, bad: map[string]any{"must be of type object": "yes"}},
	{path: "encryption.rotationDays", good: []any{90, 2560}, bad: map[string]any{
		"greater than or equal to 90": 89, "less than or equal to 2560": 2561,
	}},
	{path: "database", good: []any{absent{}, map[string]any{}}},
	{path: "database.engineVersion", good: []any{"14", "15.1", "16", "17.12", "18"}, bad: map[string]any{
		"should match": "13", "Too long": "16.123", "must be of type string": 16,
	}},
	{path: "database.engineVersion", was: "16.4", good: []any{"16", "16.9", "16.4"}, bad: map[string]any{otherMajor: "17"}, has: map[string]any{"resourceID": "db-1"}},
	{path: "database.instanceClass", good: []any{"db.m7g.large"}, bad: map[string]any{
		"should match": "t4g.medium", "Too long": "db.t4g." + strings.Repeat("m", 26),
	}},
	{path: "database.storage", good: []any{absent{}, map[string]any{"sizeGiB": 20}, map[string]any{"sizeGiB": 20, "maxSizeGiB": 22}}, bad: map[string]any{
		tooLittleGrowth: map[string]any{"sizeGiB": 30, "maxSizeGiB": 29},
	}},
	{path: "database.storage", bad: map[string]any{tooLittleGrowth: map[string]any{"sizeGiB": 30, "maxSizeGiB": 30}}},
	{
		path: "database.storage", good: []any{map[string]any{"sizeGiB": 30, "maxSizeGiB": 33}},
		bad: map[string]any{tooLittleGrowth: map[string]any{"sizeGiB": 30, "maxSizeGiB": 32}},
	},
	{path: "database.storage.sizeGiB", good: []any{20, 180}, bad: map[string]any{
		"greater than or equal to 20": 19, "less than or equal to 65536": 65537,
	}},
	{path: "database.storage.sizeGiB", was: 100, good: []any{100, 101, 99}}, // there is no database yet
	{
		path: "database.storage.sizeGiB", was: 100, good: []any{100, 101, 50}, bad: map[string]any{otherShrinks: 49},
		has: map[string]any{"resourceID": "db-1", "allocatedGiB": int64(50)},
	},
	{path: "database.storage.maxSizeGiB", good: []any{110, 65536, absent{}}, bad: map[string]any{
		"greater than or equal to 22": 21, "less than or equal to 65536": 65537,
	}},
	{path: "database.multiAZ", good: []any{true, false}, bad: map[string]any{"must be of type boolean": "yes"}},
	{path: "database.encrypted", good: []any{true, absent{}}, bad: map[string]any{
		"encrypted cannot be false: personal data is stored encrypted only; leave the field out": false,
	}},
	{path: "database.publiclyAccessible", good: []any{false, absent{}}, bad: map[string]any{
		"publiclyAccessible cannot be true: the database has no public address; use allowFrom to admit private ones": true,
	}},
	{path: "database.deletionProtection", good: []any{true, false}},
	{path: "database.iamAuthentication", good: []any{true, false}},
	{path: "database.port", good: []any{1150, 5431, 5433, 65535, absent{}}, bad: map[string]any{
		"greater than or equal to 1150": 1149, "less than or equal to 65535": 65536,
		"5432 is the port every scanner tries first (FSBP RDS.23); choose another, such as 5433": 5432,
	}},
	{path: "database.port", was: 5433, good: []any{5433, absent{}}, bad: map[string]any{otherPort: 5434}},
	{path: "database.port", was: 5434, good: []any{5434}, bad: map[string]any{otherPort: absent{}}},
	{path: "database.tls", good: []any{absent{}, map[string]any{}}},
	{path: "database.tls.required", good: []any{true, absent{}}, bad: map[string]any{
		"tls.required cannot be false: personal data travels over TLS only; leave the field out": false,
	}},
	{path: "database.tls.minVersion", good: []any{"TLSv1.2", "TLSv1.3"}, bad: map[string]any{"Unsupported value": "TLSv1.1"}},
	{path: "database.backup.retentionDays", good: []any{1, 35}, bad: map[string]any{
		"greater than or equal to 1": 0, "less than or equal to 35": 36,
	}},
	{path: "database.backup.window", good: []any{"23:30-00:00", "00:00-00:30"}, bad: map[string]any{
		"should match": "24:00-25:00", "Too long": "002:00-03:00", tooShortWindow: "02:00-02:00",
	}},
	{path: "database.backup.window", bad: map[string]any{tooShortWindow: "23:45-00:14", "should match": "2-3"}},
	{path: "database.maintenanceWindow", good: []any{"mon:00:00-mon:00:30"}, bad: map[string]any{
		"should match": "04:00-05:00", "Too long": "sunday:04:00-sun:05:00",
	}},
	{path: "database.allowFrom", good: []any{absent{}, map[string]any{}}},
	{path: "database.allowFrom.cidrs", good: []any{[]string{"203.0.113.7/32"}, []string{"10.0.0.0/8", "203.0.113.0/28"}, []string{}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{noWholeInternet: []string{"0.0.0.0/0"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{notACIDR: []string{"203.0.113.1/28"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{notACIDR: []string{"203.0.113.7"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{notACIDR: []string{"2001:db8::/32"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{notACIDR: []string{"::ffff:0.0.0.0/96"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{notACIDR: []string{"::/0"}}},
	{path: "database.allowFrom.cidrs", bad: map[string]any{
		"Too long": []string{"203.000.113.000/028"}, "Duplicate value": []string{"10.0.0.0/24", "10.0.0.0/24"},
		"must have at most 20 items": cidrs(21),
	}, good: []any{cidrs(20)}},
	{path: "database.allowFrom.securityGroupIDs", good: []any{ids("sg", 10), []string{"sg-0a1b2c3d4e5f60718"}}, bad: map[string]any{
		"should match": []string{"i-0a1b2c3d"}, "Too long": []string{"sg-" + strings.Repeat("a", 62)},
		"Duplicate value": []string{"sg-0a1b2c3d", "sg-0a1b2c3d"}, "must have at most 10 items": ids("sg", 11),
	}},
	{path: "database.allowFrom.instanceIDs", good: []any{ids("i", 10)}, bad: map[string]any{
		"should match": []string{"sg-0a1b2c3d"}, "Too long": []string{"i-" + strings.Repeat("a", 63)},
		"Duplicate value": []string{"i-0a1b2c3d", "i-0a1b2c3d"}, "must have at most 10 items": ids("i", 11),
	}},
	{path: "database.roles", good: []any{
		absent{},
		[]any{},
		roles(20), role("name", "a"), role("name", strings.Repeat("a", 32)), role("name", "apps"), role("name", "rd_s"),
		role("connectionLimit", 1), role("connectionLimit", 5000), role("iam", true), role("access", "ReadWrite"),
	}, bad: map[string]any{
		"must have at most 20 items": roles(21), "Duplicate value": append(role("access", "ReadOnly"), role("access", "ReadWrite")...),
		"Required value": role("name", absent{}), "at least 1 char": role("name", ""), "Too long": role("name", strings.Repeat("a", 33)),
		"should match": role("name", "Reporting"), "Unsupported value": role("access", "Superuser"),
		"greater than or equal to 1": role("connectionLimit", 0), "less than or equal to 5000": role("connectionLimit", 5001),
		reservedPrefix: role("name", "pg_reporting"), reservedName: role("name", "postgres"),
	}},
	{path: "database.roles", bad: map[string]any{"should match": role("name", "a-b"), "Required value": role("access", absent{})}},
	{path: "database.roles", bad: map[string]any{"should match": role("name", `a"; DROP ROLE b`), reservedPrefix: role("name", "rdsadmin")}},
	{path: "database.roles", bad: map[string]any{"should match": role("name", "a_"), reservedPrefix: role("name", "coach_app")}},
	{path: "database.roles", bad: map[string]any{"should match": role("name", "1a"), reservedName: role("name", "reader")}},
	{path: "database", good: []any{map[string]any{"iamAuthentication": true, "roles": role("iam", true)}}, bad: map[string]any{
		"roles: a login with iam: true needs iamAuthentication, which is false; leave iamAuthentication out, or iam": map[string]any{
			"iamAuthentication": false, "roles": role("iam", true),
		},
	}},
}

const (
	reservedPrefix = "names that begin with pg_ (PostgreSQL), rds (RDS) or coach_ (the operator) are reserved; choose another, such as reporting"
	reservedName   = "this name is reserved by PostgreSQL or the operator; choose another, such as reporting"
)

func role(field string, value any) []map[string]any {
	r := map[string]any{"name": "reporting", "access": "ReadOnly", field: value}
	if _, drop := value.(absent); drop {
		delete(r, field)
	}
	return []map[string]any{r}
}

func roles(n int) []map[string]any {
	var list []map[string]any
	for i := range n {
		list = append(list, role("name", fmt.Sprint("role", i))...)
	}
	return list
}

func cidrs(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("10.0.%d.0/24", i))
	}
	return list
}

const neitherNorBoth = "give either ids or tags, not both and not neither"

// selectorEdges are the bounds of a selector of the class's network.
func selectorEdges(path, prefix string) []edge {
	tag := func(key, value any) []map[string]any { return []map[string]any{{"key": key, "value": value}} }
	tagged := func(tags any) map[string]any { return map[string]any{"tags": tags} }
	var many []map[string]any
	for i := range 9 {
		many = append(many, map[string]any{"key": fmt.Sprint("k", i), "value": "v"})
	}
	list := func(ids ...string) map[string]any { return map[string]any{"ids": ids} }
	strange := map[string]string{"vpc": "subnet-0a1b2c3d", "subnet": "sg-0a1b2c3d", "sg": "vpc-0a1b2c3d"}[prefix]
	return []edge{
		{path: path, bad: map[string]any{path + ".ids: the ID of a ": list(prefix+"-0a1b2c3d", strange), "begins with " + prefix + "-": list(strange)}},
		{path: path, bad: map[string]any{neitherNorBoth: map[string]any{}}},
		{path: path, bad: map[string]any{neitherNorBoth: map[string]any{"ids": ids(prefix, 1), "tags": tag("a", "b")}}},
		{path: path, good: []any{list(ids(prefix, 16)...), tagged(many[:8]), tagged(tag("k", "v"))}, bad: map[string]any{
			"should match": list("ami-0a1b2c3d"), "Too long": list(prefix + "-" + strings.Repeat("a", 64)), "at least 1 char": list(""),
			"Duplicate value": list(prefix+"-0a1b2c3d", prefix+"-0a1b2c3d"), "must have at most 16 items": list(ids(prefix, 17)...),
			"should have at least 1 items": list(),
		}},
		{path: path, bad: map[string]any{
			"Duplicate value": tagged([]map[string]any{{"key": "k", "value": "1"}, {"key": "k", "value": "2"}}),
			"Too long":        tagged(tag(strings.Repeat("k", 129), "v")), "at least 1 char": tagged(tag("", "v")),
			"must have at most 8 items": tagged(many), "should have at least 1 items": tagged([]map[string]any{}),
			"Required value": tagged([]map[string]any{{"value": "v"}}),
		}},
		{path: path, bad: map[string]any{
			"Too long": tagged(tag("k", strings.Repeat("v", 257))), "at least 1 char": tagged(tag("k", "")),
			"Required value": tagged([]map[string]any{{"key": "k"}}),
		}},
	}
}

// exempt is one exemption with a field changed.
func exempt(field string, value any) []map[string]any {
	e := map[string]any{"control": "CP-DB-04", "reason": "accepted until then", "expiresAt": "2027-01-01T00:00:00Z"}
	e[field] = value
	if _, drop := value.(absent); drop {
		delete(e, field)
	}
	return []map[string]any{e}
}

var classEdges = slices.Concat([]edge{
	{path: "region", good: []any{"us-gov-west-1", "ap-southeast-2"}, bad: map[string]any{
		"Required value": absent{}, "should match": "europe-one", "at least 9 chars": "eu-west1", "Too long": "eu-" + strings.Repeat("a", 23),
	}},
	{path: "region", was: "eu-central-1", good: []any{"eu-central-1"}, bad: map[string]any{
		"region cannot change, since databases do not move; make a new class": "eu-west-1",
	}},
	{path: "accountID", bad: map[string]any{
		"Required value": absent{}, "should match": "12345678901x", "at least 12 chars": "12345678901", "Too long": "1234567890123",
		"must be of type string": 123456789012, "identity.roleARN must be a role of the account in accountID": "123456789013",
	}},
	{path: "accountID", was: "123456789012", good: []any{"123456789012"}, bad: map[string]any{
		"accountID cannot change, since databases do not move; make a new class": "123456789013",
	}},
	{path: "identity", bad: map[string]any{"Required value": absent{}}},
	{path: "identity.roleARN", good: []any{"arn:aws-us-gov:iam::123456789012:role/path/name"}, bad: map[string]any{
		"Required value": absent{}, "should match": "arn:aws:iam::123456789012:user/coach", "at least 20 chars": "arn:aws:iam::1:role",
		"Too long": "arn:aws:iam::123456789012:role/" + strings.Repeat("r", 2048),
		"identity.roleARN must be a role of the account in accountID": "arn:aws:iam::123456789013:role/coach",
	}},
	{path: "identity.externalID", good: []any{"ab"}, bad: map[string]any{
		"Required value": absent{}, "should match": "with space", "at least 2 chars": "a", "Too long": strings.Repeat("a", 1225),
	}},
	{path: "network", bad: map[string]any{"Required value": absent{}}},
	{path: "network.vpc", bad: map[string]any{"Required value": absent{}}},
	{path: "network.subnets", bad: map[string]any{"Required value": absent{}}},
	{path: "network.workloadSecurityGroups", good: []any{absent{}}},
	{path: "network.operatorSecurityGroup", good: []any{absent{}}},
	{path: "database", bad: map[string]any{"Required value": absent{}}},
	{path: "database.instanceClasses", good: []any{[]string{"db.t4g.medium", "db.m7g.large"}}, bad: map[string]any{
		"Required value": absent{}, "should have at least 1 items": []string{}, "should match": []string{"m7g.large"},
		"Too long": []string{"db.t4g." + strings.Repeat("m", 26)}, "Duplicate value": []string{"db.t4g.medium", "db.t4g.medium"},
		"must have at most 64 items": classNames(65),
	}},
	{path: "database.engineVersions", good: []any{[]string{"14", "15", "16", "17", "18"}}, bad: map[string]any{
		"Required value": absent{}, "should have at least 1 items": []string{}, "Unsupported value": []string{"13"},
		"Duplicate value": []string{"16", "16"}, "must have at most 5 items": []string{"14", "15", "16", "17", "18", "16"},
	}},
	{path: "database.maxStorageGiB", good: []any{20, 65536, absent{}}, bad: map[string]any{
		"greater than or equal to 20": 19, "less than or equal to 65536": 65537,
	}},
	{path: "database.minBackupRetentionDays", good: []any{1, 35, absent{}}, bad: map[string]any{
		"greater than or equal to 1": 0, "less than or equal to 35": 36,
	}},
	{path: "database.logRetentionDays", good: []any{1, 365, 3653, absent{}}, bad: map[string]any{"Unsupported value": 364}},
	{path: "database.widestCIDRPrefix", good: []any{8, 32, absent{}}, bad: map[string]any{
		"greater than or equal to 8": 7, "less than or equal to 32": 33,
	}},
	{path: "accepted", good: []any{absent{}, map[string]any{}}},
	{path: "accepted.securityGroupIDs", good: []any{ids("sg", 64)}, bad: map[string]any{
		"should match": []string{"i-0a1b2c3d"}, "Too long": []string{"sg-" + strings.Repeat("a", 62)},
		"Duplicate value": []string{"sg-0a1b2c3d", "sg-0a1b2c3d"}, "must have at most 64 items": ids("sg", 65),
	}},
	{path: "accepted.instanceIDs", good: []any{ids("i", 64)}, bad: map[string]any{
		"should match": []string{"sg-0a1b2c3d"}, "Too long": []string{"i-" + strings.Repeat("a", 63)},
		"Duplicate value": []string{"i-0a1b2c3d", "i-0a1b2c3d"}, "must have at most 64 items": ids("i", 65),
	}},
	{path: "caBundle", good: []any{absent{}, certificate, certificate + strings.Repeat("\n", 262144-len(certificate))}, bad: map[string]any{
		"caBundle holds no certificate; give PEM blocks that begin with -----BEGIN CERTIFICATE-----, or leave it out": "/etc/ssl/ca.crt",
		"at least 1 char": "", "Too long": certificate + strings.Repeat("\n", 262145-len(certificate)),
	}},
	{path: "allowedNamespaces", good: []any{[]string{"*"}, []string{"a"}, []string{"tenant-*", "b2"}, ids("n", 256)}, bad: map[string]any{
		"Required value": absent{}, "should have at least 1 items": []string{}, "should match": []string{"a*b"}, "at least 1 char": []string{""},
		"Too long": []string{strings.Repeat("a", 64)}, "Duplicate value": []string{"a", "a"}, "must have at most 256 items": ids("n", 257),
	}},
	{path: "exemptions", good: []any{absent{}, exempt("control", "CP-KEY-01")}, bad: map[string]any{
		"should match": exempt("control", "RDS.3"), "Too long": exempt("control", "CP-"+strings.Repeat("A", 30)),
		"at least 4 chars": exempt("control", "CP"), "Required value": exempt("control", absent{}),
		"must have at most 32 items": manyExemptions(33), "Duplicate value": append(exempt("reason", "because of this"), exempt("reason", "because of that")...),
	}},
	{path: "exemptions", bad: map[string]any{
		"at least 10 chars": exempt("reason", "because"), "Too long": exempt("reason", strings.Repeat("a", 513)),
		"Required value": exempt("reason", absent{}),
	}},
	{path: "exemptions", bad: map[string]any{"Required value": exempt("expiresAt", absent{}), "date-time": exempt("expiresAt", "tomorrow")}},
}, selectorEdges("network.vpc", "vpc"), selectorEdges("network.subnets", "subnet"),
	selectorEdges("network.workloadSecurityGroups", "sg"), selectorEdges("network.operatorSecurityGroup", "sg"))

// certificate looks like one, which is all that the schema requires.
const certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"

func classNames(n int) []string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf("db.m%d.large", i))
	}
	return list
}

func manyExemptions(n int) []map[string]any {
	var list []map[string]any
	for i := range n {
		list = append(list, exempt("control", fmt.Sprintf("CP-DB-%02d", i))...)
	}
	return list
}

func TestEveryBoundRefusesAndAcceptsItsGoodNeighbour(t *testing.T) {
	cluster := env.APIServer(t)
	schemas := crds(t)
	for _, kind := range []struct {
		name, text string
		edges      []edge
	}{
		{"CoachPlatform", platformYAML, slices.Concat(platformEdges, stripePlatformEdges)},
		{"PlatformClass", classYAML, slices.Concat(classEdges, stripeClassEdges)},
		{"PayoutAccount", payoutYAML, payoutEdges},
	} {
		t.Run(kind.name, func(t *testing.T) {
			good := parse(t, kind.text)
			var seen []metav1.StatusCause
			for _, e := range kind.edges {
				for _, value := range e.good {
					if err := try(t, cluster.Client, good, e, value); err != nil {
						t.Errorf("%s must accept %v: %v", e.path, value, err)
					}
				}
				for says, value := range e.bad {
					err := try(t, cluster.Client, good, e, value)
					if err == nil || !strings.Contains(err.Error(), says) {
						t.Errorf("%s must refuse %v with %q: %v", e.path, value, says, err)
					}
					seen = append(seen, causesOf(err)...)
				}
			}
			all := bounds(rootOf(schemas[kind.name]))
			for _, b := range all {
				refused := func(c metav1.StatusCause) bool { return c.Field == b.path && strings.Contains(c.Message, b.words) }
				if !slices.ContainsFunc(seen, refused) {
					t.Errorf("nothing was refused for a bound of %s: %s", b.path, b.words)
				}
			}
			t.Logf("%s: %d bounds and rules", kind.name, len(all))
		})
	}
}

// try writes the object with the value, over one with the former value if the edge has one. Nothing is
// stored for good.
func try(t *testing.T, c client.Client, good *unstructured.Unstructured, e edge, value any) error {
	t.Helper()
	changed := with(t, good, e.path, value)
	if e.was == nil {
		return c.Create(t.Context(), changed, client.DryRunAll, strict)
	}
	stored := with(t, good, e.path, e.was)
	if err := c.Create(t.Context(), stored); err != nil {
		t.Fatalf("storing %s as it was: %v", e.path, err)
	}
	if e.has != nil {
		storeStatus(t, c, stored, e.has)
	}
	changed.SetResourceVersion(stored.GetResourceVersion())
	err := c.Update(t.Context(), changed, client.DryRunAll, strict)
	if gone := c.Delete(t.Context(), stored); gone != nil {
		t.Fatalf("clearing up: %v", gone)
	}
	return err
}

// storeStatus writes what the status says of the database.
func storeStatus(t *testing.T, c client.Client, stored *unstructured.Unstructured, database map[string]any) {
	t.Helper()
	if err := unstructured.SetNestedField(stored.Object, map[string]any{"database": database}, "status"); err != nil {
		t.Fatal(err)
	}
	if err := c.Status().Update(t.Context(), stored); err != nil {
		t.Fatalf("writing the status: %v", err)
	}
}

// strict refuses unknown fields, as kubectl does.
const strict = client.FieldValidation(metav1.FieldValidationStrict)

var index = regexp.MustCompile(`\[[^]]*\]`)

// causesOf returns what a refusal names, with list items as [].
func causesOf(err error) []metav1.StatusCause {
	status, ok := errors.AsType[*apierrors.StatusError](err)
	if !ok || status.ErrStatus.Details == nil {
		return nil
	}
	var causes []metav1.StatusCause
	for _, cause := range status.ErrStatus.Details.Causes {
		cause.Field = index.ReplaceAllString(strings.TrimPrefix(cause.Field, "<nil>"), "[]")
		causes = append(causes, cause)
	}
	return causes
}

// bound is one bound of a field, with how the API server words its refusal.
type bound struct{ path, words string }

// bounds are all bounds of a spec.
func bounds(root *schema) []bound {
	var found []bound
	visit := func(path string, s *schema) {
		if path != "" && path != "spec" && !strings.HasPrefix(path, "spec.") {
			return
		}
		for words, has := range map[string]bool{
			"should be greater than or equal to": s.Minimum != nil,
			"should be less than or equal to":    s.Maximum != nil,
			"chars long":                         s.MinLength != nil,
			"Too long":                           s.MaxLength != nil,
			"should match":                       s.Pattern != "",
			"Unsupported value":                  len(s.Enum) > 0,
			"should have at least":               s.MinItems != nil,
			"must have at most":                  s.MaxItems != nil,
		} {
			if has {
				found = append(found, bound{path, words})
			}
		}
		if s.XListType != nil && *s.XListType != "atomic" {
			found = append(found, bound{path + "[]", "Duplicate value"})
		}
		for _, name := range s.Required {
			if path != "" {
				found = append(found, bound{path + "." + name, "Required value"})
			}
		}
		for _, rule := range s.XValidations {
			at := path
			if rule.FieldPath != "" {
				at = strings.TrimPrefix(path+rule.FieldPath, ".")
			}
			found = append(found, bound{at, rule.Message})
		}
	}
	visit("", root)
	walk("", root, visit)
	return found
}

func TestTheMajorFollowsTheDatabaseThatRuns(t *testing.T) {
	cluster := env.APIServer(t)
	for name, c := range map[string]struct {
		runs, was, to string
		refused       bool
	}{
		"AWS has upgraded the database":                    {runs: "17.5", was: "16.4", to: "17"},
		"AWS has upgraded it and the minor is given":       {runs: "17.5", was: "16.4", to: "17.5"},
		"a spec that went ahead comes back":                {runs: "16.4", was: "17", to: "16"},
		"another minor of the old major":                   {runs: "17.5", was: "16.4", to: "16.9"},
		"a major that the database does not run":           {runs: "17.5", was: "16.4", to: "18", refused: true},
		"an upgrade by hand":                               {runs: "16.4", was: "16.4", to: "17", refused: true},
		"a downgrade":                                      {runs: "17.5", was: "17", to: "16", refused: true},
		"a major that begins like the one that runs":       {runs: "1", was: "16.4", to: "17", refused: true},
		"there is no database yet":                         {was: "16.4", to: "17"},
		"nobody knows yet what runs":                       {runs: "-", was: "16.4", to: "17", refused: true},
		"the field is left out, which is the default 16":   {runs: "17.5", was: "17", to: "", refused: true},
		"the field is left out, and the default 16 is run": {runs: "16.4", was: "17", to: ""},
	} {
		t.Run(name, func(t *testing.T) {
			stored := with(t, parse(t, platformYAML), "database.engineVersion", c.was)
			if err := cluster.Client.Create(t.Context(), stored); err != nil {
				t.Fatalf("storing it as it was: %v", err)
			}
			defer func() { _ = cluster.Client.Delete(t.Context(), stored) }()
			if c.runs != "" {
				storeStatus(t, cluster.Client, stored, map[string]any{"resourceID": "db-1", "engineVersion": strings.Trim(c.runs, "-")})
			}
			var value any = c.to
			if c.to == "" {
				value = absent{}
			}
			err := cluster.Client.Update(t.Context(), with(t, stored, "database.engineVersion", value), client.DryRunAll, strict)
			if !c.refused {
				if err != nil {
					t.Errorf("from %s to %s: %v", c.was, c.to, err)
				}
				return
			}
			causes := causesOf(err)
			if len(causes) != 1 || causes[0].Field != "spec.database.engineVersion" || !strings.Contains(causes[0].Message, otherMajor) {
				t.Errorf("from %s to %s: %v, want it refused for its major", c.was, c.to, err)
			}
		})
	}
}

func TestUnknownFieldsAreRefused(t *testing.T) {
	cluster := env.APIServer(t)
	for name, path := range map[string]string{"a field of tomorrow": "media", "a typing error": "database.encypted"} {
		t.Run(name, func(t *testing.T) {
			err := cluster.Client.Create(t.Context(), with(t, parse(t, platformYAML), path, true), client.DryRunAll, strict)
			if err == nil || !strings.Contains(err.Error(), "unknown field") {
				t.Errorf("%s: %v", path, err)
			}
		})
	}
}
