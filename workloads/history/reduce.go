// SPDX-License-Identifier: MIT

package history

import "slices"

// Reduce leaves out operations of h, which fails, for as long as what is left
// still fails: first halves, then ever smaller pieces, single operations until
// none can go. Operations that are undefined without those left out go with
// them.
func Reduce(h History, fails func(History) bool) History {
	for size := (len(h) + 1) / 2; size > 0; {
		shorter := leaveOut(h, size, fails)
		if size > 1 || len(shorter) == len(h) {
			size /= 2
		}
		h = shorter
	}
	return h
}

// leaveOut tries each piece of size operations.
func leaveOut(h History, size int, fails func(History) bool) History {
	for at := 0; at < len(h); {
		rest := slices.Delete(slices.Clone(h), at, min(at+size, len(h))).Defined()
		if fails(rest) {
			h = rest
		} else {
			at += size
		}
	}
	return h
}
