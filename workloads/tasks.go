// SPDX-License-Identifier: MIT

package workloads

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// cloneFiles starts process p, which has no descriptor table of its own: it
// uses the root's, and whatever either does to a descriptor the other sees.
//
// execve(2) would give it a table of its own, so it is a copy of the root that
// was made behind the back of Go's runtime, and must not use it: it makes plain
// system calls until it ends.
func (t *tree) cloneFiles(b *builder, p int) error {
	// Go's signal handlers are not for the copy. SIGKILL, SIGSTOP and SIGCONT
	// work all the same.
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return failed("sigprocmask", err)
	}
	pid, errno := cloneAndSit(uintptr(unix.Getpid()), new([1]byte))
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
		return failed("sigprocmask", err)
	}
	if errno != 0 {
		return failed("fork", errno)
	}
	t.members = append(t.members, member{int(pid), b.descriptors})
	return nil
}

// cloneAndSit returns in the parent, whose PID it is given, and never in the
// child. A descriptor that the parent closes is closed in the child, so there
// is nothing for the child to do but to wait for the end, in the same way.
//
//go:norace
//go:noinline
func cloneAndSit(parent uintptr, buf *[1]byte) (pid uintptr, errno unix.Errno) {
	pid, _, errno = unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_FILES|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno != 0 || pid != 0 {
		return pid, errno
	}
	unix.RawSyscall(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0)
	if current, _, _ := unix.RawSyscall(unix.SYS_GETPPID, 0, 0, 0); current == parent {
		for {
			_, _, errno = unix.RawSyscall(unix.SYS_READ, controlFD, uintptr(unsafe.Pointer(buf)), 1)
			if errno != unix.EINTR {
				break
			}
		}
	}
	for {
		unix.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
}

// startThread starts one more thread of the root, which sits still as the
// first does.
func (*tree) startThread(*builder, int) error {
	started := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(started)
		awaitEnd()
	}()
	<-started
	return nil
}
