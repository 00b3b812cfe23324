package firewall

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

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

// platform returns a platform that asks for the given access, of a class with one workload group.
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

func TestDesire(t *testing.T) {
	tests := map[string]struct {
		in      *scope.Platform
		ingress []string
		problem string
	}{
		"a platform that asks for nothing gives access to the class's workloads only": {
			in: platform(), ingress: []string{"class workload tcp 5433"},
		},
		"a class without groups and a platform that asks for nothing give access to nobody": {
			in: platform(func(p *scope.Platform) { p.Class.Spec.Network = v1alpha1.ClassNetwork{} }),
		},
		"everything that is asked for is there once, sorted, on the database's port": {
			in: platform(
				func(p *scope.Platform) {
					p.Spec.Database.Port = 6000
					p.Class.Spec.Network.OperatorSecurityGroup.Tags = []v1alpha1.Tag{{Key: "a", Value: "b"}}
				},
				allow(v1alpha1.AllowFrom{
					CIDRs:            []string{"203.0.113.16/28", "203.0.113.0/28", "203.0.113.0/28"},
					SecurityGroupIDs: []string{"sg-0000000b"}, InstanceIDs: []string{"i-0000000b"},
				})),
			ingress: []string{
				"cidr 203.0.113.0/28 tcp 6000", "cidr 203.0.113.16/28 tcp 6000", "class operator tcp 6000",
				"class workload tcp 6000", "group sg-0000000b tcp 6000", "instance i-0000000b tcp 6000",
			},
		},
		"a range as wide as the class allows is admitted": {
			in:      platform(allow(v1alpha1.AllowFrom{CIDRs: []string{"10.0.1.0/24"}})),
			ingress: []string{"cidr 10.0.1.0/24 tcp 5433", "class workload tcp 5433"},
		},
		"a range wider than the class allows is left out and a problem": {
			in:      platform(allow(v1alpha1.AllowFrom{CIDRs: []string{"10.0.0.0/23", "10.0.8.0/24"}})),
			ingress: []string{"cidr 10.0.8.0/24 tcp 5433", "class workload tcp 5433"},
			problem: "10.0.0.0/23",
		},
		"the whole internet is left out even where the class sets no bound": {
			in: platform(allow(v1alpha1.AllowFrom{CIDRs: []string{"0.0.0.0/0"}}),
				func(p *scope.Platform) { p.Class.Spec.Database.WidestCIDRPrefix = 0 }),
			ingress: []string{"class workload tcp 5433"}, problem: "0.0.0.0/0",
		},
		"an IPv6 range is left out": {
			in:      platform(allow(v1alpha1.AllowFrom{CIDRs: []string{"2001:db8::/64"}})),
			ingress: []string{"class workload tcp 5433"}, problem: "2001:db8::/64",
		},
		"a range with host bits is left out, since it is not what its author thinks": {
			in:      platform(allow(v1alpha1.AllowFrom{CIDRs: []string{"10.0.0.7/24"}})),
			ingress: []string{"class workload tcp 5433"}, problem: "10.0.0.7/24",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := must(t, test.in)
			if diff := cmp.Diff(test.ingress, want.Ingress, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("ingress (-want +got):\n%s", diff)
			}
			err := complain(want, State{})
			if (err != nil) != (test.problem != "") {
				t.Fatalf("problem %v, want one: %q", err, test.problem)
			}
			if err != nil && (fault.As(err).Reason != v1alpha1.ReasonInvalidSpec || !strings.Contains(err.Error(), test.problem)) {
				t.Errorf("problem %v, want InvalidSpec that names %s", err, test.problem)
			}
		})
	}
}

func TestTheFingerprintFollowsThePort(t *testing.T) {
	here, there := must(t, platform()), must(t, platform(func(p *scope.Platform) { p.Spec.Database.Port = 6000 }))
	if Fields[0].Get(here) == Fields[0].Get(there) {
		t.Errorf("another port reads the same: %s", Fields[0].Get(here))
	}
}

