package steptest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"

	"github.com/coachplatform/coach-operator/internal/cloud/aws"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/fault"
	"github.com/coachplatform/coach-operator/internal/naming"
	"github.com/coachplatform/coach-operator/internal/scope"
	"github.com/coachplatform/coach-operator/internal/step/data/key"
	"github.com/coachplatform/coach-operator/internal/testkit/env"
	"github.com/coachplatform/coach-operator/internal/testkit/steptest"
)

func TestMain(m *testing.M) { os.Exit(env.Main(m)) }

// flawVariable names the flaw that TestSuite's step has; unset, the step is sound.
const flawVariable = "STEPTEST_FLAW"

type (
	input    = *scope.Platform
	step     = converge.Of[input, key.State]
	suite    = steptest.Suite[input]
	observed = converge.Observation[key.State]
)

// TestSuite runs the suite on the step key, with the flaw that the environment names.
func TestSuite(t *testing.T) {
	s := suite{
		New:   func(s *aws.Sessions) converge.Step[input] { return key.New(s) },
		Input: platform,
		Unmanaged: func(t *testing.T, a *env.Account, in input) {
			t.Helper()
			id := newKey(t, a, nil)
			rename(t, a, in, id)
		},
		Drifts: []steptest.Drift[input]{
			{Path: "state", Name: "disabled", Do: disable},
			{Path: "policy", Name: "opened", Do: open},
			{Path: "rotationDays", Name: "switched off", Do: stopRotation},
			{Path: "alias", Name: "pointed elsewhere", Do: func(t *testing.T, a *env.Account, in input) {
				t.Helper()
				other := newKey(t, a, nil)
				administer(t, a, "moving the alias", func(k *kms.Client) error {
					_, err := k.UpdateAlias(t.Context(), &kms.UpdateAliasInput{AliasName: alias(in), TargetKeyId: &other})
					return err
				})
			}},
		},
		Fixed:   map[string]string{"released": "tried by the step's own suite", "duplicates": "tried by the step's own suite"},
		Breaks:  breaks,
		Quiet:   []string{"rds:DescribeDBInstances", "tag:GetResources"},
		Implied: []string{"kms:CancelKeyDeletion", "kms:ScheduleKeyDeletion"},
	}
	if f, ok := flaws[os.Getenv(flawVariable)]; ok {
		f.spoil(&s)
	}
	steptest.Run(t, s)
}

var breaks = []steptest.Break[input]{
	{Control: "CP-KEY-01", Name: "rotation off", Do: stopRotation},
	{Control: "CP-KEY-02", Name: "disabled", Do: disable},
	{Control: "CP-KEY-03", Name: "opened", Do: open},
}

func platform(t *testing.T, a *env.Account) func() input {
	t.Helper()
	spec := env.Platform(t).Spec
	return func() input { return &scope.Platform{Tenant: env.Tenant(), Class: a.Class(), Spec: spec.DeepCopy()} }
}

func alias(in input) *string { return awssdk.String(in.Tenant.Alias()) }

func administer(t *testing.T, a *env.Account, what string, call func(*kms.Client) error) {
	t.Helper()
	if err := call(kms.NewFromConfig(a.Administrator(t))); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func newKey(t *testing.T, a *env.Account, tags map[string]string) (id string) {
	t.Helper()
	administer(t, a, "creating a key", func(k *kms.Client) error {
		out, err := k.CreateKey(t.Context(), &kms.CreateKeyInput{Tags: list(tags)})
		if err == nil {
			id = *out.KeyMetadata.KeyId
		}
		return err
	})
	return id
}

func list(tags map[string]string) []kmstypes.Tag {
	var all []kmstypes.Tag
	for k, v := range tags {
		all = append(all, kmstypes.Tag{TagKey: &k, TagValue: &v})
	}
	return all
}

func rename(t *testing.T, a *env.Account, in input, id string) {
	t.Helper()
	administer(t, a, "naming a key", func(k *kms.Client) error {
		_, err := k.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: alias(in), TargetKeyId: &id})
		return err
	})
}

func disable(t *testing.T, a *env.Account, in input) {
	t.Helper()
	administer(t, a, "disabling the key", func(k *kms.Client) error {
		_, err := k.DisableKey(t.Context(), &kms.DisableKeyInput{KeyId: &in.Key.ID})
		return err
	})
}

func stopRotation(t *testing.T, a *env.Account, in input) {
	t.Helper()
	administer(t, a, "stopping rotation", func(k *kms.Client) error {
		_, err := k.DisableKeyRotation(t.Context(), &kms.DisableKeyRotationInput{KeyId: &in.Key.ID})
		return err
	})
}

