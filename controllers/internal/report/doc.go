// Package report turns what the steps of one pass said into what a user sees. It is pure: outcomes and an
// earlier status in, conditions, steps, plan and events out. All kinds report through it, so that the same
// outcome reads the same everywhere.
//
//   - A Pass has the outcomes and, if the pass as a whole was refused, the cause.
//   - Pass.Summary gives Ready, Reconciling and Stalled, Pass.Conditions one condition per wing, and
//     Pass.Steps what each step said. One cause is told once: in Ready, in the kstatus condition that is
//     True, in the step that has it and in the condition of that step.
//   - Pass.Events says what is worth an event. It names the step that Ready names.
//   - Set writes conditions and keeps their transition times.
//   - Plan lists the differences, PlanSummary counts them.
//   - Result says when the next pass is; Backoff paces what is tried again.
//
// What a class of failure means is decided in package fault and nowhere else.
package report
