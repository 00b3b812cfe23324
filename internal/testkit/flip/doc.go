// Package flip holds the suite that believes no control before it flipped: each is broken in the running
// sandbox, by every route known to us, and must be reported as Violated by the real operator; and its
// observation is made to fail, and it must be reported as Unknown. The code is in the tests; make flip
// runs it, and docs/flips.md is its table.
package flip
