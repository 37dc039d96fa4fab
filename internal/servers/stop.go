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
	for _, pid := range s.PIDs {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			return fmt.Errorf("stopping process %d of %s: %w", pid, s.Program, err)
		}
	}
	const stopped = 'T'
	if err := s.awaitState(ctx, stopped, 1); err != nil {
		return fmt.Errorf("stopping %s: %w", s.Program, err)
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

// awaitState returns when all threads of the server are in a state, as proc(5)
// has it, each of so many times that they are looked at in a row.
func (s *Server) awaitState(ctx context.Context, state byte, times int) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for seen := 0; seen < times; {
		all, err := s.allIn(state)
		if err != nil {
			return err
		}
		if seen++; !all {
			seen = 0
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("its threads do not all come to state %c: %w", state, ctx.Err())
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

// allIn tells whether all threads of all processes are in a state.
func (s *Server) allIn(state byte) (bool, error) {
	for _, pid := range s.PIDs {
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
			if stat[bytes.LastIndexByte(stat, ')')+2] != state {
				return false, nil
			}
		}
	}
	return true, nil
}
