package firewall

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const port = 5433

var (
	tenant   = naming.Tenant{Installation: "inst", Namespace: "studio", NamespaceUID: "uid-1", Name: "demo"}
	stranger = naming.Tenant{Installation: "inst", Namespace: "studio", NamespaceUID: "uid-2", Name: "demo"}
)

// platform returns a platform that requests the given access, of a class with one workload group.
func platform(change ...func(*scope.Platform)) *scope.Platform {
	p := &scope.Platform{
		Tenant: tenant,
		Class: &v1alpha1.PlatformClass{
			ObjectMeta: metav1.ObjectMeta{Name: "standard"},
			Spec: v1alpha1.PlatformClassSpec{
				Network: v1alpha1.ClassNetwork{
					WorkloadSecurityGroups: v1alpha1.Selector{IDs: []string{"sg-0000000a"}},
				},
				Database: v1alpha1.ClassDatabase{WidestCIDRPrefix: 24},
				Accepted: v1alpha1.ClassAccepted{
					SecurityGroupIDs: []string{"sg-0000000b"}, InstanceIDs: []string{"i-0000000b"},
				},
			},
		},
		Spec: &v1alpha1.CoachPlatformSpec{Database: v1alpha1.Database{Port: port}},
	}
	for _, c := range change {
		c(p)
	}
	return p
}

func allow(a v1alpha1.AllowFrom) func(*scope.Platform) {
	return func(p *scope.Platform) { p.Spec.Database.AllowFrom = a }
}

// seen is a network in which every peer of these tests is what its name says.
func seen() view {
	const vpc = "vpc-1"
	return view{
		tenant: tenant, class: "standard",
		network: aws.Network{VPCID: vpc, WorkloadGroups: []string{"sg-0000000a"}},
		groups: map[string]aws.Group{
			"sg-0000000b": {ID: "sg-0000000b", VPCID: vpc},
			"sg-0000000c": {ID: "sg-0000000c", VPCID: vpc, Tags: tenant.Tags()},
			"sg-0000000d": {ID: "sg-0000000d", VPCID: vpc, Tags: stranger.Tags()},
			"sg-0000000e": {ID: "sg-0000000e", VPCID: "vpc-2", Tags: tenant.Tags()},
		},
		hosts: map[string]aws.Host{
			"i-0000000b": {VPCID: vpc, Addresses: []string{"10.0.0.5"}},
			"i-0000000c": {VPCID: vpc, Tags: tenant.Tags(), Addresses: []string{"10.0.0.6", "10.0.1.6"}},
			"i-0000000d": {VPCID: vpc, Tags: stranger.Tags(), Addresses: []string{"10.0.0.7"}},
			"i-0000001a": {Tags: tenant.Tags()},
			"i-0000001b": {Tags: tenant.Tags(), Addresses: []string{"10.0.0.9"}},
			"i-0000000e": {VPCID: "vpc-2", Tags: tenant.Tags(), Addresses: []string{"10.0.0.8"}},
			"i-0000000f": {VPCID: vpc, Tags: tenant.Tags()},
		},
	}
}

func tcp(peer string, ports ...int32) aws.Rule {
	return aws.Rule{Peer: peer, Protocol: "tcp", From: ports[0], To: ports[len(ports)-1]}
}

func must(t *testing.T, in *scope.Platform) State {
	t.Helper()
	want, err := Desire(in)
	if err != nil {
		t.Fatalf("desire: %v", err)
	}
	return want
}

