package cache

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coachplatform/coach-operator/internal/fault"
)

func TestNoCallerWaitsForeverForASharedRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f flight
		hanging := make(chan struct{})
		load := func() (any, error) {
			<-hanging
			return nil, nil
		}
		call := func(ctx context.Context) (time.Duration, error) {
			began := time.Now()
			_, err := f.do(ctx, "", fault.New(fault.Transient, "TransientError", "late"), load)
			return time.Since(began), err
		}
		second, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took, err := call(second); took != time.Second || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a caller with a second waited %s: %v", took, err)
		}
		if took, err := call(t.Context()); took != Patience-time.Second || fault.ClassOf(err) != fault.Transient || err == nil {
			t.Errorf("a caller that came a second late waited %s: %v", took, err)
		}
		if took, err := call(t.Context()); took != 0 || err == nil {
			t.Errorf("a caller that came when the read was known to hang waited %s: %v", took, err)
		}
		close(hanging)
		synctest.Wait()
		if took, err := call(t.Context()); took != 0 || err != nil {
			t.Errorf("after it hung the next load took %s: %v", took, err)
		}
	})
}
