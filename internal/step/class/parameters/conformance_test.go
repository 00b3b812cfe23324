package parameters_test

import (
	"os"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/class/parameters"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// other are values that differ from the wanted ones, by parameter: those that break a promise, if RDS
// takes any.
var other = map[string]string{
	"rds.force_ssl":                     "0",
	"ssl_min_protocol_version":          "TLSv1.3",
	"password_encryption":               "md5",
	"rds.accepted_password_auth_method": "md5+scram",
	"log_connections":                   "0",
	"log_disconnections":                "0",
	"log_statement":                     "ddl",
	"log_min_duration_statement":        "0",
	"log_min_duration_sample":           "0",
	"log_transaction_sample_rate":       "1",
	"log_min_error_statement":           "error",
	"log_parameter_max_length":          "-1",
	"log_parameter_max_length_on_error": "-1",
	"log_error_verbosity":               "verbose",
}

func TestConformance(t *testing.T) {
	const major, minTLS, prefix = "16", "TLSv1.2", "pg16-tls12/"
	drifts := []steptest.Drift[*scope.Class]{
		{Path: prefix + "released", Name: "marked", Do: mark(major, minTLS)},
		{Path: prefix + "log_error_verbosity", Name: "reset to the default of AWS", Do: reset(major, minTLS, "log_error_verbosity")},
	}
	for name, value := range other {
		drifts = append(drifts, steptest.Drift[*scope.Class]{
			Path: prefix + name, Name: "set to " + value, Do: set(major, minTLS, name, value),
		})
	}
	steptest.Run(t, steptest.Suite[*scope.Class]{
		New: func(s *aws.Sessions) converge.Step[*scope.Class] { return parameters.New(s, major, minTLS) },
		Input: func(_ *testing.T, a *env.Account) func() *scope.Class {
			return func() *scope.Class { return input(a) }
		},
		Unmanaged: func(t *testing.T, a *env.Account, in *scope.Class) {
			t.Helper()
			create1(t, a, naming.ParameterGroup(in.Owner, major, minTLS), "postgres"+major, nil)
		},
		Drifts: drifts,
		// What is shared by all platforms of a class is read once in a sweep, for the class.
		Quiet: []string{"rds:DescribeDBParameters"},
		// AWS checks it when something is created with tags; the step itself only tags what it releases.
		Implied: []string{"rds:AddTagsToResource"},
		Least:   steptest.Coverage{Boundaries: 17, Drifts: 16, Failures: 44},
	})
}

func input(a *env.Account) *scope.Class {
	return &scope.Class{Owner: naming.Class{Installation: "test", Name: env.ClassName}, Class: a.Class()}
}

func administrator(t *testing.T, a *env.Account) *rds.Client {
	t.Helper()
	return rds.NewFromConfig(a.Administrator(t))
}

// create1 creates a parameter group.
func create1(t *testing.T, a *env.Account, name, family string, tags map[string]string) {
	t.Helper()
	var list []rdstypes.Tag
	for k, v := range tags {
		list = append(list, rdstypes.Tag{Key: &k, Value: &v})
	}
	_, err := administrator(t, a).CreateDBParameterGroup(t.Context(), &rds.CreateDBParameterGroupInput{
		DBParameterGroupName: &name, DBParameterGroupFamily: &family, Description: awssdk.String("a test's"), Tags: list,
	})
	if err != nil {
		t.Fatalf("creating a parameter group: %v", err)
	}
}

func set(major, minTLS, parameter, value string) steptest.Mutation[*scope.Class] {
	return func(t *testing.T, a *env.Account, in *scope.Class) {
		t.Helper()
		_, err := administrator(t, a).ModifyDBParameterGroup(t.Context(), &rds.ModifyDBParameterGroupInput{
			DBParameterGroupName: awssdk.String(naming.ParameterGroup(in.Owner, major, minTLS)),
			Parameters: []rdstypes.Parameter{{
				ParameterName: &parameter, ParameterValue: &value, ApplyMethod: rdstypes.ApplyMethodImmediate,
			}},
		})
		if err != nil {
			t.Fatalf("setting %s: %v", parameter, err)
		}
	}
}

func reset(major, minTLS, parameter string) steptest.Mutation[*scope.Class] {
	return func(t *testing.T, a *env.Account, in *scope.Class) {
		t.Helper()
		_, err := administrator(t, a).ResetDBParameterGroup(t.Context(), &rds.ResetDBParameterGroupInput{
			DBParameterGroupName: awssdk.String(naming.ParameterGroup(in.Owner, major, minTLS)),
			ResetAllParameters:   awssdk.Bool(false),
			Parameters:           []rdstypes.Parameter{{ParameterName: &parameter, ApplyMethod: rdstypes.ApplyMethodImmediate}},
		})
		if err != nil {
			t.Fatalf("resetting %s: %v", parameter, err)
		}
	}
}

func mark(major, minTLS string) steptest.Mutation[*scope.Class] {
	return func(t *testing.T, a *env.Account, in *scope.Class) {
		t.Helper()
		api, name := administrator(t, a), naming.ParameterGroup(in.Owner, major, minTLS)
		out, err := api.DescribeDBParameterGroups(t.Context(), &rds.DescribeDBParameterGroupsInput{DBParameterGroupName: &name})
		if err != nil {
			t.Fatalf("finding the group: %v", err)
		}
		_, err = api.AddTagsToResource(t.Context(), &rds.AddTagsToResourceInput{
			ResourceName: out.DBParameterGroups[0].DBParameterGroupArn,
			Tags:         []rdstypes.Tag{{Key: awssdk.String(naming.TagReleased), Value: awssdk.String(naming.ReleasedRetain)}},
		})
		if err != nil {
			t.Fatalf("marking the group: %v", err)
		}
	}
}
