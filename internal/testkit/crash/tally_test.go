package crash_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"
)

// tableVariable names a file for the table: go test shows no output of what passes.
const tableVariable = "CRASH_TABLE"

// tally counts what the suite covers.
type tally struct {
	began time.Time

	mu     sync.Mutex
	plans  int
	deaths map[group]map[way]int
	places map[place]bool
	wiped  int
}

// group is what deaths are counted by.
type group string

const (
	awsWrites   group = "AWS writes"
	awsReads    group = "AWS reads, the first of each"
	statuses    group = "Kubernetes, writes of a status"
	evidences   group = "Kubernetes, writes of evidence"
	otherWrites group = "Kubernetes, other writes"
	statements  group = "SQL, messages that create logins"
	firstReads  group = "SQL, the first message"
	killings    group = "AWS writes, SIGKILL of the real program"
)

var groups = []group{awsWrites, awsReads, statuses, evidences, otherWrites, statements, firstReads, killings}

func groupOf(c call) group {
	switch {
	case c.kind == status:
		return statuses
	case c.kind == proof:
		return evidences
	case c.service == database && c.kind == write:
		return statements
	case c.service == database:
		return firstReads
	case c.service == kubernetes:
		return otherWrites
	case c.kind == read:
		return awsReads
	default:
		return awsWrites
	}
}

func newTally() *tally {
	return &tally{began: time.Now(), deaths: map[group]map[way]int{}, places: map[place]bool{}}
}

// plan counts a plan that ran.
func (y *tally) plan() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.plans++
}

// died counts a death.
func (y *tally) died(of group, d death) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.deaths[of] == nil {
		y.deaths[of] = map[way]int{}
	}
	y.deaths[of][d.way]++
	y.places[d.at.place] = true
	if d.status {
		y.wiped++
	}
}

// report prints the table, and fails when all plans ran and covered less than they should.
func (y *tally) report(t *testing.T, plans int) {
	t.Helper()
	table, deaths, kills := y.table()
	t.Log("\n" + table)
	if file := os.Getenv(tableVariable); file != "" {
		if err := os.WriteFile(file, []byte(table), 0o600); err != nil {
			t.Errorf("writing the table: %v", err)
		}
	}
	if y.plans < plans || t.Failed() {
		return
	}
	if kills*10 < deaths {
		t.Errorf("%d of %d deaths are those of the real program; make it one in ten", kills, deaths)
	}
	for what, counts := range map[string][2]int{
		"places": {len(y.places), leastPlaces}, "deaths": {deaths, leastDeaths},
		"wiped": {y.wiped, leastWiped}, "killed": {kills, leastKilled},
	} {
		if counts[0] < counts[1] {
			t.Errorf("%s: %d, want at least %d", what, counts[0], counts[1])
		}
	}
}

// table writes places times ways.
func (y *tally) table() (text string, deaths, kills int) {
	var raw, out strings.Builder
	line := func(name string, counts map[way]int) (sum int) {
		fmt.Fprintf(&raw, "%s\t", name)
		for _, way := range ways {
			sum += counts[way]
			fmt.Fprintf(&raw, "%d\t", counts[way])
		}
		fmt.Fprintf(&raw, "%d\t\n", sum)
		return sum
	}
	fmt.Fprintf(&raw, "the operator dies at\t%s\t%s\t%s\tall\t\n", ways[0], ways[1], ways[2])
	all := map[way]int{}
	for _, g := range groups {
		kills = line(string(g), y.deaths[g]) // the last group is that of killings
		for way, n := range y.deaths[g] {
			all[way] += n
		}
	}
	deaths = line(fmt.Sprintf("all, at %d calls", len(y.places)), all)
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, err := w.Write([]byte(raw.String()))
	if err = errors.Join(err, w.Flush()); err != nil {
		return err.Error(), deaths, kills
	}
	fmt.Fprintf(&out, "the status of both objects was lost as well: %d times; all this took %.0f s\n", y.wiped, time.Since(y.began).Seconds())
	return out.String(), deaths, kills
}
