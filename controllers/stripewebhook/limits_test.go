package stripewebhook

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coachplatform/coach-operator/internal/cloud/stripe"
)

const studio, gym = "/stripe/tenant/studio", "/stripe/tenant/gym"

func TestAPlatformsEndpointTakesSoManyEventsASecond(t *testing.T) {
	s := newSmall(t)
	took := func(path string) (n int) {
		now := s.clock.Now()
		event := fmt.Sprintf(`{"id":"evt_1","object":"event","type":"account.updated","api_version":%q,"created":%d,"data":{"object":{}}}`,
			stripe.APIVersion, now.Unix())
		header := fmt.Sprintf("t=%d,v1=%s", now.Unix(), signature([]byte(event), now))
		for s.post(t.Context(), path, strings.NewReader(event), header) != http.StatusTooManyRequests {
			if status := s.post(t.Context(), path, strings.NewReader(event), "t=1,v1=00"); status != http.StatusBadRequest {
				t.Fatalf("what nobody signed is answered with %d", status)
			}
			if n++; n > 10*burst {
				t.Fatal("there is no limit")
			}
		}
		return n
	}
	for _, c := range []struct {
		name, path string
		wait       time.Duration
		want       int
	}{
		{name: "a burst", path: studio, want: burst},
		{name: "at once after it", path: studio},
		{name: "another platform meanwhile", path: gym, want: burst},
		{name: "a second later", path: studio, wait: time.Second, want: perSecond},
		{name: "after a long rest", path: studio, wait: time.Hour, want: burst},
	} {
		s.clock.Step(c.wait)
		if got := took(c.path); got != c.want {
			t.Errorf("%s: %d were taken, want %d", c.name, got, c.want)
		}
	}
}

func TestNothingIsRememberedOfPathsThatNobodyHas(t *testing.T) {
	s := newSmall(t)
	for i := range 10_000 {
		for _, path := range []string{fmt.Sprintf("/stripe/tenant/%d", i), fmt.Sprintf("/stripe/%d/studio", i)} {
			if status := s.post(t.Context(), path, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusBadRequest {
				t.Fatalf("%s is answered with %d", path, status)
			}
		}
	}
	if n := len(s.receiver.endpoints.all); n != 0 {
		t.Errorf("%d endpoints are remembered", n)
	}
	s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00")
	if n := len(s.receiver.endpoints.all); n != 1 {
		t.Errorf("%d endpoints are remembered of one platform", n)
	}
}

// blocked is a body that does not come until it is cut.
type blocked struct{ began, cut chan struct{} }

func (b blocked) Read([]byte) (int, error) {
	b.began <- struct{}{}
	<-b.cut
	return 0, io.ErrUnexpectedEOF
}

func TestAFloodAtOnePathHoldsUpNoOther(t *testing.T) {
	s := newSmall(t)
	body := blocked{began: make(chan struct{}), cut: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var waiting sync.WaitGroup
	statuses := make(chan int, maxEach)
	for range maxEach {
		waiting.Go(func() { statuses <- s.post(ctx, studio, body, "t=1,v1=00") })
		<-body.began
	}
	for path, want := range map[string]int{
		studio: http.StatusServiceUnavailable, gym: http.StatusBadRequest, "/stripe/tenant/nobody": http.StatusBadRequest,
	} {
		if status := s.post(t.Context(), path, strings.NewReader("{}"), "t=1,v1=00"); status != want {
			t.Errorf("while %d are on their way to studio, one at %s is answered with %d, want %d", maxEach, path, status, want)
		}
	}
	close(body.cut)
	waiting.Wait()
	for range maxEach {
		if status := <-statuses; status != http.StatusBadRequest {
			t.Errorf("a body that was cut is answered with %d", status)
		}
	}
	if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusBadRequest {
		t.Errorf("when they are done, one is answered with %d", status)
	}
}

func TestOnlySoManyEventsAreTakenAtATime(t *testing.T) {
	s := newSmall(t)
	for range maxOpen {
		s.receiver.open <- struct{}{}
	}
	if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusServiceUnavailable {
		t.Errorf("beyond %d, one is answered with %d", maxOpen, status)
	}
	<-s.receiver.open
	if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusBadRequest {
		t.Errorf("when there is a place, one is answered with %d", status)
	}
}

func TestWhatIsHeldOfBodiesIsBounded(t *testing.T) {
	s := newSmall(t)
	s.receiver.held.Store(maxHeld - 1)
	if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusServiceUnavailable {
		t.Errorf("beyond the bound, one is answered with %d", status)
	}
	if held := s.receiver.held.Load(); held != maxHeld-1 {
		t.Errorf("%d bytes are held of a body that was refused", held-maxHeld+1)
	}
	s.receiver.held.Store(0)
	if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusBadRequest {
		t.Errorf("below it, one is answered with %d", status)
	}
}

func TestASignatureIsNoLicenceToWrite(t *testing.T) {
	s := newSmall(t)
	sent := 0
	stored := func() (n int) {
		for n = range 10 * hintsBurst {
			now := s.clock.Now()
			sent++
			event := fmt.Sprintf(`{"id":"evt_%d","object":"event","type":"account.updated","api_version":%q,"created":%d,`+
				`"account":%q,"data":{"object":{}}}`, sent, stripe.APIVersion, now.Unix(), theAccount)
			header := fmt.Sprintf("t=%d,v1=%s", now.Unix(), signature([]byte(event), now))
			switch status := s.post(t.Context(), studio, strings.NewReader(event), header); status {
			case http.StatusOK:
			case http.StatusTooManyRequests:
				return n
			default:
				t.Fatalf("an event is answered with %d", status)
			}
		}
		return n
	}
	if got := stored(); got != hintsBurst {
		t.Errorf("of one account %d events were stored at once, want %d", got, hintsBurst)
	}
	s.clock.Step(time.Second)
	if got := stored(); got != hintsPerSecond {
		t.Errorf("a second later %d were, want %d", got, hintsPerSecond)
	}
	s.clock.Step(time.Hour)
	s.receiver.stored.AllowN(s.clock.Now(), storedBurst)
	if got := stored(); got != 0 {
		t.Errorf("when others had all that is stored for all, %d were", got)
	}
}

func TestSecretsThatCannotBeReadAreNotAskedForEachTime(t *testing.T) {
	s := newSmall(t)
	live := &counting{Reader: s.client}
	s.receiver.Live = live
	for range 100 {
		if status := s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00"); status != http.StatusServiceUnavailable {
			t.Fatalf("without its secrets, the platform answers with %d", status)
		}
	}
	if live.reads != 1 {
		t.Errorf("the API server was asked %d times", live.reads)
	}
	s.clock.Step(soonest)
	s.post(t.Context(), studio, strings.NewReader("{}"), "t=1,v1=00")
	if live.reads != 2 {
		t.Errorf("%v later it was asked %d times in all, want 2", soonest, live.reads)
	}
}
