// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"fmt"

	"epbench"
	"epbench/internal/process"

	"golang.org/x/sys/unix"
)

// epollSweeper makes the passes of a dump by the epoll iterator: one over the
// descriptors of all processes, and one over each epoll instance found.
type epollSweeper struct {
	programs   *epollSet
	note, pass string // the programs of the two kinds of passes
	verify     bool   // they tell what they were over

	ends      []uint32 // of each process's descriptors
	files     files
	instances []epollInstance
}

// epollInstance is an epoll instance that was found, and what was read of it.
type epollInstance struct {
	file    uint64
	epoll   epbench.Ref
	process int // its index
	records []taskfileRegistration
}

// errMoved says that a descriptor is no longer that of the epoll instance that
// it was a pass before.
var errMoved = errors.New("epoll instances were closed while they were read")

// sweep makes passes until a sequence of them has everything.
func (s *epollSweeper) sweep(ctx context.Context, held *process.Held, stats *epbench.Stats) (epollSweep, error) {
	const attempts = 10
	for moved := 0; ; {
		state, err := s.try(ctx, held, stats)
		if errors.Is(err, errMoved) {
			if moved++; moved < attempts && held.Check() == nil {
				continue
			}
		}
		if err != nil {
			return state, err
		}
		grown, err := s.programs.grow(state)
		if err != nil {
			return state, err
		}
		if !grown {
			if moved > 0 {
				stats.Warnings = append(stats.Warnings, fmt.Sprintf("%v, which was begun anew %d times", errMoved, moved))
			}
			return state, nil
		}
	}
}

// try makes the passes once. Where the arrays are too short, the state that it
// returns tells so.
func (s *epollSweeper) try(ctx context.Context, held *process.Held, stats *epbench.Stats) (epollSweep, error) {
	state, err := s.noteDescriptors(ctx, held.PIDs(), stats)
	if err != nil || int(state.Descriptors) > len(s.programs.descriptors.records) {
		return state, err
	}
	s.find(held.PIDs(), int(state.Descriptors))
	for i := range s.instances {
		if err := ctx.Err(); err != nil {
			return state, err
		}
		from := state.Registrations
		if state, err = s.iterate(held, &s.instances[i], stats); err != nil {
			return state, err
		}
		if all := s.programs.registrations.records; int(state.Registrations) <= len(all) {
			s.instances[i].records = all[from:state.Registrations]
		}
	}
	return state, nil
}

func (s *epollSweeper) noteDescriptors(ctx context.Context, pids []int, stats *epbench.Stats) (state epollSweep, err error) {
	if err := s.programs.begin(); err != nil {
		return state, err
	}
	s.ends = s.ends[:0]
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return state, err
		}
		processes := state.Processes
		if err := iterateFiles(s.programs.program(s.note), pid, stats); err != nil {
			return state, err
		}
		if state, err = s.programs.state(); err != nil {
			return state, err
		}
		if s.verify && state.Processes == processes {
			if err := checkGone(pid, stats); err != nil {
				return state, err
			}
		}
		s.ends = append(s.ends, state.Descriptors)
	}
	return state, nil
}

// find makes files and instances out of the descriptors that were noted.
func (s *epollSweeper) find(pids []int, descriptors int) {
	s.files.reset(descriptors)
	s.instances = s.instances[:0]
	from := uint32(0)
	for i, pid := range pids {
		for _, d := range s.programs.descriptors.records[from:s.ends[i]] {
			ref := epbench.Ref{PID: int32(pid), FD: d.Fd}
			if s.files.add(d.File, ref) && d.Registrations != 0 {
				s.instances = append(s.instances, epollInstance{file: d.File, epoll: ref, process: i})
			}
		}
		from = s.ends[i]
	}
}

// iterate runs the pass over one instance.
func (s *epollSweeper) iterate(held *process.Held, instance *epollInstance, stats *epbench.Stats) (state epollSweep, err error) {
	fd, err := getDescriptor(held.Pidfd(instance.process), instance.epoll)
	if err != nil {
		return state, err
	}
	defer unix.Close(fd)
	stats.Syscalls += 2
	err = iterateEpoll(s.programs.program(s.pass), fd, stats)
	if errors.Is(err, unix.EINVAL) {
		return state, errMoved
	}
	if err != nil {
		return state, err
	}
	if state, err = s.programs.state(); err != nil {
		return state, err
	}
	if s.verify && state.Epoll != instance.file {
		return state, errMoved
	}
	return state, nil
}

// getDescriptor makes a descriptor of another process one of this one:
// pidfd_getfd(2), Linux 5.6.
func getDescriptor(pidfd int, ref epbench.Ref) (int, error) {
	fd, err := unix.PidfdGetfd(pidfd, int(ref.FD), 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.EBADF):
		return -1, errMoved
	case errors.Is(err, unix.ESRCH):
		err = epbench.ErrNoProcess
	case errors.Is(err, unix.EPERM):
		err = &epbench.UnavailableError{Err: err, Hint: "run as root, or with CAP_SYS_PTRACE"}
	}
	return -1, fmt.Errorf("process %d: getting hold of its descriptor %d: %w", ref.PID, ref.FD, err)
}
