package fault_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coachplatform/coach-operator/internal/fault"
)

var classes = []fault.Class{
	fault.Transient, fault.Waiting, fault.Held, fault.Denied, fault.Conflict, fault.Invalid,
}

func TestAsFindsTheClass(t *testing.T) {
	denied := fault.New(fault.Denied, "AccessDenied", "grant %s", "it")
	for name, c := range map[string]struct {
		err    error
		class  fault.Class
		reason string
	}{
		"a fault":                     {denied, fault.Denied, "AccessDenied"},
		"a wrapped fault":             {fmt.Errorf("reading: %w", denied), fault.Denied, "AccessDenied"},
		"a fault among other errors":  {errors.Join(errors.New("x"), denied), fault.Denied, "AccessDenied"},
		"a fault with a cause":        {denied.Because(errors.New("x")), fault.Denied, "AccessDenied"},
		"an unclassified error":       {errors.New("request 8f2c failed"), fault.Transient, "TransientError"},
		"a wait":                      {fault.Wait("Settling", time.Second, "wait"), fault.Waiting, "Settling"},
		"the first of several faults": {errors.Join(fault.New(fault.Held, "A", ""), denied), fault.Held, "A"},
	} {
		t.Run(name, func(t *testing.T) {
			if f := fault.As(c.err); f.Class != c.class || f.Reason != c.reason {
				t.Errorf("%s %s, want %s %s", f.Class, f.Reason, c.class, c.reason)
			}
			if got := fault.ClassOf(c.err); got != c.class {
				t.Errorf("class %s, want %s", got, c.class)
			}
		})
	}
}

func TestAnUnclassifiedErrorIsKeptForLogsAndOutOfTheMessage(t *testing.T) {
	cause := errors.New("request 8f2c failed for password hunter2")
	f := fault.As(cause)
	if !errors.Is(f, cause) {
		t.Error("the cause is lost")
	}
	if strings.Contains(f.Message, "8f2c") || strings.Contains(f.Message, "hunter2") || f.Message == "" {
		t.Errorf("message for people: %q", f.Message)
	}
}

func TestBecauseLeavesTheOriginalAlone(t *testing.T) {
	cause := errors.New("x")
	first := fault.Wait("Settling", time.Minute, "wait for %d", 3)
	second := first.Because(cause)
	if first.Err != nil {
		t.Error("the original has got a cause")
	}
	want := &fault.Error{Class: fault.Waiting, Reason: "Settling", Message: "wait for 3", After: time.Minute}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("original (-want +got):\n%s", diff)
	}
	if !errors.Is(second, cause) || second.Reason != "Settling" || second.After != time.Minute {
		t.Errorf("with a cause: %+v", second)
	}
}

func TestErrorTextHoldsReasonMessageAndCause(t *testing.T) {
	f := fault.New(fault.Invalid, "InvalidSpec", "set %s", "it back")
	if got := f.Error(); got != "InvalidSpec: set it back" {
		t.Errorf("text %q", got)
	}
	if got := f.Because(errors.New("no")).Error(); got != "InvalidSpec: set it back: no" {
		t.Errorf("text with a cause %q", got)
	}
}

func TestEveryClassHasANameAndAHandling(t *testing.T) {
	want := map[string]fault.Handling{
		"transient": {Status: "Unknown", Backoff: true},
		"waiting":   {Status: "False", After: 10 * time.Second},
		"held":      {Status: "True", Ready: true, Event: true},
		"denied":    {Status: "False", Stalled: true, Event: true, Warning: true, After: 2 * time.Minute},
		"conflict":  {Status: "False", Stalled: true, Event: true, Warning: true, After: 2 * time.Minute},
		"invalid":   {Status: "False", Stalled: true, Event: true, Warning: true, After: 2 * time.Minute},
	}
	got := map[string]fault.Handling{}
	for _, class := range classes {
		got[class.String()] = fault.Handle(class)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("handling (-want +got):\n%s", diff)
	}
	for _, class := range classes {
		if h := fault.Handle(class); h.Stalled && h.Backoff {
			t.Errorf("%s is stalled and backs off: who waits for a person must not be hurried", class)
		}
	}
}
