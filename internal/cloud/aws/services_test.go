package aws

import (
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"golang.org/x/time/rate"
)

func TestEveryServiceHasACompleteRow(t *testing.T) {
	if err := checkServices(services); err != nil {
		t.Error(err)
	}
	for id, s := range services {
		for m, codes := range s.codes {
			for _, code := range codes {
				// The SDK takes LimitExceededException for a throttle; it is a quota that is used up.
				if isThrottle(code) && code != "LimitExceededException" {
					t.Errorf("%s: %s means %s and is a throttle", id, code, m)
				}
			}
		}
	}
}

func TestARowThatIsNotCompleteIsAnError(t *testing.T) {
	whole := service{iam: "x", limit: limit{1, 1}, reads: []string{"x:Describe*"}}
	for name, c := range map[string]struct {
		change func(*service)
		says   string
	}{
		"no IAM name":                        {func(s *service) { s.iam = "" }, "IAM prefix"},
		"the IAM name of another":            {func(s *service) { s.iam = "rds" }, "that of RDS"},
		"no limit":                           {func(s *service) { s.limit = limit{} }, "allows no call"},
		"no burst":                           {func(s *service) { s.limit.burst = 0 }, "allows no call"},
		"an operation without a limit":       {func(s *service) { s.operations = map[string]limit{"Op": {}} }, "allows no call"},
		"a write among the reads":            {func(s *service) { s.reads = []string{"x:Put*"} }, "x:Put* is no read"},
		"another service's read":             {func(s *service) { s.reads = []string{"rds:Describe*"} }, "rds:Describe* is no read"},
		"a code with two meanings":           {func(s *service) { s.codes = map[meaning][]string{busy: {"A"}, exists: {"A"}} }, "the code A means"},
		"a common code with another meaning": {func(s *service) { s.codes = map[meaning][]string{busy: {"AccessDenied"}} }, "AccessDenied means"},
	} {
		t.Run(name, func(t *testing.T) {
			table, row := maps.Clone(services), whole
			if table["X"] = row; checkServices(table) != nil {
				t.Fatal("the whole row is an error")
			}
			c.change(&row)
			table["X"] = row
			if err := checkServices(table); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}

func TestActionsOfServicesWithoutARowAreAnError(t *testing.T) {
	if err := CheckActions("rds:CreateDBInstance", "logs:CreateLogGroup", "tag:GetResources"); err != nil {
		t.Errorf("known services: %v", err)
	}
	err := CheckActions("rds:CreateDBInstance", "s3:CreateBucket", "cloudfront:CreateDistribution")
	if err == nil || !strings.Contains(err.Error(), "s3:CreateBucket, cloudfront:CreateDistribution") {
		t.Errorf("got %v, want both actions named", err)
	}
}

func TestAnOperationIsCountedByItsOwnLimit(t *testing.T) {
	for operation, want := range map[string]rate.Limit{"CreateLogGroup": 10, "PutRetentionPolicy": 5} {
		if _, got := services["CloudWatch Logs"].limitOf(operation); got.perSecond != want {
			t.Errorf("%s: %v a second, want %v", operation, got.perSecond, want)
		}
	}
}

func TestSweepsMayOnlyRead(t *testing.T) {
	text, err := readOnly()
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect   string
			Action   []string
			Resource string
		}
	}
	if err := json.Unmarshal([]byte(text), &policy); err != nil || len(policy.Statement) != 1 {
		t.Fatalf("the session policy is %s (%v)", text, err)
	}
	sweeps := policy.Statement[0]
	if sweeps.Effect != "Allow" || sweeps.Resource != "*" || len(sweeps.Action) < len(services) {
		t.Errorf("the session policy is %s", text)
	}
	for _, action := range sweeps.Action {
		if _, verb, _ := strings.Cut(action, ":"); !isRead(verb) {
			t.Errorf("a sweep may call %s", action)
		}
	}
}
