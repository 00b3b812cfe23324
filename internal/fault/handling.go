package fault

import "time"

// Handling is what one class of failure leads to: the condition, the event and the next reconcile. It is
// the only place that decides these.
type Handling struct {
	// Status is the step's condition status: "False" or "Unknown".
	Status string
	// Stalled says that only a person, or a changed world, ends this.
	Stalled bool
	// Ready says that the failure leaves readiness as it was observed.
	Ready bool
	// Warning makes the event a Warning.
	Warning bool
	// Event says that entering this state is worth an event.
	Event bool
	// Backoff returns the error to the queue, which retries with growing delays.
	Backoff bool
	// After is the time to the next reconcile if the error names none and Backoff is off; zero is the usual
	// resync.
	After time.Duration
}

// slow is the cadence of what a person must repair: no error is final, so it is tried again.
const slow = 2 * time.Minute

var handlings = map[Class]Handling{
	Transient: {Status: "Unknown", Backoff: true},
	Waiting:   {Status: "False", After: 10 * time.Second},
	Held:      {Status: "True", Ready: true, Event: true},
	Denied:    {Status: "False", Stalled: true, Event: true, Warning: true, After: slow},
	Conflict:  {Status: "False", Stalled: true, Event: true, Warning: true, After: slow},
	Invalid:   {Status: "False", Stalled: true, Event: true, Warning: true, After: slow},
}

// Handle returns what to do about a class.
func Handle(c Class) Handling { return handlings[c] }
