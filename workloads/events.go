// SPDX-License-Identifier: MIT

package workloads

import (
	"bytes"
	"fmt"

	"golang.org/x/sys/unix"
)

// masks are the events of registration 0, 1, 2, ... in turn. There are 13,
// so that their turns do not fall in with those of kinds, ends of a pair, epoll
// instances or processes.
var masks = [...]uint32{
	unix.EPOLLIN,
	unix.EPOLLIN | unix.EPOLLET,
	unix.EPOLLOUT,
	unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET,
	unix.EPOLLIN | unix.EPOLLONESHOT,
	unix.EPOLLOUT | unix.EPOLLONESHOT, // fires where the target is writable
	unix.EPOLLIN | unix.EPOLLEXCLUSIVE,
	unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP,
	unix.EPOLLIN | unix.EPOLLWAKEUP,
	unix.EPOLLOUT | unix.EPOLLET | unix.EPOLLONESHOT, // fires too
	0, // EPOLLERR and EPOLLHUP only
	unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET | unix.EPOLLEXCLUSIVE,
	unix.EPOLLPRI | unix.EPOLLONESHOT,
}

// wakeups bounds the registrations with EPOLLWAKEUP: each makes the kernel
// register a wakeup source, which is a device in sysfs
// (drivers/base/power/wakeup.c, wakeup_source_register).
const wakeups = 64

// privateBits are what a fired EPOLLONESHOT leaves of the mask: fs/eventpoll.c
// (Linux 6.12), EP_PRIVATE_BITS.
const privateBits = unix.EPOLLWAKEUP | unix.EPOLLONESHOT | unix.EPOLLET | unix.EPOLLEXCLUSIVE

// requested returns the events to register with.
func requested(index int, nested bool) uint32 {
	mask := masks[index%len(masks)]
	if index >= wakeups {
		mask &^= unix.EPOLLWAKEUP
	}
	if nested {
		// Refused on an epoll target: epoll_ctl(2), EINVAL.
		mask &^= unix.EPOLLEXCLUSIVE
	}
	return mask
}

const (
	dataFactor = 0x9e3779b97f4a7c15 // odd, so that it has an inverse modulo 2^64
	allOnes    = 1<<64 - 1
)

// data returns the data to register with: 0, all ones, and then values that
// fill 64 bits. It is different for every index.
func data(index int) uint64 {
	if index == 1 {
		return allOnes
	}
	return uint64(index) * dataFactor
}

// indexOf is the inverse of data.
func indexOf(data uint64) int {
	if data == allOnes {
		return 1
	}
	return int(data * dataInverse)
}

var dataInverse = func() uint64 {
	// Newton's iteration: each step doubles the number of right bits, from
	// the 3 that an odd number has as its own inverse.
	inverse := uint64(dataFactor)
	for range 5 {
		inverse *= 2 - dataFactor*inverse
	}
	return inverse
}()

func epollEvent(events uint32, data uint64) unix.EpollEvent {
	return unix.EpollEvent{Events: events, Fd: int32(data), Pad: int32(data >> 32)}
}

func dataOf(e *unix.EpollEvent) uint64 {
	return uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
}

// keepsWakeup says whether EPOLLWAKEUP stays in the mask. The kernel drops it
// without a word if the caller lacks CAP_BLOCK_SUSPEND or if it was built
// without CONFIG_PM_SLEEP (fs/eventpoll.c and include/uapi/linux/eventpoll.h,
// ep_take_care_of_epollwakeup), and no system call tells.
func keepsWakeup() (bool, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return false, failed("epoll_create1", err)
	}
	defer unix.Close(epoll)
	target, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return false, failed("eventfd", err)
	}
	defer unix.Close(target)
	event := epollEvent(unix.EPOLLWAKEUP, 0)
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, target, &event); err != nil {
		return false, failed("epoll_ctl", err)
	}
	fdinfo, err := unix.Open(fmt.Sprintf("/proc/self/fdinfo/%d", epoll), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false, failed("open of /proc/self/fdinfo", err)
	}
	defer unix.Close(fdinfo)
	text := make([]byte, 4096)
	n, err := unix.Read(fdinfo, text)
	if err != nil {
		return false, failed("read of /proc/self/fdinfo", err)
	}
	const mask = uint32(unix.EPOLLERR | unix.EPOLLHUP)
	shows := func(events uint32) bool {
		return bytes.Contains(text[:n], fmt.Appendf(nil, "events: %8x ", events))
	}
	switch {
	case shows(mask | unix.EPOLLWAKEUP):
		return true, nil
	case shows(mask):
		return false, nil
	}
	return false, fmt.Errorf("fdinfo of an epoll instance has no events %x in it: %q", mask, text[:n])
}
