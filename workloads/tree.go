// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// tree is the processes of a workload, as its root knows them.
type tree struct {
	pids []int // the root's own first
}

// holds says whether process p of procs holds descriptor i, when several share
// them out. Every descriptor has a holder.
func holds(i, p, procs int) bool {
	if procs == 1 {
		return true
	}
	switch i % 5 {
	case 0:
		return true
	case 1:
		return p == 0
	case 2:
		return p == 1+i/5%(procs-1)
	case 3:
		return p != 0
	default:
		return p == 0 || p == procs-1
	}
}

// grow starts procs-1 descendants, and closes what the root is not to hold.
//
// A descendant inherits its descriptors as after fork(2), under the same
// numbers. It does not have to be told what to close: what it is not to hold is
// close-on-exec while it is started.
func (t *tree) grow(procs int, descriptors []descriptor) error {
	t.pids = append(t.pids, unix.Getpid())
	inherited := make([]bool, len(descriptors))
	for p := 1; p < procs; p++ {
		for i, d := range descriptors {
			if want := holds(i, p, procs); want != inherited[i] {
				if err := setInherited(d.fd, want); err != nil {
					return err
				}
				inherited[i] = want
			}
		}
		if err := t.spawn(); err != nil {
			return err
		}
	}
	for i, d := range descriptors {
		if holds(i, 0, procs) {
			continue
		}
		if err := unix.Close(int(d.fd)); err != nil {
			return failed("close", err)
		}
	}
	return nil
}

func setInherited(fd int32, inherited bool) error {
	flags := unix.FD_CLOEXEC
	if inherited {
		flags = 0
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags); err != nil {
		return failed("fcntl(F_SETFD)", err)
	}
	return nil
}

// spawn starts one descendant and returns when it sits still.
func (t *tree) spawn() error {
	if err := cancelled(0); err != nil {
		return err
	}
	var ready [2]int
	if err := unix.Pipe2(ready[:], unix.O_CLOEXEC); err != nil {
		return failed("pipe2", err)
	}
	defer unix.Close(ready[0])
	// The initialisation of packages runs on the main thread, which lasts as
	// long as the process: so does what Pdeathsig refers to.
	pid, err := syscall.ForkExec(self, []string{childName}, &syscall.ProcAttr{
		Env:   childEnv(sitStill),
		Files: []uintptr{controlFD, uintptr(ready[1]), errorFD},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	unix.Close(ready[1])
	if err != nil {
		return failed("fork", err)
	}
	t.pids = append(t.pids, pid)
	if n, err := readToEnd(ready[0]); err != nil {
		return err
	} else if n == 0 {
		return fmt.Errorf("process %d of the tree ended before it was ready", len(t.pids)-1)
	}
	return nil
}

// readToEnd returns the number of bytes that come from fd until its other end
// is closed.
func readToEnd(fd int) (int, error) {
	for total := 0; ; {
		n, err := retry(func() (int, error) { return unix.Read(fd, make([]byte, 8)) })
		if err != nil {
			return total, failed("read", err)
		}
		if n == 0 {
			return total, nil
		}
		total += n
	}
}

// fell ends the descendants and reaps them.
func (t *tree) fell() {
	for _, pid := range t.pids[min(1, len(t.pids)):] {
		unix.Kill(pid, unix.SIGKILL)
		retry(func() (int, error) { return unix.Wait4(pid, nil, 0, nil) })
	}
}

// descendant is what a process other than the root does. That it closes its
// report tells the root that its descriptors will not change any more.
func descendant() {
	_, err := retry(func() (int, error) { return unix.Write(reportFD, []byte{1}) })
	if err != nil {
		unix.Exit(1)
	}
	unix.Close(reportFD)
	awaitEnd()
	unix.Exit(0)
}
