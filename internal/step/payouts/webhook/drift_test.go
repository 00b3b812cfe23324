package webhook_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	stripesdk "github.com/stripe/stripe-go/v76"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
	"github.com/coachplatform/coach-operator/internal/converge"
	"github.com/coachplatform/coach-operator/internal/step/payouts/webhook"
)

// version is the one that events must be in, and otherVersion one that nobody here can read.
const (
	version      = stripe.APIVersion
	otherVersion = "2022-11-15"
)

var off = &stripesdk.WebhookEndpointParams{Disabled: new(true)}

// drifts change something behind the operator's back.
var drifts = map[string]struct {
	path string
	do   func(o *operator)
	// anew says that only another endpoint repairs it.
	anew bool
	// verdict is what CP-PAY-04 reads meanwhile.
	verdict converge.Verdict
}{
	"the address is changed": {"url", func(o *operator) {
		o.change(o.only().ID, &stripesdk.WebhookEndpointParams{URL: new("https://elsewhere.example.com/")})
	}, false, converge.Violated},
	"the address is one without TLS": {"url", func(o *operator) {
		o.change(o.only().ID, &stripesdk.WebhookEndpointParams{URL: new("http://hooks.example.com/stripe/tenant-a/studio")})
	}, false, converge.Violated},
	"an event is left out": {"events", func(o *operator) {
		o.change(o.only().ID, &stripesdk.WebhookEndpointParams{EnabledEvents: stripesdk.StringSlice(slices.Clone(stripe.Events[1:]))})
	}, false, converge.Violated},
	"all events are delivered": {"events", func(o *operator) {
		o.change(o.only().ID, &stripesdk.WebhookEndpointParams{EnabledEvents: []*string{new("*")}})
	}, false, converge.Violated},
	"it is disabled": {"enabled", func(o *operator) { o.change(o.only().ID, off) }, false, converge.Violated},
	"it is one of another version": {"apiVersion", func(o *operator) {
		o.remove(o.only().ID)
		o.kept.endpoint = o.make(o.url, otherVersion, o.tenant.StripeMetadata(false))
	}, true, converge.Verified},
	"the Secret is lost":               {"signingSecret", func(o *operator) { o.kept.endpoint, o.kept.text = "", "" }, true, converge.Violated},
	"the Secret is emptied":            {"signingSecret", func(o *operator) { o.kept.text = "" }, true, converge.Violated},
	"the secret is cut short":          {"signingSecret", func(o *operator) { o.kept.text = o.kept.text[:15] }, true, converge.Violated},
	"the secret is another endpoint's": {"signingSecret", func(o *operator) { o.kept.endpoint = "we_another" }, true, converge.Violated},
	"there is a second one": {"others", func(o *operator) {
		o.make(o.url, version, o.tenant.StripeMetadata(false))
	}, false, converge.Verified},
}

func TestADriftIsSeenByItsPathAloneAndRepaired(t *testing.T) {
	tried := map[string]bool{}
	for name, c := range drifts {
		tried[c.path] = true
		t.Run(name, func(t *testing.T) {
			o := newWorld(t).platform("studio")
			o.converge()
			was := o.only().ID
			c.do(o)
			if made := o.endpoints(); c.path == "apiVersion" {
				was = made[0].ID
			}
			o.clock.Step(sweep * 2)
			inPlace := map[string]string{}
			out := o.run(converge.Mode{LastConverged: inPlace})
			var paths []string
			for _, change := range out.Changes {
				paths = append(paths, change.Path)
				if change.Held || change.Effect != converge.InPlace {
					t.Errorf("the change of %s is held", change.Path)
				}
			}
			if diff := cmp.Diff([]string{c.path}, paths); diff != "" {
				t.Errorf("paths that differ (-want +got):\n%s", diff)
			}
			if got := out.Findings[0]; got.Control != "CP-PAY-04" || got.Verdict != c.verdict {
				t.Errorf("CP-PAY-04 reads %+v", got)
			}
			o.converge()
			now := o.only().ID
			if (now != was) != c.anew {
				t.Errorf("the endpoint was %s and is %s", was, now)
			}
			if got := o.later().Findings[0]; got.Verdict != converge.Verified {
				t.Errorf("CP-PAY-04 reads %+v after it was repaired", got)
			}
		})
	}
	for _, f := range webhook.Fields {
		if !tried[f.Path] {
			t.Errorf("the field %s does not drift", f.Path)
		}
	}
}

func TestADriftIsDistinguishedFromAnEdit(t *testing.T) {
	o := newWorld(t).platform("studio")
	o.converge()
	inPlace := map[string]string{webhook.Name: o.pass().LastConverged}
	o.change(o.only().ID, off)
	o.clock.Step(sweep * 2)
	out := o.run(converge.Mode{LastConverged: inPlace})
	if len(out.Changes) != 1 || !out.Changes[0].Drift {
		t.Errorf("what somebody disabled is no drift: %+v", out.Changes)
	}
	o.url = "https://other.example.com/stripe/tenant-a/studio"
	out = o.run(converge.Mode{LastConverged: inPlace})
	if len(out.Changes) != 2 || out.Changes[0].Path != "url" || out.Changes[0].Drift {
		t.Errorf("another address of the class is a drift: %+v", out.Changes)
	}
	o.converge()
	o.only()
}

func TestAnEndpointThatIsDeletedIsMadeAnew(t *testing.T) {
	o := newWorld(t).platform("studio")
	o.converge()
	seen := map[string]bool{}
	for range 3 {
		id := o.only().ID
		if seen[id] {
			t.Errorf("%s was deleted, and is there", id)
		}
		seen[id] = true
		o.remove(id)
		o.clock.Step(sweep * 2)
		if out := o.run(converge.Mode{}); out.Exists || len(out.Changes) != len(webhook.Fields) || out.Findings[0].Verdict != converge.Unknown {
			t.Errorf("what is gone reads %+v", out)
		}
		o.converge()
	}
	o.remove(o.only().ID)
	o.kept.endpoint, o.kept.text = "", "" // and the Secret with it: Stripe answers with what it made first
	o.converge()
	o.only()
}
