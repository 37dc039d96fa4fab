// SPDX-License-Identifier: MIT

package epbench

import (
	"fmt"
	"strings"
)

// Diff describes how got differs from want, both in canonical order, and is
// empty when they are equal. A registration that is in both but for its
// target or events is one line that shows the two, rather than one missing and
// one extra; after the first few lines only the number of the rest is told.
func Diff(want, got []Registration) string {
	var d differ
	i, j := 0, 0
	for i < len(want) || j < len(got) {
		switch order := compareAt(want, i, got, j); {
		case order < 0:
			d.add("missing  %v", want[i])
			i++
		case order > 0:
			d.add("extra    %v", got[j])
			j++
		default:
			if want[i] != got[j] {
				d.add("differs  %v\n   want  %v", got[j], want[i])
			}
			i++
			j++
		}
	}
	return d.result(len(want), len(got))
}

// compareAt orders want[i] and got[j] by what identifies a registration to a
// reader, its epoll, tfd and data; a list that has ended is last.
func compareAt(want []Registration, i int, got []Registration, j int) int {
	if i == len(want) {
		return 1
	}
	if j == len(got) {
		return -1
	}
	w, g := want[i], got[j]
	w.Target, w.Events = g.Target, g.Events
	return w.Compare(g)
}

// differ collects the lines of a Diff.
type differ struct {
	lines strings.Builder
	count int
}

const diffLines = 20

func (d *differ) add(format string, args ...any) {
	d.count++
	if d.count <= diffLines {
		fmt.Fprintf(&d.lines, format+"\n", args...)
	}
}

func (d *differ) result(want, got int) string {
	if d.count == 0 {
		return ""
	}
	if d.count > diffLines {
		fmt.Fprintf(&d.lines, "... and %d more\n", d.count-diffLines)
	}
	return fmt.Sprintf("%d differences (%d registrations, want %d):\n%s",
		d.count, got, want, d.lines.String())
}
