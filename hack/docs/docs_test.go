package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/converge"
)

// write fills a folder with files.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	const constants = "package v1alpha1\n\n// Reasons.\nconst (\n\t// ReasonGone: it is gone.\n\tReasonGone = \"Gone\"\n)\n"
	tests := map[string]struct {
		files map[string]string
		want  string
	}{
		"everything is in order": {files: map[string]string{}},
		"a link leads to a file that is not there": {
			files: map[string]string{"a.md": "[b](b.md)"}, want: "a.md: the link b.md leads nowhere: there is no such file",
		},
		"a link leads to a heading that is not there": {
			files: map[string]string{"a.md": "[b](b.md#two)", "b.md": "# One"},
			want:  "a.md: the link b.md#two leads nowhere: there is no such heading",
		},
		"a link leads to a heading of its own page": {files: map[string]string{"a.md": "[b](#what-is-one)\n## What is One?"}},
		"a link leads elsewhere":                    {files: map[string]string{"a.md": "[b](https://example.com/b.md)"}},
		"code only looks like a link":               {files: map[string]string{"a.md": "`[b](b.md)`\n```\n[c](c.md)\n```"}},
		"a heading in code is none": {
			files: map[string]string{"a.md": "[b](#one)\n```\n# one\n```"},
			want:  "a.md: the link #one leads nowhere: there is no such heading",
		},
		"a word of the dialect": {
			files: map[string]string{"a.md": "Drift is mended."},
			want:  `a.md: say it in the field's words (CONTRIBUTING.md, Vocabulary): "mended"`,
		},
		"a word of the dialect in code, or as a part of another": {files: map[string]string{"a.md": "`mend` recommended"}},
		"a hidden folder is not checked":                         {files: map[string]string{".x/a.md": "[b](b.md)"}},
		"an example has a field that does not exist": {
			files: map[string]string{"a.md": "```yaml\nkind: CoachPlatform\nspec:\n  size: 1\n```"},
			want:  "a.md: an example is wrong: error unmarshaling JSON: while decoding JSON: json: unknown field \"size\"",
		},
		"an example of ours is right": {
			files: map[string]string{"a.md": "```yaml\nkind: CoachPlatform\nspec:\n  className: standard\n```"},
		},
		"an example of somebody else's kind": {files: map[string]string{"a.md": "```yaml\nkind: Pod\nsize: 1\n```"}},
		"a page without a reason": {
			files: map[string]string{"docs/reasons/Gone.md": "", "docs/reasons/README.md": "", "docs/reasons/Old.md": ""},
			want:  "docs/reasons/Old.md describes a reason that does not exist",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			files := map[string]string{"api/v1alpha1/conditions.go": constants, "docs/reasons/Gone.md": "# Gone"}
			maps.Copy(files, test.files)
			folder := write(t, files)
			got := ""
			if err := check(folder); err != nil {
				got = strings.ReplaceAll(err.Error(), folder+"/", "")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("what is wrong (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReasonWithoutAPageIsFound(t *testing.T) {
	t.Parallel()
	folder := write(t, map[string]string{
		"api/v1alpha1/conditions.go": "package v1alpha1\n\n// ReasonGone: it is gone.\nconst ReasonGone = \"Gone\"\n",
		"docs/reasons/README.md":     "",
	})
	err := check(folder)
	if err == nil || err.Error() != "the reason Gone has no page: write docs/reasons/Gone.md" {
		t.Errorf("got %v", err)
	}
}

func TestTheRepositoryIsInOrder(t *testing.T) {
	t.Parallel()
	if err := check("../.."); err != nil {
		t.Error(err)
	}
}

func TestEveryPageCanBeMade(t *testing.T) {
	t.Chdir("../..")
	folder := t.TempDir()
	old := filepath.Join(folder, "old.md")
	if err := os.WriteFile(old, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := generate(folder); err != nil {
		t.Fatal(err)
	}
	for name := range files {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || len(text) < 200 {
			t.Errorf("%s: %d characters, %v", name, len(text), err)
		}
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("a page that is no longer made was left")
	}
}

func TestAnActionThatNobodyBindsIsAFailure(t *testing.T) {
	t.Parallel()
	steps := []converge.Description{{Step: "bucket", Writes: []string{"kms:CreateKey", "s3:CreateBucket"}}}
	_, err := bound(tenantGrants, tenantTags, steps)
	want := "no grant binds s3:CreateBucket: say in hack/docs/iam.go how it is bound to its owner"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestOnlyDeclaredActionsAreGranted(t *testing.T) {
	t.Parallel()
	steps := []converge.Description{{Step: "key", Writes: []string{"kms:CreateKey"}}}
	got, err := bound(tenantGrants, tenantTags, steps)
	core := got[forCore]
	if err != nil || len(got) != 1 || len(core) != 1 || len(core[0].Action) != 1 || core[0].Action[0] != "kms:CreateKey" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAPolicyThatCannotBeAttachedIsAFailure(t *testing.T) {
	t.Parallel()
	small := []statement{{Sid: "A", Effect: "Allow", Action: []string{"kms:CreateKey"}}}
	full := []statement{{Sid: strings.Repeat("A", maxPolicySize-compact([]statement{{}}))}}
	for name, c := range map[string]struct {
		policies map[string][]statement
		want     string
	}{
		"all fit":            {map[string][]statement{forReads: small, forCore: full}, ""},
		"one character more": {map[string][]statement{forReads: small, forCore: {{Sid: full[0].Sid + "A"}}}, "the policy tenant-core has 6145 characters"},
		"one without a page": {map[string][]statement{forReads: small, "tenant-other": small}, "the policy tenant-other has no entry"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := fits(c.policies)
			if (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// Each write is in one policy of its owner's, and bound: to the owner's tags, or to names that begin with coach-.
func TestEveryDeclaredActionIsInOnePolicyWithItsBinding(t *testing.T) {
	policies, err := iamPolicies()
	if err != nil {
		t.Fatal(err)
	}
	for _, side := range []struct {
		owner    string
		policies []string
		tags     []string
		steps    []converge.Description
	}{
		{"a tenant", []string{forCore}, tenantTags, platformSteps()},
		{"a class", []string{forClass}, classTags, classSteps()},
	} {
		for _, d := range side.steps {
			for _, action := range d.Reads {
				if !slices.Contains(policies[forReads][0].Action, action) {
					t.Errorf("%s of step %s is not in the policy %s", action, d.Step, forReads)
				}
			}
			for _, action := range d.Writes {
				var in []string
				for _, name := range side.policies {
					if n := statementsOf(t, policies[name], action, side.tags); n > 0 {
						in = append(in, name)
					}
				}
				if len(in) != 1 {
					t.Errorf("%s of step %s, a write of %s, is in the policies %v, want one", action, d.Step, side.owner, in)
				}
			}
		}
	}
	for name := range policies {
		if !slices.ContainsFunc(purposes, func(p struct{ name, about string }) bool { return p.name == name }) {
			t.Errorf("the policy %s is for nothing", name)
		}
	}
	if len(policies) != len(purposes) {
		t.Errorf("%d policies for %d purposes", len(policies), len(purposes))
	}
}

// statementsOf counts the statements that allow a write, and fails when one of them is not bound.
func statementsOf(t *testing.T, policy []statement, action string, tags []string) (n int) {
	t.Helper()
	for _, s := range policy {
		if !slices.Contains(s.Action, action) {
			continue
		}
		n++
		if s.Condition == nil {
			for _, resource := range s.Resource {
				if !strings.Contains(resource, "coach-") && resource != networks && resource != optionGroups {
					t.Errorf("%s allows %s on %s without any condition", s.Sid, action, resource)
				}
			}
			continue
		}
		equals := s.Condition["StringEquals"]
		for _, tag := range tags {
			caller := "${aws:PrincipalTag/" + tag + "}"
			if equals["aws:RequestTag/"+tag] != caller && equals["aws:ResourceTag/"+tag] != caller {
				t.Errorf("%s allows %s without comparing the tag %s", s.Sid, action, tag)
			}
		}
	}
	return n
}
