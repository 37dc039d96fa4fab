// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"

	"epbench"

	"golang.org/x/sys/unix"
)

// The data of a registration that comes and goes: "tran" in its upper half, so
// that a reader of a dump sees it, then 12 bits of a serial number, and in the
// rest the tfd, as a check on readers that put one together from two. No
// registration that stays has such data.
const (
	transientMark  = 0x7472616e
	transientShift = 32
	serialShift    = 20
	serialMask     = 1<<(transientShift-serialShift) - 1
)

func transientData(serial uint32, tfd int) uint64 {
	return transientMark<<transientShift | uint64(serial&serialMask)<<serialShift | uint64(tfd)
}

// transientEvents tells of the serial number, too.
func transientEvents(serial uint32) uint32 {
	if serial%2 == 0 {
		return unix.EPOLLIN
	}
	return unix.EPOLLOUT | unix.EPOLLET
}

// Transient tells by its data whether a registration is one of those that come
// and go in a workload with Spec.Churn. All others are in Workload.Truth.
func Transient(data uint64) bool { return data>>transientShift == transientMark }

// CheckTransient returns an error if r, of which the data is Transient, cannot
// have existed in w: a registration that was put together from two, or whose
// target is a file that stays.
func (w *Workload) CheckTransient(r epbench.Registration) error {
	serial := uint32(r.Data >> serialShift)
	switch {
	case w.Spec.Churn == 0:
		return fmt.Errorf("%v: nothing comes and goes in this workload", r)
	case r.Data != transientData(serial, int(r.TFD)):
		return fmt.Errorf("%v: was added under another number", r)
	case r.Events != transientEvents(serial)|unix.EPOLLERR|unix.EPOLLHUP:
		return fmt.Errorf("%v: was added with other events", r)
	case !r.Target.IsNone() && !w.Name(r.Target).IsNone():
		return fmt.Errorf("%v: its target is a file that stays", r)
	}
	return nil
}

// churner makes and unmakes files and registrations as fast as it can, in the
// root, beside those that stay.
type churner struct {
	epolls []int // the instances that stay, and last one that does not
	files  []transient
	serial uint32
	random uint32
}

// transient is a file that comes and goes.
type transient struct {
	fd    int // -1 for none
	tfd   int // what it is registered under, or -1
	epoll int // descriptor of the instance
}

// churn goes on until the parent closes its end of the control pipe. What fails
// is left alone: a dumper may have brought a file to a limit of the kernel's.
func churn(count int, stay []instance) error {
	c := &churner{files: make([]transient, count), random: 1}
	for _, epoll := range stay {
		c.epolls = append(c.epolls, epoll.fd)
	}
	own, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return failed("epoll_create1", err)
	}
	c.epolls = append(c.epolls, own)
	for i := range c.files {
		c.files[i].fd = -1
	}
	for step := 0; ; step++ {
		if err := cancelled(step); err != nil {
			return err
		}
		if step%1024 == 0 {
			c.replaceInstance()
		}
		c.step(&c.files[c.below(count)])
	}
}

// below returns a number from 0 to n-1 (xorshift: George Marsaglia, "Xorshift
// RNGs", 2003).
func (c *churner) below(n int) int {
	c.random ^= c.random << 13
	c.random ^= c.random >> 17
	c.random ^= c.random << 5
	return int(c.random % uint32(n))
}

// step does one thing to f that changes a descriptor or a registration.
func (c *churner) step(f *transient) {
	switch {
	case f.fd < 0:
		c.open(f)
	case f.tfd < 0:
		c.add(f)
	case c.below(4) == 0:
		unix.Close(f.fd)
		f.fd = -1
	case f.fd == f.tfd && c.below(2) == 0:
		unix.EpollCtl(f.epoll, unix.EPOLL_CTL_DEL, f.tfd, nil)
		f.tfd = -1
	default:
		c.move(f)
	}
}

func (c *churner) open(f *transient) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return
	}
	*f = transient{fd: fd, tfd: -1}
	c.add(f)
}

func (c *churner) add(f *transient) {
	epoll := c.epolls[c.below(len(c.epolls))]
	c.serial++
	event := epollEvent(transientEvents(c.serial), transientData(c.serial, f.fd))
	if unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, f.fd, &event) == nil {
		f.epoll, f.tfd = epoll, f.fd
	}
}

// move duplicates f and closes the descriptor that it had.
func (c *churner) move(f *transient) {
	fd, err := unix.FcntlInt(uintptr(f.fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return
	}
	unix.Close(f.fd)
	f.fd = fd
}

// replaceInstance replaces the instance that does not stay, with all its
// registrations.
func (c *churner) replaceInstance() {
	last := len(c.epolls) - 1
	old := c.epolls[last]
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return
	}
	c.epolls[last] = fd
	unix.Close(old)
	for i := range c.files {
		if f := &c.files[i]; f.fd >= 0 && f.epoll == old {
			f.tfd = -1
		}
	}
}