func TestPeersAreAdmittedOnlyAsListedOrTagged(t *testing.T) {
	tests := map[string]struct {
		allow  v1alpha1.AllowFrom
		rules  []string
		class  fault.Class
		reason string
	}{
		"a security group in the class's list":        {allow: groups("sg-0000000b"), rules: []string{"sg-0000000b"}},
		"a security group with the tenant's tags":     {allow: groups("sg-0000000c"), rules: []string{"sg-0000000c"}},
		"a security group of another tenant":          {allow: groups("sg-0000000d"), class: fault.Invalid, reason: "NotAccepted"},
		"a tagged security group of another VPC":      {allow: groups("sg-0000000e"), class: fault.Invalid, reason: "NotAccepted"},
		"a security group that nobody knows":          {allow: groups("sg-00000bad"), class: fault.Invalid, reason: "NotAccepted"},
		"an instance in the class's list":             {allow: instances("i-0000000b"), rules: []string{"10.0.0.5/32"}},
		"all addresses of a tagged instance":          {allow: instances("i-0000000c"), rules: []string{"10.0.0.6/32", "10.0.1.6/32"}},
		"an instance of another tenant":               {allow: instances("i-0000000d"), class: fault.Invalid, reason: "NotAccepted"},
		"a tagged instance of another VPC":            {allow: instances("i-0000000e"), class: fault.Invalid, reason: "NotAccepted"},
		"an instance without an address":              {allow: instances("i-0000000f"), class: fault.Waiting, reason: "InstanceNotFound"},
		"an instance that does not exist":             {allow: instances("i-00000bad"), class: fault.Waiting, reason: "InstanceNotFound"},
		"the gravest of several problems is reported": {allow: instances("i-0000000a", "i-0000000d"), class: fault.Invalid, reason: "NotAccepted"},
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
			err := complain(asked, got)
			if test.reason == "" {
				if err != nil {
					t.Errorf("complains: %v", err)
				}
				return
			}
			f := fault.As(err)
			if f.Class != test.class || f.Reason != test.reason {
				t.Errorf("complains %v (%v), want %s (%v)", err, f.Class, test.reason, test.class)
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
		// surplus is how many of the live rules nobody asked for.
		surplus int
	}{
		"nothing": {},
		"what was asked for": {
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
				{Peer: "::/0", Protocol: "-1", From: -1, To: -1}, {Peer: "10.0.0.0/8", Protocol: "icmp", From: -1, To: -1},
				{Peer: "10.0.0.0/8", Protocol: "50", From: -1, To: -1}, {Peer: "203.0.113.0/28", Protocol: "udp", From: port, To: port},
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
			if verdict != converge.Hold(test.surplus == 0) {
				t.Errorf("CP-NET-01 is %v (%s)", verdict, words)
			}
		})
	}
}

func TestARuleOfARefusedPeerIsSurplus(t *testing.T) {
	asked := must(t, platform(allow(groups("sg-0000000d"))))
	got := seen().judge(asked, &aws.Group{Ingress: []aws.Rule{tcp("sg-0000000a", port), tcp("sg-0000000d", port)}})
	want := admit(asked, got)
	if diff := cmp.Diff([]aws.Rule{tcp("sg-0000000d", port)}, got.Surplus); diff != "" {
		t.Errorf("surplus (-want +got):\n%s", diff)
	}
	if Fields[0].Get(want) != "class workload tcp 5433" || Fields[0].Get(got) == Fields[0].Get(want) {
		t.Errorf("wanted %q, seen %q: the rule must be a difference", Fields[0].Get(want), Fields[0].Get(got))
	}
}

