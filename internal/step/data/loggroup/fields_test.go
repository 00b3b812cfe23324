package loggroup

import (
	"slices"
	"testing"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/scope"
)

const (
	tenantKey = "arn:aws:kms:eu-central-1:123456789012:key/tenant"
	otherKey  = "arn:aws:kms:eu-central-1:123456789012:key/other"
)

// desired is a state of two groups, both as they must be.
func desired() State {
	return State{KeyKnown: true, Groups: []Group{
		{Log: "postgresql", Exists: true, KeyARN: tenantKey, Days: 365, Tagged: true},
		{Log: "upgrade", Exists: true, KeyARN: tenantKey, Days: 365, Tagged: true},
	}}
}

func TestControlsJudgeEveryGroup(t *testing.T) {
	for name, c := range map[string]struct {
		change        func(s *State)
		key, retained converge.Verdict
	}{
		"as desired":                          {func(*State) {}, converge.Verified, converge.Verified},
		"one has a key of AWS's":              {func(s *State) { s.Groups[1].KeyARN = "" }, converge.Violated, converge.Verified},
		"one has another key":                 {func(s *State) { s.Groups[0].KeyARN = otherKey }, converge.Violated, converge.Verified},
		"one is kept for a day less":          {func(s *State) { s.Groups[1].Days = 364 }, converge.Verified, converge.Violated},
		"one is kept for longer":              {func(s *State) { s.Groups[1].Days = 400 }, converge.Verified, converge.Verified},
		"one is kept for ever":                {func(s *State) { s.Groups[0].Days = 0 }, converge.Verified, converge.Verified},
		"one does not exist":                  {func(s *State) { s.Groups[0].Exists = false }, converge.Unknown, converge.Unknown},
		"one does not exist, one is not ours": {func(s *State) { s.Groups[0].Exists = false; s.Groups[1].KeyARN = "" }, converge.Violated, converge.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			got := desired()
			c.change(&got)
			for i, want := range []converge.Verdict{c.key, c.retained} {
				if verdict, seen := Controls[i].Check(desired(), got); verdict != want || seen == "" {
					t.Errorf("%s is %d (%q), want %d", Controls[i].ID, verdict, seen, want)
				}
			}
		})
	}
}

func TestWhileTheKeyIsNotKnownNothingIsSaidOfKeys(t *testing.T) {
	in := &scope.Platform{Class: &v1alpha1.PlatformClass{}}
	in.Class.Spec.Database.LogRetentionDays = 731
	want, err := Desire(in)
	if err != nil || want.KeyKnown || len(want.Groups) != 2 || want.Groups[1].Days != 731 {
		t.Fatalf("without a key: %+v, %v", want, err)
	}
	got := desired()
	want = constrain(want, got)
	if keyOf := Fields[2].Get; keyOf(want) != keyOf(got) {
		t.Errorf("the keys differ: %s, want %s", keyOf(got), keyOf(want))
	}
	if verdict, _ := checkKey(want, got); verdict != converge.Unknown {
		t.Errorf("the control is %d, want unknown", verdict)
	}
	err = (&resource{}).Apply(t.Context(), in, want, converge.Observation[State]{}, nil)
	if fault.ClassOf(err) != fault.Waiting || fault.As(err).Reason != v1alpha1.ReasonWaitingForKey {
		t.Errorf("creating without a key: %v", err)
	}
	in.Key.ARN = tenantKey
	if want, _ := Desire(in); !want.KeyKnown || constrain(want, got).Groups[0].KeyARN != tenantKey {
		t.Errorf("with a key: %+v", want)
	}
}

func TestTheKeyIsUsedForTheTenantsLogGroupsOnly(t *testing.T) {
	in := &scope.Platform{Class: &v1alpha1.PlatformClass{}}
	in.Tenant.Name = "acme"
	in.Class.Spec.Region, in.Class.Spec.AccountID = "eu-central-1", "123456789012"
	in.Class.Spec.Identity.RoleARN = "arn:aws-cn:iam::123456789012:role/coach"
	s := keyStatements(in)[0]
	want := "arn:aws-cn:logs:eu-central-1:123456789012:log-group:/aws/rds/instance/" + in.Tenant.Resource() + "/*"
	if got := s.Condition["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]; got != want {
		t.Errorf("the condition admits %q, want %q", got, want)
	}
	if s.Principal["Service"] != "logs.eu-central-1.amazonaws.com" || slices.Contains(s.Actions, "kms:*") {
		t.Errorf("the statement admits %v to %v", s.Principal, s.Actions)
	}
}
