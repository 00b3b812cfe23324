// Package report turns what the steps of one pass had to say into what a user sees. Every function but
// those of a pass itself is pure: outcomes and earlier conditions in, conditions, plan, events and the
// next pass out. Both kinds of the operator report through it, so that the same outcome reads the same
// everywhere.
//
//   - Failed makes the outcomes of steps that could not run at all.
//   - Type names the condition of a step; Steps gives the condition of every step that ran.
//   - Summary gives Ready, Reconciling and Stalled.
//   - Set writes conditions and keeps their transition times.
//   - Plan lists the differences, PlanSummary counts them.
//   - Events says what is worth an event.
//   - Run and Release run one step of a pass; Ending and PatchStatus end the pass.
//   - Result says when the next pass is; Backoff paces what is tried again.
//
// What a class of failure means is decided in package fault and nowhere else.
package report
