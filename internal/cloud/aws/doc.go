// Package aws is the operator's way to AWS: one session per class for reading and one per tenant for
// writing, a call budget that the whole account shares, reads that many platforms share, and the
// translation of AWS errors into faults. It imports no step and no controller.
package aws
