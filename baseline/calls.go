// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"unsafe"

	"epbench"

	"golang.org/x/sys/unix"
)

// Types of kcmp(2), from include/uapi/linux/kcmp.h.
const (
	kcmpFile     = 0
	kcmpTables   = 2 // KCMP_FILES
	kcmpEpollTFD = 7 // Linux 4.13
)

// What kcmp(2) returns for two files.
const (
	kcmpSame    = 0
	kcmpLess    = 1
	kcmpGreater = 2
)

// epollSlot is struct kcmp_epoll_slot of include/uapi/linux/kcmp.h.
type epollSlot struct {
	efd, tfd, toff uint32
}

// calls makes system calls for one dump and counts them.
type calls struct {
	stats  epbench.Stats
	listed []int32 // processes that had descriptors when these were listed
}

// kcmpFiles compares the files of two descriptors. The order is the kernel's
// own, unrelated to any other and the same until the next boot.
func (c *calls) kcmpFiles(a, b epbench.Ref) (int, error) {
	return c.kcmp(int(a.PID), int(b.PID), kcmpFile, a.FD, b.FD)
}

// kcmpTables compares the descriptor tables of two processes, in an order of
// the same kind.
func (c *calls) kcmpTables(a, b int) (int, error) { return c.kcmp(a, b, kcmpTables, 0, 0) }

func (c *calls) kcmp(pid1, pid2 int, kind uintptr, index1, index2 int32) (int, error) {
	c.stats.Kcmp++
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), kind,
		uintptr(index1), uintptr(index2), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// kcmpTarget is KcmpTarget, counted.
func (c *calls) kcmpTarget(candidate, epoll epbench.Ref, tfd int32, toff uint32) (int, error) {
	c.stats.Kcmp++
	return KcmpTarget(candidate, epoll, tfd, toff)
}

// KcmpTarget is kcmp(2) with KCMP_EPOLL_TFD: it compares the file of candidate
// with the one that epoll watches as the toff-th, from 0, under the number
// tfd, and returns 0 if they are the same, 1 if the first is less and 2 if it
// is greater in an order of the kernel's own. The kernel looks for (tfd, toff)
// by walking the registrations one by one (ep_find_tfd in fs/eventpoll.c).
//
// EBADF: candidate or epoll is no descriptor. ENOENT: epoll has no such
// registration. EPERM, ESRCH, ENOSYS: see kcmp(2).
func KcmpTarget(candidate, epoll epbench.Ref, tfd int32, toff uint32) (int, error) {
	slot := epollSlot{efd: uint32(epoll.FD), tfd: uint32(tfd), toff: toff}
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(candidate.PID), uintptr(epoll.PID), kcmpEpollTFD,
		uintptr(candidate.FD), uintptr(unsafe.Pointer(&slot)), 0)
	if errno != 0 {
		return 0, errno
	}
	return int(r), nil
}

// openat opens path, which relates to dir.
func (c *calls) openat(dir int, path string, flags int) (int, error) {
	c.stats.Syscalls++
	return retry(func() (int, error) { return unix.Openat(dir, path, flags|unix.O_CLOEXEC, 0) })
}

// openProc opens a file of /proc/PID.
func (c *calls) openProc(pid int32, path string) (int, error) {
	c.stats.Syscalls++
	return openProc(pid, path)
}

func openProc(pid int32, path string) (int, error) {
	path = "/proc/" + strconv.Itoa(int(pid)) + "/" + path
	return retry(func() (int, error) { return unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
}

func (c *calls) close(fd int) {
	c.stats.Syscalls++
	unix.Close(fd)
}

func (c *calls) readlinkat(dir int, path string, buf []byte) (int, error) {
	c.stats.Syscalls++
	return unix.Readlinkat(dir, path, buf)
}

func (c *calls) fstatat(dir int, path string, st *unix.Stat_t) error {
	c.stats.Syscalls++
	return unix.Fstatat(dir, path, st, 0)
}

func (c *calls) getdents(dir int, buf []byte) (int, error) {
	c.stats.Syscalls++
	n, err := retry(func() (int, error) { return unix.Getdents(dir, buf) })
	c.stats.BytesRead += uint64(max(n, 0))
	return n, err
}

// procReader is a descriptor of procfs as an io.Reader that counts.
type procReader struct {
	calls *calls
	fd    int
}

func (r *procReader) Read(buf []byte) (int, error) {
	r.calls.stats.Syscalls++
	n, err := retry(func() (int, error) { return unix.Read(r.fd, buf) })
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	r.calls.stats.BytesRead += uint64(n)
	return n, nil
}

// retry calls f until no signal interrupts it.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// gone says that an error of procfs or kcmp means that a process or a
// descriptor is not there any more.
func gone(err error) bool {
	return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EBADF)
}

// explain wraps err, which a system call gave that was to do what, with what
// helps against it.
func explain(what string, err error) error {
	err = fmt.Errorf("%s: %w", what, err)
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return &epbench.UnavailableError{Err: err, Hint: "run as root or with CAP_SYS_PTRACE"}
	case errors.Is(err, unix.ESRCH):
		return fmt.Errorf("%w: %w", err, epbench.ErrNoProcess)
	}
	return err
}

// explainKcmp is explain for kcmp, which Open has found to work: EINVAL is of a
// descriptor that was an epoll instance and is none any more.
func explainKcmp(what string, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.EBADF), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%s: kcmp: %w: it changed during the dump", what, err)
	}
	return explain(what+": kcmp", err)
}
