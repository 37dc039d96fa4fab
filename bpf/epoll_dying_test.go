// SPDX-License-Identifier: MIT

package bpf

import (
	"testing"

	"epbench"

	"golang.org/x/sys/unix"
)

// A file that is closed while a pass holds the epoll's lock is dying: its
// reference count is zero, and its registration is still there until the lock
// is free. It is skipped, but by the variant that does not look.
func TestDyingFilesAreSkipped(t *testing.T) {
	for _, test := range []struct {
		target EpollTarget
		skips  bool
		tries  int
	}{
		// On a busy machine a guest's two processors seldom run at once.
		{TargetEpoll, true, 200}, {TargetFget, true, 200}, {TargetRCU, true, 200}, {TargetNone, false, 3},
	} {
		t.Run(string(test.target), func(t *testing.T) {
			pass, err := OpenEpollPass(test.target, EpollFull)
			needBPF(t, err)
			defer pass.Close()
			// Closing may come too late, when all has been shown.
			skipped := false
			for try := 0; try < test.tries && !skipped; try++ {
				skipped = closeDuringPass(t, pass)
			}
			if skipped != test.skips {
				t.Errorf("skipped: %v, want %v", skipped, test.skips)
			}
		})
	}
}

// closeDuringPass closes the file that comes last while a pass is under way,
// and reports whether the pass has skipped it.
func closeDuringPass(t *testing.T, pass *EpollPass) (skipped bool) {
	t.Helper()
	i := newItems(t)
	defer i.release()
	holders := make(map[uint64]int)
	const n = 2000
	for k := range n {
		it := i.add(t, k)
		holders[it.data] = it.holder
	}
	if got := runPass(t, pass, i.epoll); got != n {
		t.Fatalf("%d registrations, want %d", got, n)
	}
	last := holders[pass.programs.spools.registrations.array.records[n-1].Data]
	closed := make(chan struct{})
	if err := pass.programs.set(&epollSweep{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(closed)
		for {
			var state epollSweep
			if err := pass.programs.get(&state); err != nil || state.Registrations > 0 {
				break
			}
		}
		unix.Close(last)
	}()
	if err := iterateEpoll(pass.programs.program(string(EpollFull)), i.epoll, new(epbench.Stats), nil); err != nil {
		t.Fatal(err)
	}
	<-closed
	delete(i.held, last)
	var state epollSweep
	if err := pass.programs.get(&state); err != nil {
		t.Fatal(err)
	}
	if after := runPass(t, pass, i.epoll); after != n-1 {
		t.Errorf("%d registrations after one was closed, want %d", after, n-1)
	}
	return state.Registrations == n-1
}

func runPass(t *testing.T, pass *EpollPass, epoll int) uint64 {
	t.Helper()
	got, err := pass.Run(epoll)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
