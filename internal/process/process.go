// SPDX-License-Identifier: MIT

// Package process holds on to live processes while they are looked into.
//
// A PID is only a number, and may come to mean another process between two
// system calls. A pidfd does not: whoever holds one can tell at the end
// whether the process that was looked into was there throughout, and so
// whether what was read of it is complete.
package process

import (
	"errors"
	"fmt"
	"slices"

	"epbench"

	"golang.org/x/sys/unix"
)

// Held is a set of processes, one pidfd each, in ascending order of PID.
type Held struct {
	pids   []int
	pidfds []int
}

// Hold opens a pidfd for each of pids, of which repeated ones count once
// (pidfd_open(2), Linux 5.3). A PID that names nothing, or a thread that is
// not the first of its process, is an error.
func Hold(pids []int) (*Held, error) {
	pids = slices.Clone(pids)
	slices.Sort(pids)
	pids = slices.Compact(pids)
	h := &Held{pids: pids}
	for _, pid := range pids {
		fd, err := open(pid)
		if err != nil {
			h.Close()
			return nil, err
		}
		h.pidfds = append(h.pidfds, fd)
	}
	return h, nil
}

func open(pid int) (int, error) {
	if pid <= 0 {
		return -1, fmt.Errorf("process %d: not a PID", pid)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.ESRCH):
		return -1, fmt.Errorf("process %d: %w", pid, epbench.ErrNoProcess)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		// EINVAL to Linux 6.8, ENOENT since: kernel/fork.c, pidfd_prepare.
		return -1, fmt.Errorf("process %d: a thread, not a process: give the PID of its thread group", pid)
	case errors.Is(err, unix.ENOSYS):
		return -1, fmt.Errorf("pidfd_open: %w", &epbench.UnavailableError{
			Err:  epbench.ErrNotSupported,
			Hint: "needs Linux 5.3 or later",
		})
	}
	return -1, fmt.Errorf("process %d: pidfd_open: %w", pid, err)
}

// PIDs returns the processes, ascending and without repeats. The slice must
// not be changed.
func (h *Held) PIDs() []int { return h.pids }

// Pidfd returns the pidfd of the i-th of PIDs, which stays owned by h.
func (h *Held) Pidfd(i int) int { return h.pidfds[i] }

// Check returns an error that wraps epbench.ErrNoProcess if any of the
// processes has exited, be it reaped or not.
func (h *Held) Check() error {
	for i, fd := range h.pidfds {
		// A pidfd becomes readable when its process has exited: pidfd_open(2).
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(poll, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			if err != nil {
				return fmt.Errorf("process %d: polling its pidfd: %w", h.pids[i], err)
			}
			if n > 0 {
				return fmt.Errorf("process %d has exited meanwhile: %w", h.pids[i], epbench.ErrNoProcess)
			}
			break
		}
	}
	return nil
}

// Close closes the pidfds.
func (h *Held) Close() {
	for _, fd := range h.pidfds {
		unix.Close(fd)
	}
	h.pidfds = nil
}
