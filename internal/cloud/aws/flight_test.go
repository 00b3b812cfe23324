package aws

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestNobodyWaitsForeverForALoadThatOthersShare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		hanging := make(chan struct{})
		load := func() (any, error) {
			<-hanging
			return nil, nil
		}
		ask := func(ctx context.Context) (time.Duration, error) {
			began := time.Now()
			_, err := f.do(ctx, "", load)
			return time.Since(began), err
		}
		brief, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := ask(brief); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("whoever has a second waited %s: %v", took, err)
		}
		if took, err := ask(t.Context()); took != slow-time.Second || fault.ClassOf(err) != fault.Transient || err == nil {
			t.Errorf("whoever came a second late waited %s: %v", took, err)
		}
		if took, err := ask(t.Context()); took != 0 || err == nil {
			t.Errorf("whoever came when it was known to hang waited %s: %v", took, err)
		}
		close(hanging)
		synctest.Wait()
		if took, err := ask(t.Context()); took != 0 || err != nil {
			t.Errorf("after it hung the next load took %s: %v", took, err)
		}
	})
}
