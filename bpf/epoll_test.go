// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"epbench"
	"epbench/workloads"

	"golang.org/x/sys/unix"
)

// openEpollDumper opens epoll with arrays of the given lengths.
func openEpollDumper(t testing.TB, size lengths) *epoll {
	t.Helper()
	e, err := newEpoll(size)
	needBPF(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// Every kind is in bench's tests of all methods.
func TestEpollEqualsTheTruth(t *testing.T) {
	d := openEpollDumper(t, usual)
	layouts := []string{"n=60", "n=900,epolls=3,idle=50", "n=900,epolls=2,procs=3"}
	if testing.Short() {
		layouts = []string{"n=60", "n=200,epolls=2,idle=50,procs=3"}
	}
	for _, shape := range workloads.Shapes() {
		for _, more := range layouts {
			spec := "shape=" + shape + ",kind=mixed," + more
			t.Run(spec, func(t *testing.T) {
				w := start(t, spec)
				if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
					t.Error(diff)
				}
				w.Close()
			})
		}
	}
}

func TestEpollPiecesMakeTheWhole(t *testing.T) {
	n := uint32(3000)
	if testing.Short() {
		n = 600
	}
	for _, test := range []struct {
		spec string
		size lengths
	}{
		{"shape=moved,kind=eventfd,n=%d", lengths{1, 1}},
		{"shape=moved,kind=eventfd,n=%d", lengths{1, 1 << 16}},
		{"shape=moved,kind=eventfd,n=%d", lengths{1 << 15, 1}},
		{"shape=shared,kind=pipe,n=%d,epolls=3", lengths{100, n - 1}},
		{"shape=reused,kind=tcp,n=%d,procs=3", lengths{100, 100}},
	} {
		spec := fmt.Sprintf(test.spec, n)
		t.Run(fmt.Sprintf("%s in %v", spec, test.size), func(t *testing.T) {
			d := openEpollDumper(t, test.size)
			w := start(t, spec)
			for range 2 {
				if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestEpollLeavesNothingBehind(t *testing.T) {
	w := start(t, "shape=moved,kind=eventfd,n=100,epolls=5")
	openEpollDumper(t, lengths{1, 1}).Close() // whatever is opened once for all
	before := settled(t)
	d := openEpollDumper(t, lengths{1, 1})
	dump(t, d, w)
	during := held(t)
	for range 30 {
		dump(t, d, w)
	}
	if after := held(t); !slices.Equal(after, during) {
		t.Errorf("30 dumps: holds %q, held %q", after, during)
	}
	d.Close()
	if after := settled(t); !slices.Equal(after, before) {
		t.Errorf("after Close: holds %q, held %q", after, before)
	}
}

func TestEpollOnOtherKernelsSaysWhichIsNeeded(t *testing.T) {
	_, err := OpenEpollPass("epoll_of_no_kernel", EpollCount)
	if errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	var unavailable *epbench.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(err, epbench.ErrNotSupported) || !strings.Contains(err.Error(), "make kernel") {
		t.Errorf("got %v", err)
	}
}

// Under the lock, nothing can make a pass lose or repeat a registration; but the
// lock is let go of in between.
func TestEpollOfRunningProcessLosesNoRegistration(t *testing.T) {
	for _, size := range []lengths{usual, {1000, 1000}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			requireNoneLost(t, openEpollDumper(t, size))
		})
	}
}

// A dump is of everything, or it is an error: also if the process is killed at
// any moment of it.
func TestEpollNeverDumpsAKilledProcessInPart(t *testing.T) {
	tries, spec := 10, "shape=moved,kind=eventfd,n=4000,epolls=50"
	if testing.Short() {
		tries, spec = 5, "shape=moved,kind=eventfd,n=500,epolls=50"
	}
	requireAllOrNothing(t, openEpollDumper(t, usual), spec, tries, time.Millisecond)
}

func TestEpollOfKernelThreadIsEmpty(t *testing.T) {
	d := openEpollDumper(t, usual)
	const kthreadd = 2
	if comm, _ := os.ReadFile("/proc/2/comm"); strings.TrimSpace(string(comm)) != "kthreadd" {
		t.Skip("no kernel threads are to be seen in this PID namespace")
	}
	got, _, err := d.Dump(t.Context(), []int{kthreadd}, nil)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCancelledEpollDumpEnds(t *testing.T) {
	d := openEpollDumper(t, usual)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Dump(ctx, []int{os.Getpid()}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
