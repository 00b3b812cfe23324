// Package crash tests that the whole operator may die anywhere. Its tests learn every call that leads
// from two new objects to a platform that is ready, end the operator at each of them, in several ways,
// and compare what the next one leaves behind with what an undisturbed one creates. Databases are real, and
// so are their logins.
//
// Not every pair of a call and a way is a death of its own, and a platform takes three seconds of processor
// time. So, to be done in four minutes:
//   - Reads change nothing, so the operator dies at the first of each kind only, in the three ways by turns.
//   - At what it writes to the API server and to the database it dies before the call is sent and before the
//     answer is read. To die before the next status is written is one death for all calls of a pass, and
//     that is among those at statuses; only for AWS it is done at each.
//   - Of the messages to a database it dies at some of those that create logins, spread evenly. The package
//     dbrole has a test of its own that dies at every message, also of the way from more logins to fewer.
//   - The real program is killed at calls to AWS, which the sandbox can hold. Other plans are at an arbitrary place
//     when that happens.
package crash
