// SPDX-License-Identifier: MIT

package bpf

import (
	"math/rand/v2"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Half of an epoll instance's registrations come and go as fast as they can.
// Those that stay must be in every dump, once; the walk has to notice whatever
// would make it lose one.
func TestRunningProcessLosesNoRegistration(t *testing.T) {
	d := open(t)
	epoll, stay, restless := newRestlessEpoll(t, 4000)
	defer restless()
	passes, torn := 0, 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); passes++ {
		got, stats, err := d.Dump(t.Context(), []int{os.Getpid()}, nil)
		if err != nil {
			t.Fatal(err)
		}
		torn += len(stats.Warnings)
		seen := make(map[int32]int)
		for _, r := range got {
			if r.Epoll.FD == int32(epoll) {
				seen[r.TFD]++
			}
		}
		for _, fd := range stay {
			if n := seen[int32(fd)]; n != 1 {
				t.Fatalf("pass %d: the registration of %d is there %d times", passes, fd, n)
			}
		}
	}
	t.Logf("%d of %d passes were found torn", torn, passes)
}

// newRestlessEpoll makes an epoll instance with n registrations, of which
// every other one is deleted and added again until stop is called.
func newRestlessEpoll(t *testing.T, n int) (epoll int, stay []int, stop func()) {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	var come []int
	for i := range n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{}); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			stay = append(stay, fd)
		} else {
			come = append(come, fd)
		}
	}
	var ended atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !ended.Load() {
			fd := come[rand.IntN(len(come))]
			if unix.EpollCtl(epoll, unix.EPOLL_CTL_DEL, fd, nil) != nil {
				unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{})
			}
		}
	}()
	return epoll, stay, func() {
		ended.Store(true)
		<-done
		for _, fd := range append(append(stay, come...), epoll) {
			unix.Close(fd)
		}
	}
}
