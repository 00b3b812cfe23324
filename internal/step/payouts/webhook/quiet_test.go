package webhook_test

import (
	"testing"

	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
)

func TestAPlanWritesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		prepare func(o *operator)
		changes int
	}{
		"of nothing":               {func(*operator) {}, len(webhook.Fields)},
		"of what is as it should":  {(*operator).converge, 0},
		"of what was disabled":     {disabled, 1},
		"of what came second":      {func(o *operator) { o.raced() }, 1},
		"of what lost its secrets": {func(o *operator) { o.converge(); o.kept.text = "" }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			c.prepare(o)
			o.restart(&path{})
			since := o.mark()
			out := o.run(converge.Mode{})
			if len(out.Changes) != c.changes || out.Applied {
				t.Errorf("%d changes planned, want %d: %+v", len(out.Changes), c.changes, out.Changes)
			}
			if _, writes := o.calls(since); writes != nil {
				t.Errorf("a plan writes: %v", writes)
			}
			for _, call := range o.path.calls {
				if call == "the Secret" {
					t.Error("a plan writes the Secret")
				}
			}
		})
	}
}

func disabled(o *operator) {
	o.converge()
	o.change(o.only().ID, off)
}

// raced makes an endpoint of the platform's although another platform has an older one.
func (o *operator) raced() *operator {
	elder := o.platform("elder")
	elder.converge()
	o.make(o.url, version, o.tenant.StripeMetadata(false))
	return elder
}

func TestAQuietPassWritesNothingAndAsksNothingWithinASweep(t *testing.T) {
	o := newWorld(t).platform("studio")
	o.converge()
	o.only()
	since := o.mark()
	for range 3 {
		if out := o.pass(); out.Err != nil || out.Applied || len(out.Changes) > 0 {
			t.Errorf("a quiet pass finds %+v", out)
		}
	}
	if all, _ := o.calls(since); all != nil {
		t.Errorf("within a sweep Stripe is asked %v", all)
	}
	if out := o.later(); out.Err != nil || out.Applied {
		t.Errorf("a pass after a sweep finds %+v", out)
	}
	if all, writes := o.calls(since); len(all) != 1 || writes != nil {
		t.Errorf("a sweep takes %v, want one observation", all)
	}
}

func TestAPlatformWithoutStripeIsNotObserved(t *testing.T) {
	o := newWorld(t).platform("studio")
	since := o.mark()
	in := o.in()
	in.Spec.Stripe.CredentialsSecretName = ""
	out := o.step.Run(t.Context(), in, converge.Mode{Write: true})
	done, err := o.step.Release(t.Context(), in)
	if all, _ := o.calls(since); out.Err != nil || len(out.Findings) > 0 || !done || err != nil || all != nil {
		t.Errorf("%+v, done %t, %v, calls %v", out, done, err, all)
	}
}
