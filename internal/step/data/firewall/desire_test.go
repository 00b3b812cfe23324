package firewall

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

func TestDesire(t *testing.T) {
	tests := map[string]struct {
		in      *scope.Platform
		ingress []string
		problem string
	}{
		"a platform that requests nothing gives access to the class's workloads only": {
			in: platform(), ingress: []string{"class workload tcp 5433"},
		},
		"a class without groups and a platform that requests nothing give no access": {
			in: platform(func(p *scope.Platform) { p.Class.Spec.Network = v1alpha1.ClassNetwork{} }),
		},
		"everything that is requested is there once, sorted, on the database's port": {
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
			err := degraded(want, State{})
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

func TestControls(t *testing.T) {
	open := tcp("sg-0000000a", port)
	tests := map[string]struct {
		group    aws.Group
		verdicts map[string]converge.Verdict
		// seen are words of the findings.
		seen []string
	}{
		"only what was requested": {
			group:    aws.Group{Ingress: []aws.Rule{open}},
			verdicts: verdicts(converge.Verified, converge.Verified, converge.Verified),
		},
		"a default egress rule": {
			group:    aws.Group{Ingress: []aws.Rule{open}, Egress: []aws.Rule{{Peer: "0.0.0.0/0", Protocol: "-1", From: -1, To: -1}}},
			verdicts: verdicts(converge.Verified, converge.Verified, converge.Violated), seen: []string{"0.0.0.0/0 all traffic"},
		},
		"an unmanaged peer": {
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

func TestWhatIsAsGoodAsEverybody(t *testing.T) {
	for peer, want := range map[string]bool{
		"0.0.0.0/0": true, "::/0": true, "0.0.0.0/1": true, "128.0.0.0/1": true, "2000::/3": true, "10.0.0.0/7": true,
		"10.0.0.0/8": false, "203.0.113.7/32": false, "2001:db8::/32": false, "sg-0a1b2c3d": false, "": false,
	} {
		if got := isWorld(peer); got != want {
			t.Errorf("%q counts as everyone: %t, want %t", peer, got, want)
		}
	}
}
