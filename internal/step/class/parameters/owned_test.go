package parameters

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/api/v1alpha1"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
)

var owner = naming.Class{Installation: "i", Name: "standard"}

func desired(t *testing.T, major, minTLS string) State {
	t.Helper()
	s, err := pair{major, minTLS}.Desire(&scope.Class{Owner: owner, Class: &v1alpha1.PlatformClass{}})
	if err != nil {
		t.Fatalf("desiring: %v", err)
	}
	return s
}

func TestDesire(t *testing.T) {
	t.Parallel()
	// What every group holds; a change here changes every tenant's database.
	common := map[string]string{
		"rds.force_ssl": "1", "password_encryption": "scram-sha-256", "rds.accepted_password_auth_method": "scram",
		"log_disconnections": "1", "log_statement": "none", "log_min_duration_statement": "-1",
		"log_min_duration_sample": "-1", "log_transaction_sample_rate": "0", "log_min_error_statement": "panic",
		"log_parameter_max_length": "0", "log_parameter_max_length_on_error": "0", "log_error_verbosity": "terse",
	}
	for name, c := range map[string]struct {
		major, minTLS string
		suffix        string
		more          map[string]string
	}{
		"the oldest major": {
			"14", "TLSv1.2", "-pg14-tls12", map[string]string{"log_connections": "1", "ssl_min_protocol_version": "TLSv1.2"},
		},
		"a newer TLS": {
			"17", "TLSv1.3", "-pg17-tls13", map[string]string{"log_connections": "1", "ssl_min_protocol_version": "TLSv1.3"},
		},
		"a major that lists what it logs": {
			"18", "TLSv1.2", "-pg18-tls12", map[string]string{"log_connections": "all", "ssl_min_protocol_version": "TLSv1.2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want := maps.Clone(common)
			maps.Copy(want, c.more)
			got := desired(t, c.major, c.minTLS)
			if diff := cmp.Diff(want, got.Values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if got.Family != "postgres"+c.major || got.Name != owner.Resource()+c.suffix {
				t.Errorf("family %s, name %s", got.Family, got.Name)
			}
		})
	}
}

func TestSupported(t *testing.T) {
	t.Parallel()
	var got []string
	for _, major := range []string{"13", "14", "15", "16", "17", "18", "19"} {
		for _, minTLS := range []string{"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"} {
			if Supported(major, minTLS) {
				got = append(got, major+" "+minTLS)
			}
		}
	}
	want := []string{
		"14 TLSv1.2", "15 TLSv1.2", "16 TLSv1.2", "16 TLSv1.3", "17 TLSv1.2", "17 TLSv1.3", "18 TLSv1.2", "18 TLSv1.3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("supported (-want +got):\n%s", diff)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		values []string
		want   string
	}{
		"switches that are on":  {[]string{"1", "on", "TRUE", "yes", " 1 "}, "1"},
		"switches that are off": {[]string{"0", "off", "False", "no", "0.0"}, "0"},
		"numbers":               {[]string{"-1", "-1.0", "-1e0"}, "-1"},
		"words keep their case": {[]string{"scram-sha-256", " scram-sha-256"}, "scram-sha-256"},
		"versions are no words": {[]string{"TLSv1.2"}, "TLSv1.2"},
		"nothing stays nothing": {[]string{"", "  "}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, v := range c.values {
				if got := canonical(v); got != c.want {
					t.Errorf("%q reads %q, want %q", v, got, c.want)
				}
			}
		})
	}
}

func TestOneCallSetsOnlyWhatDiffers(t *testing.T) {
	t.Parallel()
	p := pair{"16", tls12}
	want := desired(t, p.major, p.minTLS)
	api := &recorder{}
	changes := []converge.Change{
		{Path: "pg16-tls12/log_statement"}, {Path: "pg16-tls12/rds.force_ssl"}, {Path: "pg17-tls12/password_encryption"},
	}
	if err := (resource{pair: p}).update(t.Context(), api, want, State{ARN: "arn"}, changes); err != nil {
		t.Fatalf("updating: %v", err)
	}
	got := []string{"rds.force_ssl=1 immediate, log_statement=none immediate"}
	if diff := cmp.Diff(got, api.modified); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if len(api.untagged) > 0 {
		t.Errorf("tags were removed: %v", api.untagged)
	}
}

func TestAllParametersFitOneCall(t *testing.T) {
	t.Parallel()
	if len(owned) > perCall {
		t.Errorf("%d parameters: password_encryption could be parted from the methods it travels with", len(owned))
	}
	names := map[string]bool{}
	for _, o := range owned {
		names[o.name] = true
	}
	if len(names) != len(owned) {
		t.Error("a parameter is owned twice")
	}
}

func TestATLSVersionThatRDSDoesNotHaveForAMajorGetsNoGroup(t *testing.T) {
	t.Parallel()
	class := &v1alpha1.PlatformClass{}
	class.Spec.Database.EngineVersions = []string{"15", "16"}
	// A step that does not apply sends no call: it has no sessions.
	out := New(nil, "15", tls13).Run(t.Context(), &scope.Class{Owner: owner, Class: class}, converge.Mode{Write: true})
	if out.Err != nil || out.Exists || len(out.Changes) > 0 || out.Step != Name {
		t.Errorf("got %+v", out)
	}
}

// recorder records what it has to change.
type recorder struct {
	API
	modified, untagged []string
	tags               map[string]string
	// answer is what it says of a group that is created.
	answer error
}

func (r *recorder) ModifyDBParameterGroup(
	_ context.Context, in *rds.ModifyDBParameterGroupInput, _ ...func(*rds.Options),
) (*rds.ModifyDBParameterGroupOutput, error) {
	var parts []string
	for _, p := range in.Parameters {
		parts = append(parts, *p.ParameterName+"="+*p.ParameterValue+" "+string(p.ApplyMethod))
	}
	r.modified = append(r.modified, strings.Join(parts, ", "))
	return &rds.ModifyDBParameterGroupOutput{}, nil
}

func (r *recorder) RemoveTagsFromResource(
	_ context.Context, in *rds.RemoveTagsFromResourceInput, _ ...func(*rds.Options),
) (*rds.RemoveTagsFromResourceOutput, error) {
	r.untagged = slices.Concat(r.untagged, in.TagKeys)
	return &rds.RemoveTagsFromResourceOutput{}, nil
}

func TestAGroupThatIsThereAlreadyIsLeftToTheNextPass(t *testing.T) {
	t.Parallel()
	want := desired(t, "16", tls12)
	for name, c := range map[string]struct {
		answer error
		class  fault.Class
		fails  bool
	}{
		"created":                  {nil, fault.Transient, false},
		"there already":            {&rdstypes.DBParameterGroupAlreadyExistsFault{}, fault.Transient, false},
		"one more than AWS allows": {&rdstypes.DBParameterGroupQuotaExceededFault{}, fault.Denied, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			api := &recorder{answer: c.answer}
			err := create(t.Context(), api, &scope.Class{Owner: owner}, want)
			if (err != nil) != c.fails || err != nil && fault.ClassOf(err) != c.class {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(owner.Tags(), api.tags); diff != "" {
				t.Errorf("tags (-want +got):\n%s", diff)
			}
		})
	}
}

func (r *recorder) CreateDBParameterGroup(
	_ context.Context, in *rds.CreateDBParameterGroupInput, _ ...func(*rds.Options),
) (*rds.CreateDBParameterGroupOutput, error) {
	r.tags = map[string]string{}
	for _, tag := range in.Tags {
		r.tags[*tag.Key] = *tag.Value
	}
	return &rds.CreateDBParameterGroupOutput{}, r.answer
}
