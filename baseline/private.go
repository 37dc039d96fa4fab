// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"epbench"

	"golang.org/x/sys/unix"
)

// privateTable is a descriptor table that only one thread uses, so that the
// thread decides which number a descriptor gets. It starts as a copy of the
// process's and ends, with all that is in it, when the thread or the process
// does: whatever happens, nothing of it is left.
type privateTable struct {
	calls *calls
	kept  []int // made here, and maybe not closed
}

// withPrivateTable calls f on a thread of its own that has a private table.
func withPrivateTable(c *calls, f func(*privateTable) error) error {
	if err := startNetpoll(); err != nil {
		return err
	}
	return onNewThread(func() error { return runPrivate(c, f) })
}

// onNewThread calls f on a thread that ends thereafter. The first thread of a
// process is none such: the Go runtime never ends it, and its table is the one
// that /proc/PID shows.
func onNewThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() {
			// While this one holds it, the next cannot get it.
			done <- onNewThread(f)
			runtime.UnlockOSThread()
			return
		}
		done <- f() // and the thread ends with the goroutine that has locked it
	}()
	return <-done
}

func runPrivate(c *calls, f func(*privateTable) error) error {
	c.stats.Syscalls++
	if err := unix.Unshare(unix.CLONE_FILES); err != nil {
		return fmt.Errorf("unsharing the descriptor table: %w", err)
	}
	p := &privateTable{calls: c}
	defer p.empty()
	return f(p)
}

// empty closes what was made. The thread ends some time after the dump, and its
// table with it; until then the other processes' files must not live on in it,
// nor be watched from it.
func (p *privateTable) empty() {
	for _, fd := range p.kept {
		p.close(fd)
	}
}

// startNetpoll makes the runtime open its epoll instance, so that it is in
// every table: polling a number that is not open is fatal to it.
func startNetpoll() error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	r.Close()
	return w.Close()
}

// call makes a system call that does not block for long, and so does not tell
// the scheduler about it, which would cost as much as the call.
func (p *privateTable) call(trap, a, b, c uintptr) (int, error) {
	p.calls.stats.Syscalls++
	r, _, errno := unix.RawSyscall(trap, a, b, c)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// borrow takes a descriptor of another process into the table, always under
// the same number if it was given back in between. The error is as the kernel
// gave it.
func (p *privateTable) borrow(pidfd int, fd int32) (int, error) {
	return p.call(unix.SYS_PIDFD_GETFD, uintptr(pidfd), uintptr(fd), 0)
}

func (p *privateTable) close(fd int) { p.call(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

// newEpoll makes an epoll instance of our own.
func (p *privateTable) newEpoll() (int, error) {
	fd, err := p.call(unix.SYS_EPOLL_CREATE1, unix.EPOLL_CLOEXEC, 0, 0)
	if err != nil {
		return -1, fmt.Errorf("epoll_create1: %w", err)
	}
	p.kept = append(p.kept, fd)
	return fd, nil
}

// add registers fd with epoll, for no events but those that cannot be left out.
func (p *privateTable) add(epoll, fd int, data uint64) error {
	return p.ctl(epoll, unix.EPOLL_CTL_ADD, fd, data)
}

// remove undoes add.
func (p *privateTable) remove(epoll, fd int) error {
	return p.ctl(epoll, unix.EPOLL_CTL_DEL, fd, 0)
}

// setData replaces what add was given. It is for instances of our own only.
func (p *privateTable) setData(epoll, fd int, data uint64) error {
	return p.ctl(epoll, unix.EPOLL_CTL_MOD, fd, data)
}

func (p *privateTable) ctl(epoll, op, fd int, data uint64) error {
	event := unix.EpollEvent{Fd: int32(data), Pad: int32(data >> 32)}
	p.calls.stats.Syscalls++
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(epoll), uintptr(op),
		uintptr(fd), uintptr(unsafe.Pointer(&event)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// isEpoll tells whether fd is an epoll instance by trying to remove other, an
// epoll instance of our own that is registered nowhere.
func (p *privateTable) isEpoll(fd, other int) bool {
	return errors.Is(p.remove(fd, other), unix.ENOENT)
}

// moveUp makes a descriptor of a number above fd for the same file.
func (p *privateTable) moveUp(fd int) (int, error) {
	up, err := p.call(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, uintptr(fd+1))
	if err != nil {
		return -1, fmt.Errorf("duplicating a descriptor: %w", err)
	}
	p.kept = append(p.kept, up)
	return up, nil
}

// explainBorrow says what a failed borrow of ref was about.
func explainBorrow(ref epbench.Ref, err error) error {
	return explain(fmt.Sprintf("descriptor %v: pidfd_getfd", ref), err)
}

// occupied says that number is in use by what must not be replaced.
func (p *privateTable) occupied(number int) bool {
	_, err := p.call(unix.SYS_FCNTL, uintptr(number), unix.F_GETFD, 0)
	return err == nil
}

// dup makes number refer to the file of fd.
func (p *privateTable) dup(fd, number int) error {
	_, err := p.call(unix.SYS_DUP3, uintptr(fd), uintptr(number), unix.O_CLOEXEC)
	return err
}