func TestControls(t *testing.T) {
	open := tcp("sg-0000000a", port)
	tests := map[string]struct {
		group    aws.Group
		verdicts map[string]converge.Verdict
		// seen are words of the findings.
		seen []string
	}{
		"nothing but what was asked for": {
			group:    aws.Group{Ingress: []aws.Rule{open}},
			verdicts: verdicts(converge.Verified, converge.Verified, converge.Verified),
		},
		"a default egress rule": {
			group:    aws.Group{Ingress: []aws.Rule{open}, Egress: []aws.Rule{{Peer: "0.0.0.0/0", Protocol: "-1", From: -1, To: -1}}},
			verdicts: verdicts(converge.Verified, converge.Verified, converge.Violated), seen: []string{"0.0.0.0/0 all traffic"},
		},
		"a stranger": {
			group:    aws.Group{Ingress: []aws.Rule{open, tcp("10.9.9.9/32", port)}},
			verdicts: verdicts(converge.Violated, converge.Verified, converge.Verified), seen: []string{"10.9.9.9/32 tcp 5433"},
		},
		"the IPv4 internet on a port that is not the database's": {
			group:    aws.Group{Ingress: []aws.Rule{tcp("0.0.0.0/0", 22)}},
			verdicts: verdicts(converge.Violated, converge.Violated, converge.Verified), seen: []string{"internet: 0.0.0.0/0 tcp 22"},
		},
		"the IPv6 internet": {
			group:    aws.Group{Ingress: []aws.Rule{tcp("::/0", port)}},
			verdicts: verdicts(converge.Violated, converge.Violated, converge.Verified), seen: []string{"internet: ::/0 tcp 5433"},
		},
		"a prefix list, whose content is not known": {
			group:    aws.Group{Ingress: []aws.Rule{tcp("pl-1", port)}},
			verdicts: verdicts(converge.Violated, converge.Unknown, converge.Verified), seen: []string{"prefix list pl-1 tcp 5433"},
		},
		"a prefix list and the internet": {
			group:    aws.Group{Ingress: []aws.Rule{tcp("pl-1", port), tcp("0.0.0.0/0", port)}},
			verdicts: verdicts(converge.Violated, converge.Violated, converge.Verified),
		},
		"more than a finding can show": {
			group: aws.Group{Ingress: []aws.Rule{
				tcp("10.0.0.1/32", 1), tcp("10.0.0.1/32", 2), tcp("10.0.0.1/32", 3), tcp("10.0.0.1/32", 4), tcp("10.0.0.1/32", 5),
			}},
			verdicts: verdicts(converge.Violated, converge.Verified, converge.Verified), seen: []string{"and 2 more"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want := must(t, platform())
			got := seen().judge(want, &test.group)
			found, words := map[string]converge.Verdict{}, ""
			for _, c := range Controls {
				verdict, text := c.Check(want, got)
				found[c.ID] = verdict
				words += text + "\n"
				if len(text) > 256 || text == "" {
					t.Errorf("%s says %d characters: %q", c.ID, len(text), text)
				}
			}
			if diff := cmp.Diff(test.verdicts, found); diff != "" {
				t.Errorf("verdicts (-want +got):\n%s", diff)
			}
			for _, text := range test.seen {
				if !strings.Contains(words, text) {
					t.Errorf("%q is not among\n%s", text, words)
				}
			}
		})
	}
}

func verdicts(allowed, world, egress converge.Verdict) map[string]converge.Verdict {
	return map[string]converge.Verdict{"CP-NET-01": allowed, "CP-NET-02": world, "CP-NET-03": egress}
}

func TestProblemsReadTheSameInEveryOrder(t *testing.T) {
	v := seen()
	all := []string{"i-0000000d", "i-0000000e", "i-0000000f", "i-00000bad"}
	text := func(ids []string) string {
		want := must(t, platform(allow(instances(ids...))))
		return complain(want, v.judge(want, &aws.Group{})).Error()
	}
	reverse := slices.Clone(all)
	slices.Reverse(reverse)
	if x, y := text(all), text(reverse); x != y {
		t.Errorf("two texts for the same problems:\n%s\n%s", x, y)
	}
}

