// SPDX-License-Identifier: MIT

package bpf

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"epbench"
	"epbench/internal/process"

	"golang.org/x/sys/unix"
)

// steps are a dump in two: up to the last record, and from then on.
type steps interface {
	collectNow(t *testing.T, stats *epbench.Stats)
	finish(t *testing.T, stats *epbench.Stats) []epbench.Registration
}

// What is closed after its descriptor was noted is not named by it: by then the
// address of its struct file may be another's.
func TestOnlyDescriptorsThatStayNameFiles(t *testing.T) {
	for _, size := range []lengths{usual, {4, 64}} { // both in the array and moved out of it
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			requireConfirmed(t, openSize(t, taskfileSize{size, 2}))
		})
	}
}

func TestEpollOnlyDescriptorsThatStayNameFiles(t *testing.T) {
	for _, size := range []lengths{usual, {4, 64}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			requireConfirmed(t, openEpollDumper(t, size))
		})
	}
}

func requireConfirmed(t *testing.T, d steps) {
	t.Helper()
	i := newItems(t)
	twice, once, stays := i.eventfd(t), i.eventfd(t), i.eventfd(t)
	for n, fd := range []int{twice, once, stays} {
		i.addFile(t, fd, n)
	}
	again := duplicate(t, twice)
	epoll := duplicate(t, i.epoll)

	var stats epbench.Stats
	d.collectNow(t, &stats)
	i.close(twice)
	i.close(i.epoll)
	// once becomes the name of another file.
	if err := unix.Dup3(stays, once, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	targets := make(map[int32]epbench.Ref)
	for _, r := range d.finish(t, &stats) {
		if int(r.Epoll.FD) == i.epoll {
			t.Errorf("%v is of a descriptor that was closed", r)
		}
		if int(r.Epoll.FD) == epoll {
			targets[r.TFD] = r.Target
		}
	}
	pid := int32(os.Getpid())
	want := map[int32]epbench.Ref{
		int32(i.number(0)): {PID: pid, FD: int32(again)},
		int32(i.number(1)): {},
		int32(i.number(2)): {PID: pid, FD: int32(stays)},
	}
	if fmt.Sprint(targets) != fmt.Sprint(want) {
		t.Errorf("targets %v, want %v", targets, want)
	}
	if len(stats.Warnings) != 1 || !strings.HasPrefix(stats.Warnings[0], "3 descriptors") {
		t.Errorf("warnings: %q", stats.Warnings)
	}
}

func duplicate(t *testing.T, fd int) int {
	t.Helper()
	d, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(d) })
	return d
}

func (t *taskfile) collectNow(test *testing.T, stats *epbench.Stats) {
	if err := t.collect(test.Context(), []int{os.Getpid()}, stats); err != nil {
		test.Fatal(err)
	}
}

func (t *taskfile) finish(test *testing.T, stats *epbench.Stats) []epbench.Registration {
	if _, err := t.confirmer.confirm(t.processes, &t.spools, stats); err != nil {
		test.Fatal(err)
	}
	return must(t.joined(nil))(test)
}

func (e *epoll) collectNow(t *testing.T, stats *epbench.Stats) {
	held, err := process.Hold([]int{os.Getpid()})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := e.sweeper.sweep(t.Context(), held, stats); err != nil {
		t.Fatal(err)
	}
}

func (e *epoll) finish(t *testing.T, stats *epbench.Stats) []epbench.Registration {
	if err := e.sweeper.confirm(stats); err != nil {
		t.Fatal(err)
	}
	return must(e.joined(nil))(t)
}

func must(regs []epbench.Registration, err error) func(*testing.T) []epbench.Registration {
	return func(t *testing.T) []epbench.Registration {
		if err != nil {
			t.Fatal(err)
		}
		return regs
	}
}
