package flip_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/evidence"
)

var update = flag.Bool("update", false, "rewrite docs/flips.md")

const (
	// page is the published table, from this folder.
	page = "../../../docs/flips.md"
	// tableVariable names a file for the table: go test shows no output of what passes.
	tableVariable = "FLIP_TABLE"
)

// publish prints the table and compares it with the page. When all rows were tried, it fails if they are
// fewer than they should be.
func (m *matrix) publish(t *testing.T, families []family) {
	t.Helper()
	m.sort()
	text := m.summary()
	t.Log("\n" + text)
	if file := os.Getenv(tableVariable); file != "" {
		if err := os.WriteFile(filepath.Clean(file), []byte(text), 0o600); err != nil {
			t.Errorf("writing the table: %v", err)
		}
	}
	if len(m.entries) == 0 {
		t.Error("no row was tried")
	}
	if t.Failed() || len(m.entries) < rowsOf(families) {
		return
	}
	m.mustCover(t)
	m.mustBePublished(t)
}

func rowsOf(families []family) (n int) {
	for _, f := range families {
		for _, b := range f.breaches {
			n += len(b.controls)
		}
		for _, b := range f.blindnesses {
			n += len(b.controls)
		}
		for _, r := range f.refusals {
			n += len(r.controls)
		}
	}
	return n
}

// sort puts the rows in the order of the catalogue, then of what was seen, then of the families.
func (m *matrix) sort() {
	control := func(e entry) int {
		return slices.IndexFunc(evidence.Catalogue, func(c evidence.Control) bool { return c.ID == e.control })
	}
	kind := func(e entry) int {
		return slices.IndexFunc([]string{seenViolated, seenRefused, seenUnknown, seenNot}, func(seen string) bool {
			return strings.HasPrefix(e.seen, seen)
		})
	}
	slices.SortFunc(m.entries, func(x, y entry) int {
		return cmp.Or(cmp.Compare(control(x), control(y)), cmp.Compare(kind(x), kind(y)), cmp.Compare(x.order, y.order))
	})
}

// count counts the rows of a control in which something was seen; "" is all controls.
func (m *matrix) count(control, seen string) (n int) {
	for _, e := range m.entries {
		if (control == "" || e.control == control) && strings.HasPrefix(e.seen, seen) {
			n++
		}
	}
	return n
}

func (m *matrix) summary() string {
	var b strings.Builder
	line := func(name, control string) {
		fmt.Fprintf(&b, "%-10s %8d %7d %7d %8d\n", name, m.count(control, seenViolated), m.count(control, seenRefused),
			m.count(control, seenUnknown), m.count(control, seenNot))
	}
	fmt.Fprintf(&b, "%-10s %8s %7s %7s %8s\n", "control", "Violated", "refused", "Unknown", "not seen")
	for _, c := range evidence.Catalogue {
		line(c.ID, c.ID)
	}
	line("all", "")
	fmt.Fprintf(&b, "in %s; other controls that did not hold meanwhile: %d\n\n", time.Since(m.began).Round(time.Second), m.others)
	for _, e := range m.entries {
		fmt.Fprintf(&b, "%-10s %-12s %-10s %s\n", e.control, short(e.seen), e.by, e.what)
	}
	return b.String()
}

// short is what was seen without why.
func short(seen string) string {
	seen, _, _ = strings.Cut(seen, ":")
	return strings.Trim(seen, "*")
}

// mustCover fails when there are fewer rows than there were, or a control has none.
func (m *matrix) mustCover(t *testing.T) {
	t.Helper()
	for _, c := range evidence.Catalogue {
		if n := m.count(c.ID, seenViolated); n == 0 {
			t.Errorf("%s was never seen Violated", c.ID)
		}
		if n := m.count(c.ID, seenUnknown); n == 0 {
			t.Errorf("%s was never seen Unknown", c.ID)
		}
		if n := m.count(c.ID, seenViolated) + m.count(c.ID, seenRefused); n < leastEach {
			t.Errorf("%s was tried in %d ways, want at least %d", c.ID, n, leastEach)
		}
	}
	for seen, least := range map[string]int{seenViolated: leastViolated, seenUnknown: leastUnknown} {
		if n := m.count("", seen); n < least {
			t.Errorf("rows that were seen %s: %d, want at least %d", seen, n, least)
		}
	}
}

// mustBePublished compares the page with the rows, or writes it.
func (m *matrix) mustBePublished(t *testing.T) {
	t.Helper()
	want := m.page()
	if *update {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatalf("writing the page: %v", err)
		}
		return
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatalf("reading the page (make golden writes it): %v", err)
	}
	if diff := gocmp.Diff(string(got), want); diff != "" {
		t.Errorf("docs/flips.md is not what was seen; make golden rewrites it (-page +seen):\n%s", diff)
	}
}

const preface = `# Flips: every control, broken in every way known to us

A control that says Verified is believed only if it says something else when it should. This table is made by ` + "`make flip`" + `, which
breaks each control in the running sandbox (AWS as the account's administrator, Stripe as the business's owner, a real PostgreSQL as
its master, a real API server), lets the real operator reconcile, and reads its SecurityReport. The suite fails when a row is not as it stands here, or when there are
fewer of them.

- **Violated**: the controls were broken in live state and the report said Violated, also when the operator repaired it in the same pass;
  afterwards every control was Verified again. *Ended by* says who repaired it.
- **refused**: the breach was tried, and AWS, PostgreSQL or the API server refused it.
- **Unknown**: the observation was made to fail, and from the first pass on the report said Unknown, never Verified; afterwards every
  control was Verified again.
- **not seen**: the breach was made and the control still said Verified. These are known gaps and count for nothing.

What the sandbox cannot show has not been tried against AWS itself.

`

func (m *matrix) page() string {
	var b strings.Builder
	b.WriteString(preface)
	b.WriteString("| control | Violated | refused | Unknown | not seen |\n| --- | --: | --: | --: | --: |\n")
	row := func(name, control string) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", name, m.count(control, seenViolated), m.count(control, seenRefused),
			m.count(control, seenUnknown), m.count(control, seenNot))
	}
	for _, c := range evidence.Catalogue {
		row(fmt.Sprintf("[%s](#%s)", c.ID, strings.ToLower(c.ID)), c.ID)
	}
	row("**all**", "")
	for _, c := range evidence.Catalogue {
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n| what was done | by | seen | ended by |\n| --- | --- | --- | --- |\n", c.ID, c.Statement)
		for _, e := range m.entries {
			if e.control == c.ID {
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.what, e.by, e.seen, e.ends)
			}
		}
	}
	return b.String()
}