func TestPeersAreAdmittedOnlyAsListedOrTagged(t *testing.T) {
	tests := map[string]struct {
		allow  v1alpha1.AllowFrom
		rules  []string
		class  fault.Class
		reason string
	}{
		"a security group in the class's list":    {allow: groups("sg-0000000b"), rules: []string{"sg-0000000b"}},
		"a security group with the tenant's tags": {allow: groups("sg-0000000c"), rules: []string{"sg-0000000c"}},
		"a security group of another tenant":      {allow: groups("sg-0000000d"), class: fault.Invalid, reason: "NotAccepted"},
		"a tagged security group of another VPC":  {allow: groups("sg-0000000e"), class: fault.Invalid, reason: "NotAccepted"},
		"a security group that does not exist":    {allow: groups("sg-00000bad"), class: fault.Invalid, reason: "NotAccepted"},
		"an instance in the class's list":         {allow: instances("i-0000000b"), rules: []string{"10.0.0.5/32"}},
		"all addresses of a tagged instance":      {allow: instances("i-0000000c"), rules: []string{"10.0.0.6/32", "10.0.1.6/32"}},
		"an instance of another tenant":           {allow: instances("i-0000000d"), class: fault.Invalid, reason: "NotAccepted"},
		"a tagged instance of another VPC":        {allow: instances("i-0000000e"), class: fault.Invalid, reason: "NotAccepted"},
		"an instance without an address":          {allow: instances("i-0000000f"), class: fault.Waiting, reason: "InstanceNotFound"},
		"an instance that was terminated":         {allow: instances("i-0000001a"), class: fault.Waiting, reason: "InstanceNotFound"},
		"a tagged address without a VPC":          {allow: instances("i-0000001b"), class: fault.Invalid, reason: "NotAccepted"},
		"an instance that does not exist":         {allow: instances("i-00000bad"), class: fault.Invalid, reason: "NotAccepted"},
		"the gravest of several problems is reported": {
			allow: instances("i-0000000a", "i-0000000d"), class: fault.Invalid, reason: "NotAccepted",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			asked := must(t, platform(allow(test.allow)))
			got := seen().judge(asked, &aws.Group{})
			want := []aws.Rule{tcp("sg-0000000a", port)}
			for _, peer := range test.rules {
				want = append(want, tcp(peer, port))
			}
			if diff := cmp.Diff(want, got.Missing); diff != "" {
				t.Errorf("rules to open (-want +got):\n%s", diff)
			}
			err := degraded(asked, got)
			if test.reason == "" {
				if err != nil {
					t.Errorf("degraded: %v", err)
				}
				return
			}
			f := fault.As(err)
			if f.Class != test.class || f.Reason != test.reason {
				t.Errorf("degraded %v (%v), want %s (%v)", err, f.Class, test.reason, test.class)
			}
			for _, id := range slices.Concat(test.allow.SecurityGroupIDs, test.allow.InstanceIDs) {
				if !strings.Contains(f.Message, id) {
					t.Errorf("message does not name %s: %s", id, f.Message)
				}
			}
		})
	}
}

func groups(ids ...string) v1alpha1.AllowFrom    { return v1alpha1.AllowFrom{SecurityGroupIDs: ids} }
func instances(ids ...string) v1alpha1.AllowFrom { return v1alpha1.AllowFrom{InstanceIDs: ids} }

