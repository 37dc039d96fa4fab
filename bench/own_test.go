// SPDX-License-Identifier: MIT

package bench

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// ownEpoll makes an epoll instance of this process with n eventfds registered,
// no two under one tfd, for the duration of b. It skips b where there cannot be
// so many descriptors.
//
// A workload's child could not be iterated without its descriptor being got
// hold of first, and would only be one more process to be scheduled.
func ownEpoll(b *testing.B, n int) (epoll int) {
	b.Helper()
	fds := make([]int, 0, n+1)
	b.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		b.Fatalf("epoll_create1: %v", err)
	}
	fds = append(fds, epoll)
	for i := range n {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if errors.Is(err, unix.EMFILE) {
			b.Skipf("%d descriptors are more than RLIMIT_NOFILE allows", n)
		}
		if err != nil {
			b.Fatalf("eventfd: %v", err)
		}
		fds = append(fds, fd)
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)}
		if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			b.Fatalf("EPOLL_CTL_ADD: %v", err)
		}
	}
	return epoll
}
