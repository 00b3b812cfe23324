package calllog_test

import (
	"slices"
	"testing"

	"github.com/coachplatform/coach-operator/cmd/sandbox/internal/aws/calllog"
)

func operations(calls []calllog.Call) []string {
	names := []string{}
	for _, call := range calls {
		names = append(names, call.Operation)
	}
	return names
}

func TestTheRingKeepsTheNewest(t *testing.T) {
	t.Parallel()
	log := calllog.New(3)
	seqs := map[string]int64{}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		seqs[name] = log.Begin(calllog.Call{Operation: name, Account: "1"})
	}
	log.End(seqs["a"], 200, "") // forgotten already
	log.End(seqs["d"], 400, "Broken")
	got := log.Since("", 0)
	if want := []string{"c", "d", "e"}; !slices.Equal(operations(got), want) {
		t.Fatalf("kept %v, want %v", operations(got), want)
	}
	if got[1].Status != 400 || got[1].Error != "Broken" || got[0].Status != 0 || got[2].Status != 0 {
		t.Errorf("statuses %+v", got)
	}
	if got := operations(log.Since("", seqs["d"])); !slices.Equal(got, []string{"e"}) {
		t.Errorf("since d: %v", got)
	}
}

func TestAccountsAreForgottenAlone(t *testing.T) {
	t.Parallel()
	log := calllog.New(4)
	for i, name := range []string{"x", "a", "b", "c", "d"} { // x falls out: the ring has turned
		log.Begin(calllog.Call{Operation: name, Account: []string{"1", "2"}[i%2]})
	}
	log.Forget("1")
	last := log.Begin(calllog.Call{Operation: "e", Account: "1"})
	log.End(last, 200, "")
	if got := operations(log.Since("", 0)); !slices.Equal(got, []string{"a", "c", "e"}) {
		t.Errorf("left %v", got)
	}
	if got := log.Since("1", 0); len(got) != 1 || got[0].Status != 200 {
		t.Errorf("of account 1: %+v", got)
	}
	log.Forget("")
	if got := log.Since("", 0); len(got) != 0 {
		t.Errorf("after forgetting all: %v", operations(got))
	}
}
