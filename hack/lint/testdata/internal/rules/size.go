package rules

import "context"

// Wide is an interface that asks for too much.
type Wide interface { // want interfacebloat
	A()
	B()
	C()
	D()
	E()
	F()
	G()
	H()
	I()
}

// Stopped has no full stop // want godot
func Stopped(context.Context) {}

// Wordy has a line that is too long.
const Wordy = "nobody reads this line to its end, because it goes on and on and on after everything there was to say has been said" // want lll

// Silenced silences everything without a reason.
func Silenced(do func() error) {
	do() //nolint // want nolintlint
}

// Deep nests.
func Deep(a, b, c, d bool) int {
	if a { // want nestif
		if b {
			if c {
				if d {
					return 1
				}
			}
		}
	}
	return 0
}

// Complex decides too much.
func Complex(n []int) int { // want gocognit
	total := 0
	for _, x := range n {
		if x > 1 && x < 9 {
			total++
		}
		for range x {
			if x > 2 || total > 3 {
				total++
			}
		}
		for range total {
			if x > 3 && total > 4 {
				total--
			}
		}
		if x > 5 {
			total--
		}
	}
	return total
}

// Long does too much.
func Long() int { // want funlen
	n := 0
	n += 2
	n += 3
	n += 4
	n += 5
	n += 6
	n += 7
	n += 8
	n += 9
	n += 10
	n += 11
	n += 12
	n += 13
	n += 14
	n += 15
	n += 16
	n += 17
	n += 18
	n += 19
	n += 20
	n += 21
	n += 22
	n += 23
	n += 24
	n += 25
	n += 26
	n += 27
	n += 28
	n += 29
	n += 30
	n += 31
	n += 32
	n += 33
	n += 34
	n += 35
	n += 36
	n += 37
	n += 38
	n += 39
	n += 40
	n += 41
	n += 42
	return n
}