func open(t *testing.T, a *env.Account, in input) {
	t.Helper()
	policy := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"*"}]}`
	administer(t, a, "opening the policy", func(k *kms.Client) error {
		_, err := k.PutKeyPolicy(t.Context(), &kms.PutKeyPolicyInput{KeyId: &in.Key.ID, Policy: &policy})
		return err
	})
}

// resource is the sound step's, with some of it replaced.
type resource struct {
	converge.Resource[input, key.State]
	sessions *aws.Sessions

	observe func(context.Context, *resource, input, key.State, bool) (observed, error)
	apply   func(context.Context, *resource, input, key.State, observed, []converge.Change) error
	release func(context.Context, *resource, input) (bool, error)
}

func (r *resource) Observe(ctx context.Context, in input, want key.State, fresh bool) (observed, error) {
	if r.observe == nil {
		return r.Resource.Observe(ctx, in, want, fresh)
	}
	return r.observe(ctx, r, in, want, fresh)
}

func (r *resource) Apply(ctx context.Context, in input, want key.State, got observed, changes []converge.Change) error {
	if r.apply == nil {
		return r.Resource.Apply(ctx, in, want, got, changes)
	}
	return r.apply(ctx, r, in, want, got, changes)
}

func (r *resource) Release(ctx context.Context, in input) (bool, error) {
	if r.release == nil {
		return r.Resource.Release(ctx, in)
	}
	return r.release(ctx, r, in)
}

// write is a client that writes for the tenant.
func (r *resource) write(in input) *kms.Client {
	return kms.NewFromConfig(r.sessions.Account(in.Class).Write(in.Tenant))
}

// changed makes the suite's step another one.
func changed(change func(*step)) func(*suite) {
	return func(s *suite) {
		s.New = func(sessions *aws.Sessions) converge.Step[input] {
			of, _ := key.New(sessions).(step)
			of.Fields, of.Controls = slices.Clone(of.Fields), slices.Clone(of.Controls)
			of.Reads, of.Writes = slices.Clone(of.Reads), slices.Clone(of.Writes)
			change(&of)
			return of
		}
	}
}

// spoiled replaces a part of the step's resource.
func spoiled(with resource) func(*suite) {
	return func(s *suite) {
		s.New = func(sessions *aws.Sessions) converge.Step[input] {
			of, _ := key.New(sessions).(step)
			r := with
			r.Resource, r.sessions = of.Resource, sessions
			of.Resource = &r
			return of
		}
	}
}

func field(s *step, path string) *converge.Field[key.State] {
	i := slices.IndexFunc(s.Fields, func(f converge.Field[key.State]) bool { return f.Path == path })
	return &s.Fields[i]
}

// flaw is one thing that may be wrong with a step or its suite, and how the suite says so.
type flaw struct {
	spoil func(*suite)
	part  string // of the suite that finds it, as a pattern
	says  string // one or more texts, separated by |
}

var flaws = map[string]flaw{
	"a call that is not declared": {
		changed(func(s *step) {
			s.Reads = slices.DeleteFunc(s.Reads, func(a string) bool { return a == "kms:GetKeyPolicy" })
		}),
		"a_plan", "called kms:GetKeyPolicy, which it does not declare",
	},
	"services that the sandbox cannot check": {
		changed(func(s *step) {
			s.Reads = append(s.Reads, "s3:ListBuckets")
			s.Writes = append(s.Writes, "tag:TagResources")
		}), "a_plan", "the service s3 is not registered in the sandbox|the service tagging is registered without an inventory",
	},
	"a call that the sandbox does not know": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
			_, _ = r.write(in).ListRetirableGrants(ctx, &kms.ListRetirableGrantsInput{RetiringPrincipal: awssdk.String("x")}) // refused
			return r.Resource.Observe(ctx, in, want, fresh)
		}}), "a_plan", "the sandbox does not know kms:ListRetirableGrants",
	},
	"an observation that writes": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
			got, err := r.Resource.Observe(ctx, in, want, fresh)
			if err == nil && !got.Exists {
				_, err = r.write(in).CreateKey(ctx, &kms.CreateKeyInput{})
			}
			return got, err
		}}), "a_plan", "planning wrote: [kms:CreateKey",
	},
	"a quiet pass that makes calls of its own": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, _ bool) (observed, error) {
			return r.Resource.Observe(ctx, in, want, true)
		}}), "a_quiet", "a quiet pass at once called kms:DescribeKey",
	},
	"a secret that is disclosed": {
		func(s *suite) { s.Secrets = func(in input) []string { return []string{in.Tenant.Alias()} } },
		"a_plan", "secret 0 was found",
	},
	"a field without a drift": {
		func(s *suite) { s.Drifts = s.Drifts[1:] }, "a_plan", "the field state has neither a drift nor a reason",
	},
	"a control without a break": {
		func(s *suite) { s.Breaks = s.Breaks[1:] }, "a_plan", "nothing breaks the control CP-KEY-01",
	},
	"a field that is not compared": {
		changed(func(s *step) { field(s, "policy").Get = func(key.State) string { return "" } }),
		"drift_is/policy", "the drift did not come",
	},
	"a field that is never repaired": {
		spoiled(resource{apply: func(
			ctx context.Context, r *resource, in input, want key.State, got observed, changes []converge.Change,
		) error {
			if changes[0].Path == "policy" && got.Exists {
				return nil
			}
			return r.Resource.Apply(ctx, in, want, got, changes)
		}}), "drift_is/policy", "convergence did not come",
	},
	"a field that follows another": {
		changed(func(s *step) {
			field(s, "alias").Get = func(s key.State) string { return fmt.Sprint(s.Alias, s.RotationDays) }
		}), "drift_is/rotationDays", "paths that differ",
	},
	"a control that never flips": {
		changed(func(s *step) {
			s.Controls[0].Check = func(_, _ key.State) (converge.Verdict, string) { return converge.Verified, "fine" }
		}), "controls_flip/CP-KEY-01", "a violated CP-KEY-01 did not come",
	},
	"a control that is never content": {
		changed(func(s *step) {
			s.Controls[0].Check = func(_, _ key.State) (converge.Verdict, string) { return converge.Violated, "never" }
		}), "controls_flip/CP-KEY-01", "CP-KEY-01 is not verified to begin with",
	},
	"an unmanaged resource that is taken": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
			got, err := r.Resource.Observe(ctx, in, want, fresh)
			if fault.ClassOf(err) == fault.Conflict {
				_, err = r.write(in).UpdateAlias(ctx, &kms.UpdateAliasInput{AliasName: alias(in), TargetKeyId: alias(in)})
			}
			return got, err
		}}), "an_unmanaged", "a conflict did not come",
	},
	"a release that never ends": {
		spoiled(resource{release: func(context.Context, *resource, input) (bool, error) { return false, nil }}),
		"a_release", "the release did not end",
	},
	"a release that writes again and again": {
		spoiled(resource{release: func(ctx context.Context, r *resource, in input) (bool, error) {
			done, err := r.Resource.Release(ctx, in)
			if err == nil && done && in.Tenant.Alias() != "" {
				_, err = r.write(in).TagResource(ctx, &kms.TagResourceInput{
					KeyId: alias(in), Tags: list(map[string]string{naming.TagReleased: naming.ReleasedRetain}),
				})
			}
			if aws.IsNotFound(err) {
				err = nil
			}
			return done, err
		}}), "a_release", "a second release wrote",
	},
	"a resource that is created once more after a crash": {
		spoiled(resource{
			observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
				got, err := r.Resource.Observe(ctx, in, want, fresh)
				got.State.Extras = nil // so that the duplicate stays
				return got, err
			},
			apply: func(
				ctx context.Context, r *resource, in input, want key.State, got observed, changes []converge.Change,
			) error {
				if got.Exists {
					return r.Resource.Apply(ctx, in, want, got, changes)
				}
				_, err := r.write(in).CreateKey(ctx, &kms.CreateKeyInput{Policy: &want.Policy, Tags: list(in.Tenant.Tags())})
				return aws.Classify(err)
			},
		}), "a_crash_.*creation.*/kms:CreateKey_whose_answer", "the account does not hold what it should",
	},
	"a failure of the wrong class": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
			got, err := r.Resource.Observe(ctx, in, want, fresh)
			if err != nil {
				err = errors.New("it did not work")
			}
			return got, err
		}}), "every_failure.*/kms:DescribeKey/a_missing", "a missing permission of kms:DescribeKey must be denied",
	},
	"a failure that reads differently every time": {
		spoiled(resource{observe: func(ctx context.Context, r *resource, in input, want key.State, fresh bool) (observed, error) {
			got, err := r.Resource.Observe(ctx, in, want, fresh)
			if err != nil {
				f := *fault.As(err)
				f.Message += time.Now().String()
				err = &f
			}
			return got, err
		}}), "every_failure.*/kms:DescribeKey/a_missing", "the same failure reads differently",
	},
	// Only a whole run finds these, so it finds both.
	"an unused declaration, and a suite that lost a part": {
		func(s *suite) {
			changed(func(s *step) { s.Reads = append(s.Reads, "kms:Decrypt") })(s)
			s.Least.Boundaries = 1000
		}, "", "declares and nothing called: kms:Decrypt|which is less than",
	},
}

// TestTheSuiteFindsEveryFlaw runs TestSuite in processes of their own, each with a flaw, and expects
// each to fail for that flaw.
func TestTheSuiteFindsEveryFlaw(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ready := env.StartSandbox(t).Ready()
	for name, f := range flaws {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pattern := "^TestSuite$"
			if f.part != "" {
				pattern += "/^(the_straight_way|parts)$/" + f.part
			}
			cmd := exec.CommandContext(t.Context(), program, "-test.run", pattern, "-test.timeout", "5m")
			cmd.Env = append(os.Environ(), flawVariable+"="+name, env.ReadyVariable+"="+ready)
			out, err := cmd.CombinedOutput()
			for says := range strings.SplitSeq(f.says, "|") {
				if err == nil || !strings.Contains(string(out), says) {
					t.Errorf("the suite must fail and say %q: %v\n%s", says, err, out)
				}
			}
		})
	}
}
