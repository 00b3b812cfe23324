package converge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// unseen is what a finding shows when there was nothing to judge.
const unseen = "not there"

// hidden stands for the value of a sensitive field.
const hidden = "(sensitive)"

// look observes and returns, with what it saw, the wanted state as far as it can be had now.
func (s Of[In, S]) look(ctx context.Context, in In, want S, fresh bool) (S, Observation[S], error) {
	got, err := s.Resource.Observe(ctx, in, want, fresh)
	if err == nil && s.Admit != nil {
		want = s.Admit(want, got.State)
	}
	return want, got, err
}

func (s Of[In, S]) diff(want S, got Observation[S]) []Change {
	found := got.State
	if got.Next != nil {
		found = *got.Next
	}
	var changes []Change
	for _, f := range s.Fields {
		from, to := "", f.Get(want)
		if got.Exists {
			from = f.Get(found)
		}
		if from == to {
			continue
		}
		if f.Sensitive {
			from, to = hidden, hidden
		}
		changes = append(changes, Change{Step: s.ID, Path: f.Path, From: from, To: to, Effect: f.Effect})
	}
	return changes
}

func (s Of[In, S]) assess(want S, got Observation[S]) []Finding {
	if !got.Exists {
		return s.unknown(unseen)
	}
	findings := make([]Finding, 0, len(s.Controls))
	for _, c := range s.Controls {
		verdict, seen := c.Check(want, got.State)
		findings = append(findings, Finding{Control: c.ID, Verdict: verdict, Seen: seen, At: got.At})
	}
	return findings
}

// unknown answers every control with "nobody could look".
func (s Of[In, S]) unknown(why string) []Finding {
	findings := make([]Finding, 0, len(s.Controls))
	for _, c := range s.Controls {
		findings = append(findings, Finding{Control: c.ID, Seen: why})
	}
	return findings
}

// blind ends a run that saw nothing: its controls are unknown, not missing.
func (s Of[In, S]) blind(out Outcome, err error) Outcome {
	out.Err = err
	out.Findings = s.unknown("could not be observed")
	return out
}

// fingerprint identifies the wanted state; sensitive values are part of it only as their hash.
func (s Of[In, S]) fingerprint(want S) string {
	h := sha256.New()
	for _, f := range s.Fields {
		fmt.Fprintf(h, "%s=%q\n", f.Path, f.Get(want))
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// hash identifies a set of held changes of one very thing at one generation of its spec: approving
// it approves these values of this resource and nothing that comes later.
func hash(step, id string, generation int64, changes []Change) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%d\n", step, id, generation)
	for _, c := range changes {
		fmt.Fprintf(h, "%s %q %q\n", c.Path, c.From, c.To)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
