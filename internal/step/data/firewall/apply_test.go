package firewall

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
)

// TestRepairsEndAllDifferences draws a wanted and a live group and does what Apply would: from
// any difference, the next observation finds the wanted state.
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
		differs := Fields[0].Get(constrain(want, got)) != Fields[0].Get(got)
		if work := len(got.Surplus)+len(got.Missing) > 0; work != differs {
			t.Fatalf("work to do: %t, difference: %t\nwanted %s\nseen %s", work, differs, Fields[0].Get(constrain(want, got)), Fields[0].Get(got))
		}
		if len(got.Missing) != len(slices.Compact(slices.SortedFunc(slices.Values(got.Missing), byPeer))) {
			t.Fatalf("a rule would be opened twice, which EC2 refuses: %v", got.Missing)
		}
		live.Ingress = slices.DeleteFunc(live.Ingress, func(r aws.Rule) bool { return slices.Contains(got.Surplus, r) })
		live.Ingress = append(live.Ingress, got.Missing...)
		again := v.judge(want, &live)
		if x, y := Fields[0].Get(constrain(want, again)), Fields[0].Get(again); x != y {
			t.Fatalf("a difference stays:\nwanted %s\nseen %s", x, y)
		}
		if verdict, words := checkAllowed(want, again); verdict != converge.Verified {
			t.Fatalf("CP-NET-01 after the repair: %s", words)
		}
		for _, r := range again.Inbound {
			if r.From != port || r.To != port || r.Protocol != "tcp" || isWorld(r.Peer) || isPrefixList(r.Peer) {
				t.Fatalf("a rule that no spec can request is still there: %v", r)
			}
		}
	})
}

func byPeer(x, y aws.Rule) int { return strings.Compare(x.Peer, y.Peer) }

func apiError(code string) error { return &smithy.GenericAPIError{Code: code} }

func TestOneOrAll(t *testing.T) {
	rules := []aws.Rule{tcp("10.0.0.1/32", 1), tcp("10.0.0.1/32", 2), tcp("10.0.0.1/32", 3)}
	gone, bad := apiError("InvalidSecurityGroupRuleId.NotFound"), apiError("InvalidParameterValue")
	tests := map[string]struct {
		rules []aws.Rule
		// answers are the errors of the calls, in order; further calls succeed.
		answers []error
		calls   []int
		fails   bool
	}{
		"nothing to do is no call": {},
		"all go in one call":       {rules: rules, calls: []int{3}},
		"a refused call is taken apart and what is fine passes": {
			rules: rules, answers: []error{gone, nil, gone}, calls: []int{3, 1, 1, 1},
		},
		"one that is refused does not hold up the others": {
			rules: rules, answers: []error{bad, bad}, calls: []int{3, 1, 1, 1}, fails: true,
		},
		"a throttled call is not taken apart": {
			rules: rules, answers: []error{apiError("RequestLimitExceeded")}, calls: []int{3}, fails: true,
		},
		"a lost answer is not taken apart": {
			rules: rules, answers: []error{errors.New("connection reset")}, calls: []int{3}, fails: true,
		},
		"a single one that is fine passes": {rules: rules[:1], answers: []error{gone}, calls: []int{1}},
		"a single one is not sent twice":   {rules: rules[:1], answers: []error{bad}, calls: []int{1}, fails: true},
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
