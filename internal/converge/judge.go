package converge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// unseen is what a finding shows when there was nothing to judge.
const unseen = "not there"

// hidden stands for the value of a sensitive field.
const hidden = "(sensitive)"

// observe reads the thing and returns, with the observation, the desired state as far as it can be had now.
func (s Of[In, S]) observe(ctx context.Context, in In, want S, fresh bool) (S, Observation[S], error) {
	got, err := s.Resource.Observe(ctx, in, want, fresh)
	if err == nil && s.Constrain != nil {
		want = s.Constrain(want, got.State)
	}
	return want, got, err
}

// compare finds the changes and separates drift from edits. A field drifted when its desired value was in
// place before; a field whose edit is held drifted when it is no longer as it was.
func (s Of[In, S]) compare(want S, got Observation[S], out *Outcome) {
	before, now := out.LastConverged, strings.Builder{}
	if len(before) != codeLength*len(s.Fields) {
		before = strings.Repeat(never, len(s.Fields))
	}
	for i, f := range s.Fields {
		was, code := before[codeLength*i:codeLength*(i+1)], s.code(f, want)
		change, differs := s.change(f, want, got)
		if differs {
			held := change.Effect != InPlace && was != never && was != s.code(f, live(got))
			change.Drift = was == code || held
			out.Changes = append(out.Changes, change)
		}
		if differs || !got.Exists { // nothing of an absent thing is in place, even if nothing is desired of it yet
			code = was
		}
		now.WriteString(code)
	}
	out.LastConverged = now.String()
}

func (s Of[In, S]) differs(want S, got Observation[S]) bool {
	return slices.ContainsFunc(s.Fields, func(f Field[S]) bool {
		_, differs := s.change(f, want, got)
		return differs
	})
}

// live is the state that counts: what is there, with the queued changes applied.
func live[S any](got Observation[S]) S {
	if got.Next != nil {
		return *got.Next
	}
	return got.State
}

func (s Of[In, S]) change(f Field[S], want S, got Observation[S]) (Change, bool) {
	c := Change{Step: s.ID, Path: f.Path, To: f.Get(want)}
	if got.Exists {
		c.From, c.Effect = f.Get(live(got)), f.Effect // creating a thing interrupts nobody
	}
	differs := c.From != c.To
	if f.Sensitive {
		c.From, c.To = hidden, hidden
	}
	return c, differs
}

func (s Of[In, S]) assess(want S, got Observation[S]) []Finding {
	if !got.Exists {
		return s.unknown(unseen)
	}
	findings := make([]Finding, 0, len(s.Controls))
	for _, c := range s.Controls {
		verdict, seen := c.Check(want, got.State)
		at := got.At
		if c.At != nil {
			at = c.At(got.State)
		}
		findings = append(findings, Finding{Control: c.ID, Verdict: verdict, Seen: seen, At: at})
	}
	return findings
}

// unknown answers every control with Unknown.
func (s Of[In, S]) unknown(why string) []Finding {
	findings := make([]Finding, 0, len(s.Controls))
	for _, c := range s.Controls {
		findings = append(findings, Finding{Control: c.ID, Seen: why})
	}
	return findings
}

// observeFailed ends a run that observed nothing: its controls are unknown, not missing, but for those that the
// failure itself answers.
func (s Of[In, S]) observeFailed(out Outcome, err error) Outcome {
	out.Err, out.ObserveFailed = err, true
	out.Findings = s.unknown("could not be observed")
	if s.Proven == nil {
		return out
	}
	for _, proven := range s.Proven(err) {
		for i := range out.Findings {
			if out.Findings[i].Control == proven.Control {
				out.Findings[i] = proven
			}
		}
	}
	return out
}

const (
	codeLength = 4
	// never is the code of what was never seen in place.
	never = "...."
)

// code fingerprints the desired value of one field; of a derived one its presence alone.
func (s Of[In, S]) code(f Field[S], want S) string {
	value := f.Path
	if !f.Derived {
		value += "=" + f.Get(want)
	}
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])[:codeLength]
}

// hash identifies a set of held changes of one resource for one object at one generation of its spec. Approving it
// approves these values of this resource, with what the provider has queued beside them, once, and nothing that comes
// later: an approval that is kept in Git serves no second object.
func (s Of[In, S]) hash(got Observation[S], mode Mode, changes []Change) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %d %q %q\n", mode.Object, s.ID, got.ID, mode.Generation, mode.Used, got.Queued)
	for _, c := range changes {
		fmt.Fprintf(h, "%s %q %q\n", c.Path, c.From, c.To)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}
