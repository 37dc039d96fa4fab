// SPDX-License-Identifier: MIT

package servers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Stop stops every process of the server, as a checkpoint does, and returns
// when all are stopped.
func (s *Server) Stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, pid := range s.PIDs {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return fmt.Errorf("stopping process %d of %s: %w", pid, s.Program, err)
		}
	}
	for _, pid := range s.PIDs {
		for {
			stopped, err := isStopped(pid)
			if err != nil {
				return fmt.Errorf("stopping process %d of %s: %w", pid, s.Program, err)
			}
			if stopped {
				break
			}
			select {
			case <-ctx.Done():
				return fmt.Errorf("process %d of %s does not stop: %w", pid, s.Program, ctx.Err())
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}

// Continue lets a stopped server go on.
func (s *Server) Continue() error {
	for _, pid := range s.PIDs {
		if err := unix.Kill(pid, unix.SIGCONT); err != nil {
			return fmt.Errorf("continuing process %d of %s: %w", pid, s.Program, err)
		}
	}
	return nil
}

// isStopped tells whether all threads of pid are: proc(5), /proc/PID/stat.
func isStopped(pid int) (bool, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return false, err
	}
	for _, thread := range threads {
		stat, err := os.ReadFile(tasks + "/" + thread.Name() + "/stat")
		if err != nil {
			return false, err
		}
		// The state follows the name, which is in brackets.
		if state := stat[bytes.LastIndexByte(stat, ')')+2]; state != 'T' {
			return false, nil
		}
	}
	return true, nil
}