// TestRepairsEndAllDifferences draws a wanted and a live group and does what Apply would: whatever
// they were, the next look finds the wanted state.
func TestRepairsEndAllDifferences(t *testing.T) {
	v := seen()
	groupIDs, hostIDs := slices.Sorted(maps.Keys(v.groups)), slices.Sorted(maps.Keys(v.hosts))
	cidrs := []string{"203.0.113.0/28", "10.0.0.6/32", "10.0.0.5/32", "10.0.0.0/16", "192.0.2.0/24"}
	peers := slices.Concat(cidrs, groupIDs, []string{"sg-0000000a", "0.0.0.0/0", "::/0", "pl-1", "10.0.0.7/32", "10.0.1.6/32"})
	rapid.Check(t, func(t *rapid.T) {
		want, err := Desire(platform(allow(v1alpha1.AllowFrom{
			CIDRs:            rapid.SliceOfDistinct(rapid.SampledFrom(cidrs), rapid.ID).Draw(t, "cidrs"),
			SecurityGroupIDs: rapid.SliceOfDistinct(rapid.SampledFrom(groupIDs), rapid.ID).Draw(t, "groups"),
			InstanceIDs:      rapid.SliceOfDistinct(rapid.SampledFrom(hostIDs), rapid.ID).Draw(t, "instances"),
		})))
		if err != nil {
			t.Fatalf("desire: %v", err)
		}
		live := aws.Group{Ingress: rapid.SliceOfDistinct(rapid.Custom(func(t *rapid.T) aws.Rule {
			return tcp(rapid.SampledFrom(peers).Draw(t, "peer"), rapid.SampledFrom([]int32{port, 22}).Draw(t, "port"))
		}), rapid.ID).Draw(t, "live")}

		got := v.judge(want, &live)
		differs := Fields[0].Get(admit(want, got)) != Fields[0].Get(got)
		if work := len(got.Surplus)+len(got.Missing) > 0; work != differs {
			t.Fatalf("work to do: %t, difference: %t\nwanted %s\nseen %s", work, differs, Fields[0].Get(admit(want, got)), Fields[0].Get(got))
		}
		if len(got.Missing) != len(slices.Compact(slices.SortedFunc(slices.Values(got.Missing), byPeer))) {
			t.Fatalf("a rule would be opened twice, which EC2 refuses: %v", got.Missing)
		}
		live.Ingress = slices.DeleteFunc(live.Ingress, func(r aws.Rule) bool { return slices.Contains(got.Surplus, r) })
		live.Ingress = append(live.Ingress, got.Missing...)
		again := v.judge(want, &live)
		if x, y := Fields[0].Get(admit(want, again)), Fields[0].Get(again); x != y {
			t.Fatalf("a difference stays:\nwanted %s\nseen %s", x, y)
		}
		if verdict, words := checkAllowed(want, again); verdict != converge.Verified {
			t.Fatalf("CP-NET-01 after the repair: %s", words)
		}
		for _, r := range again.Inbound {
			if r.From != port || r.To != port || r.Protocol != "tcp" || isWorld(r.Peer) || isPrefixList(r.Peer) {
				t.Fatalf("a rule that nobody can ask for is still there: %v", r)
			}
		}
	})
}

func byPeer(x, y aws.Rule) int { return strings.Compare(x.Peer, y.Peer) }

func apiError(code string) error { return &smithy.GenericAPIError{Code: code} }

func TestOneOrAll(t *testing.T) {
	rules := []aws.Rule{tcp("10.0.0.1/32", 1), tcp("10.0.0.1/32", 2), tcp("10.0.0.1/32", 3)}
	gone := apiError("InvalidSecurityGroupRuleId.NotFound")
	tests := map[string]struct {
		rules []aws.Rule
		// answers are the errors of the calls, in order; further calls succeed.
		answers []error
		calls   []int
		fails   bool
	}{
		"nothing to do is no call":                              {},
		"all go in one call":                                    {rules: rules, calls: []int{3}},
		"a refused call is taken apart and what is fine passes": {rules: rules, answers: []error{gone, nil, gone}, calls: []int{3, 1, 1, 1}},
		"one that is refused does not hold up the others": {
			rules: rules, answers: []error{apiError("InvalidParameterValue"), apiError("InvalidParameterValue")},
			calls: []int{3, 1, 1, 1}, fails: true,
		},
		"a throttled call is not taken apart": {rules: rules, answers: []error{apiError("RequestLimitExceeded")}, calls: []int{3}, fails: true},
		"a lost answer is not taken apart":    {rules: rules, answers: []error{errors.New("connection reset")}, calls: []int{3}, fails: true},
		"a single one that is fine passes":    {rules: rules[:1], answers: []error{gone}, calls: []int{1}},
		"a single one is not sent twice":      {rules: rules[:1], answers: []error{apiError("InvalidParameterValue")}, calls: []int{1}, fails: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var calls []int
			err := oneOrAll(test.rules, func(some []aws.Rule) error {
				calls = append(calls, len(some))
				if len(calls) > len(test.answers) {
					return nil
				}
				return test.answers[len(calls)-1]
			}, aws.IsRuleGone)
			if diff := cmp.Diff(test.calls, calls); diff != "" {
				t.Errorf("rules per call (-want +got):\n%s", diff)
			}
			if (err != nil) != test.fails {
				t.Errorf("error %v, want one: %t", err, test.fails)
			}
		})
	}
}
