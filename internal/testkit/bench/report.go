package bench

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Figure is one number that was measured.
type Figure struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
	// Meaning says in half a line what was measured.
	Meaning string `json:"meaning"`
	// Target is what the design requires; "" when it requires nothing.
	Target string `json:"target,omitempty"`
}

// Calls are the calls of one operation of AWS or Stripe.
type Calls struct {
	Operation string `json:"operation"`
	// Ready is how many there were until all platforms were Ready, or all accounts stood at Onboarding, and
	// Rate how many in a second between the first and the last of them.
	Ready int     `json:"untilReady"`
	Rate  float64 `json:"untilReadyPerSecond"`
	// Quiet is how many there are in a quiet resync, on average.
	Quiet float64 `json:"quietResync"`
	// Restart is how many a new process makes until it has observed everything.
	Restart int `json:"restart"`
}

// Report is all that was measured, and on what.
type Report struct {
	Date time.Time `json:"date"`
	// Platforms and Accounts are how many there are of what was measured; 0 is none.
	Platforms int `json:"platforms,omitempty"`
	Accounts  int `json:"accounts,omitempty"`
	Cores     int `json:"cores"`
	// MemoryGiB is the machine's.
	MemoryGiB float64  `json:"memoryGiB"`
	Figures   []Figure `json:"figures"`
	Calls     []Calls  `json:"calls"`
	// Waited is the share of its time until Ready that a platform spent for each reason.
	Waited map[string]float64 `json:"waited,omitempty"`
}

// Add appends figures.
func (r *Report) Add(figures ...Figure) { r.Figures = append(r.Figures, figures...) }

// Save writes the report as JSON.
func (r *Report) Save(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

// Print writes the report as tables.
func (r *Report) Print(to io.Writer) error {
	table := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	if _, err := io.WriteString(table, r.text()); err != nil {
		return fmt.Errorf("printing the report: %w", err)
	}
	return table.Flush()
}

// text is the report with a tab after each cell.
func (r *Report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s on %d cores and %.0f GiB, which the API server, etcd and the sandbox share\n",
		r.subject(), r.Cores, r.MemoryGiB)
	b.WriteString("\nFIGURE\tVALUE\tTARGET\tMEANING\n")
	for _, f := range r.Figures {
		value := strings.TrimSpace(number(f.Value) + " " + f.Unit)
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", f.Name, value, cmp.Or(f.Target, "-"), f.Meaning)
	}
	b.WriteString("\nCALL\tUNTIL READY\tA SECOND\tQUIET RESYNC\tRESTART\n")
	for _, c := range r.Calls {
		fmt.Fprintf(&b, "%s\t%d\t%s\t%s\t%d\n", c.Operation, c.Ready, number(c.Rate), number(c.Quiet), c.Restart)
	}
	if len(r.Waited) > 0 {
		b.WriteString("\nA platform waited, until it was Ready\n")
	}
	longest := func(x, y string) int { return cmp.Compare(r.Waited[y], r.Waited[x]) }
	for _, reason := range slices.SortedFunc(maps.Keys(r.Waited), longest) {
		fmt.Fprintf(&b, "%.0f %%\t%s\n", 100*r.Waited[reason], reason)
	}
	return b.String()
}

// subject is what was measured.
func (r *Report) subject() string {
	switch {
	case r.Accounts > 0 && r.Platforms > 0:
		return fmt.Sprintf("%d platforms, one of them with %d payout accounts", r.Platforms, r.Accounts)
	case r.Accounts > 0:
		return fmt.Sprintf("%d payout accounts of one platform", r.Accounts)
	}
	return fmt.Sprintf("%d platforms", r.Platforms)
}

// number prints three digits that mean something, and no more.
func number(v float64) string {
	switch {
	case v >= 100 || v == float64(int64(v)):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}
