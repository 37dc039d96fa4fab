// SPDX-License-Identifier: MIT

package bpf

import (
	"fmt"
	"testing"

	"epbench"
)

// Arrays and runs that are as short as can be make pieces of a few thousand
// registrations, as the usual ones do of millions.
var small = []taskfileSize{
	{lengths{1, 4}, 0},
	{lengths{1, 1 << 16}, 6},
	{lengths{1 << 15, 16}, 1},
	{lengths{100, 256}, 3},
	{lengths{1000, 100}, 2},
}

func TestPiecesMakeTheWhole(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 600
	}
	for _, text := range []string{
		"shape=moved,kind=eventfd,n=%d",
		"shape=shared,kind=pipe,n=%d,epolls=3",
		"shape=reused,kind=tcp,n=%d,procs=3",
		"shape=inplace,kind=eventfd,n=%d,epolls=200",
	} {
		w := start(t, fmt.Sprintf(text, n))
		for _, size := range small {
			t.Run(fmt.Sprintf("%v in %v", w.Spec, size), func(t *testing.T) {
				d := openSize(t, size)
				for range 2 {
					if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
						t.Error(diff)
					}
				}
			})
		}
	}
}

// The program remembers the epoll instances that it has walked in a table
// where they displace each other.
func TestEpollsOfSeveralProcessesAreDumpedOnce(t *testing.T) {
	d := open(t)
	w := start(t, "shape=inplace,kind=eventfd,n=6000,epolls=6000,procs=3")
	if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
		t.Error(diff)
	}
}

func TestDumpAppends(t *testing.T) {
	d := open(t)
	w := start(t, "shape=moved,kind=eventfd,n=100")
	before := epbench.Registration{TFD: 42}
	got, _, err := d.Dump(t.Context(), w.PIDs, []epbench.Registration{before})
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != before {
		t.Errorf("what was there became %v", got[0])
	}
	if diff := epbench.Diff(w.Truth, got[1:]); diff != "" {
		t.Error(diff)
	}
}
