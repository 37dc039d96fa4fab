// SPDX-License-Identifier: MIT

package bpf

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"epbench"

	"golang.org/x/sys/unix"
)

var soak = flag.Duration("soak", time.Second, "dump a process that changes, for that long in each test")

// restless is an epoll instance of this process, whose registrations come and
// go.
type restless struct {
	epoll int
	fds   []int
	all   map[int]bool // fds
}

func newRestless(t *testing.T, n int) *restless {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	r := &restless{epoll: epoll, all: make(map[int]bool)}
	t.Cleanup(func() {
		for _, fd := range append(r.fds, epoll) {
			unix.Close(fd)
		}
	})
	for range n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		r.fds = append(r.fds, fd)
		r.all[fd] = true
	}
	r.control(t, unix.EPOLL_CTL_ADD, r.fds)
	return r
}

func (r *restless) control(t *testing.T, op int, fds []int) {
	for _, fd := range fds {
		if err := unix.EpollCtl(r.epoll, op, fd, &unix.EpollEvent{Fd: int32(fd)}); err != nil {
			t.Error(err)
		}
	}
}

// dump dumps this process, and checks that the registrations of stay are there
// once, and that none is there that never was.
func (r *restless) dump(t *testing.T, d epbench.Dumper, stay []int) (marked bool) {
	t.Helper()
	got, stats, err := d.Dump(t.Context(), []int{os.Getpid()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[int]int)
	for _, reg := range got {
		if int(reg.Epoll.FD) != r.epoll {
			continue
		}
		seen[int(reg.TFD)]++
		// The target of one that has just come need not be known.
		named := reg.Target.IsNone() || reg.Target.FD == reg.TFD
		if !r.all[int(reg.TFD)] || reg.Data != uint64(reg.TFD) || !named {
			t.Fatalf("there never was %v", reg)
		}
	}
	for _, fd := range stay {
		if n := seen[fd]; n != 1 {
			t.Fatalf("the registration of %d is there %d times", fd, n)
		}
	}
	return len(stats.Warnings) > 0
}

// Half of an epoll instance's registrations come and go as fast as they can.
func TestRunningProcessLosesNoRegistration(t *testing.T) {
	for _, size := range []taskfileSize{usualTaskfile, {usual, 2}} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			requireNoneLost(t, openSize(t, size))
		})
	}
}

func requireNoneLost(t *testing.T, d epbench.Dumper) {
	n := 4000
	if testing.Short() {
		n = 800
	}
	r := newRestless(t, n)
	come, stay := r.fds[:n/2], r.fds[n/2:]
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			fd := come[rand.IntN(len(come))]
			if unix.EpollCtl(r.epoll, unix.EPOLL_CTL_DEL, fd, nil) != nil {
				r.control(t, unix.EPOLL_CTL_ADD, []int{fd})
			}
		}
	}()
	dumps, marked := 0, 0
	for end := time.Now().Add(*soak); time.Now().Before(end); dumps++ {
		if r.dump(t, d, stay) {
			marked++
		}
	}
	close(stop)
	<-done
	t.Logf("%d of %d dumps were marked", marked, dumps)
}

// When a node at the top of the tree goes that has two subtrees, the next one
// in order takes its place, from far down. A walk that has passed the top and
// has not been down there yet meets it in neither place.
func TestNoRegistrationIsLostThatMovesUp(t *testing.T) {
	// Of a tree lower than 16, everything is read in one run.
	d := openSize(t, taskfileSize{usual, 16})
	n := 2000
	if testing.Short() {
		n = 800
	}
	r := newRestless(t, n)
	const patience = 10 * time.Second // both have to run at once
	dumps, marked := 0, 0
	for began := time.Now(); time.Since(began) < *soak || marked == 0 && time.Since(began) < patience; dumps++ {
		r.dump(t, d, r.fds)
		top := r.top(d, 15)
		stay := slices.DeleteFunc(slices.Clone(r.fds), func(fd int) bool { return slices.Contains(top, fd) })
		done := make(chan struct{})
		last := d.state.Number
		go func() {
			defer close(done)
			waitForWalk(t, d, last, rand.IntN(len(r.fds)/2))
			r.control(t, unix.EPOLL_CTL_DEL, top)
		}()
		if r.dump(t, d, stay) {
			marked++
		}
		<-done
		r.control(t, unix.EPOLL_CTL_ADD, top)
	}
	t.Logf("%d of %d dumps were marked", marked, dumps)
	if marked == 0 {
		t.Error("no walk was met by a change")
	}
}

// waitForWalk waits until the pass after last has read more than n registrations.
func waitForWalk(t *testing.T, d *taskfile, last uint64, n int) {
	for {
		var state taskfilePass
		if err := d.objects.State.Get(&state); err != nil {
			t.Error(err)
			return
		}
		if state.Number != last && int(state.Registrations) > n {
			return
		}
	}
}

// top is n tfds that are registered at the top of the tree, by the last dump,
// which has them in the order in which it has met them.
func (r *restless) top(d *taskfile, n int) (tfds []int) {
	records := d.spools.registrations.array.records
	for _, descriptor := range d.spools.descriptors.array.records {
		if int(descriptor.Fd) == r.epoll {
			break
		}
		records = records[descriptor.Registrations:]
	}
	for _, record := range records[:n] {
		tfds = append(tfds, int(record.Tfd))
	}
	return tfds
}