func TestAListedPeerThatIsNotThereIsAWait(t *testing.T) {
	v := seen()
	delete(v.groups, "sg-0000000b")
	v.network.WorkloadGroups = nil
	got := v.judge(must(t, platform(allow(groups("sg-0000000b")))), &aws.Group{})
	if len(got.Missing) != 0 {
		t.Errorf("opens %v", got.Missing)
	}
	want := map[string]string{
		"group sg-0000000b tcp 5433": v1alpha1.ReasonSecurityGroupNotFound, "class workload tcp 5433": v1alpha1.ReasonClassNotReady,
	}
	reasons := map[string]string{}
	for _, p := range got.Problems {
		reasons[p.Peer] = p.Fault.Reason
		if p.Fault.Class != fault.Waiting {
			t.Errorf("%s is %v, want a wait", p.Peer, p.Fault.Class)
		}
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLiveRulesReadAsTheSpecNamesThem(t *testing.T) {
	tests := map[string]struct {
		live []aws.Rule
		want []string
		// surplus is how many of the live rules were not requested.
		surplus int
	}{
		"nothing": {},
		"what was requested": {
			live: []aws.Rule{tcp("sg-0000000a", port), tcp("203.0.113.0/28", port), tcp("10.0.0.6/32", port), tcp("10.0.1.6/32", port)},
			want: []string{"cidr 203.0.113.0/28 tcp 5433", "class workload tcp 5433", "instance i-0000000c tcp 5433"},
		},
		"an instance of which one address is open": {
			live: []aws.Rule{tcp("10.0.1.6/32", port)},
			want: []string{"instance i-0000000c tcp 5433 (1 of 2 rules)"},
		},
		"the address that an instance used to have": {
			live: []aws.Rule{tcp("10.0.9.9/32", port)}, want: []string{"10.0.9.9/32 tcp 5433"}, surplus: 1,
		},
		"the internet on the right port": {
			live: []aws.Rule{tcp("0.0.0.0/0", port)}, want: []string{"0.0.0.0/0 tcp 5433"}, surplus: 1,
		},
		"the internet on another port, IPv6, all ports": {
			live: []aws.Rule{tcp("0.0.0.0/0", 22), tcp("::/0", 0, 65535)},
			want: []string{"0.0.0.0/0 tcp 22", "::/0 tcp 0-65535"}, surplus: 2,
		},
		"all traffic, other protocols": {
			live: []aws.Rule{
				{Peer: "::/0", Protocol: "-1", From: -1, To: -1},
				{Peer: "10.0.0.0/8", Protocol: "icmp", From: -1, To: -1},
				{Peer: "10.0.0.0/8", Protocol: "50", From: -1, To: -1},
				{Peer: "203.0.113.0/28", Protocol: "udp", From: port, To: port},
			},
			want:    []string{"10.0.0.0/8 50", "10.0.0.0/8 icmp", "203.0.113.0/28 udp 5433", "::/0 all traffic"},
			surplus: 4,
		},
		"the right peer on a range around the right port": {
			live: []aws.Rule{tcp("203.0.113.0/28", port, port+1)}, want: []string{"203.0.113.0/28 tcp 5433-5434"}, surplus: 1,
		},
		"prefix lists and groups of others": {
			live: []aws.Rule{tcp("pl-1", port), tcp("sg-0000000d", port), tcp("123456789012/sg-0000000a", port)},
			want: []string{
				"group 123456789012/sg-0000000a tcp 5433", "group sg-0000000d tcp 5433", "prefix list pl-1 tcp 5433",
			},
			surplus: 3,
		},
	}
	asked := platform(allow(v1alpha1.AllowFrom{
		CIDRs: []string{"203.0.113.0/28"}, InstanceIDs: []string{"i-0000000c"},
	}))
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := must(t, asked)
			got := seen().judge(want, &aws.Group{Ingress: test.live})
			if diff := cmp.Diff(test.want, got.Ingress, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ingress (-want +got):\n%s", diff)
			}
			if len(got.Surplus) != test.surplus {
				t.Errorf("surplus %v, want %d", got.Surplus, test.surplus)
			}
			verdict, words := checkAllowed(want, got)
			if verdict != converge.VerdictOf(test.surplus == 0) {
				t.Errorf("CP-NET-01 is %v (%s)", verdict, words)
			}
		})
	}
}

func TestARuleOfARefusedPeerIsSurplus(t *testing.T) {
	asked := must(t, platform(allow(groups("sg-0000000d"))))
	got := seen().judge(asked, &aws.Group{Ingress: []aws.Rule{tcp("sg-0000000a", port), tcp("sg-0000000d", port)}})
	want := constrain(asked, got)
	if diff := cmp.Diff([]aws.Rule{tcp("sg-0000000d", port)}, got.Surplus); diff != "" {
		t.Errorf("surplus (-want +got):\n%s", diff)
	}
	if Fields[0].Get(want) != "class workload tcp 5433" || Fields[0].Get(got) == Fields[0].Get(want) {
		t.Errorf("wanted %q, seen %q: the rule must be a difference", Fields[0].Get(want), Fields[0].Get(got))
	}
}

func TestProblemsReadTheSameInEveryOrder(t *testing.T) {
	v := seen()
	all := []string{"i-0000000d", "i-0000000e", "i-0000000f", "i-00000bad"}
	text := func(ids []string) string {
		want := must(t, platform(allow(instances(ids...))))
		return degraded(want, v.judge(want, &aws.Group{})).Error()
	}
	reverse := slices.Clone(all)
	slices.Reverse(reverse)
	if x, y := text(all), text(reverse); x != y {
		t.Errorf("two texts for the same problems:\n%s\n%s", x, y)
	}
}
