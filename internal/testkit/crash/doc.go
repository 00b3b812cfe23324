// Package crash proves that the whole operator may die anywhere: its tests learn every call that leads
// from two new objects to a platform that is ready, end the operator at each of them, in several ways,
// and compare what the next one leaves behind with what an undisturbed one makes.
package crash
