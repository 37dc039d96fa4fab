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

	state     epollSweep
	processes []processRecords
	files     files
	instances []epollInstance
}

// epollInstance is an epoll instance that was found, and where the records are
// that were read of it.
type epollInstance struct {
	file     uint64
	epoll    epbench.Ref
	process  int // its index
	from, to int
}

// sweep makes passes until a sequence of them is complete.
func (s *epollSweeper) sweep(ctx context.Context, held *process.Held, stats *epbench.Stats) error {
	const attempts = 10
	for closed := 0; ; {
		err := s.try(ctx, held, stats)
		if errors.Is(err, errClosed) {
			if closed++; closed < attempts && held.Check() == nil {
				continue
			}
		}
		if err == nil && closed > 0 {
			stats.Warnings = append(stats.Warnings, fmt.Sprintf("%v, which was begun anew %d times", errClosed, closed))
		}
		return err
	}
}

// try makes the passes once.
func (s *epollSweeper) try(ctx context.Context, held *process.Held, stats *epbench.Stats) error {
	s.state = epollSweep{}
	s.programs.spools.reset()
	if err := s.noteDescriptors(ctx, held.PIDs(), stats); err != nil {
		return err
	}
	if err := s.find(); err != nil {
		return err
	}
	for i := range s.instances {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := s.iterate(ctx, held, &s.instances[i], stats); err != nil {
			return err
		}
	}
	return nil
}

func (s *epollSweeper) noteDescriptors(ctx context.Context, pids []int, stats *epbench.Stats) error {
	s.processes = s.processes[:0]
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.state.Task = 0
		if err := s.programs.set(&s.state); err != nil {
			return err
		}
		if err := iterateFiles(s.programs.program(s.note), pid, stats, s.makeRoom(ctx)); err != nil {
			return err
		}
		if err := s.look(); err != nil {
			return err
		}
		if s.verify && s.state.Task == 0 {
			if err := checkGone(pid, stats); err != nil {
				return err
			}
		}
		s.processes = append(s.processes, processRecords{pid, s.state.Task, s.programs.spools.descriptors.len()})
	}
	return nil
}

// look gets to know what the programs have done.
func (s *epollSweeper) look() error {
	if err := s.programs.get(&s.state); err != nil {
		return err
	}
	s.programs.spools.descriptors.used = int(s.state.Descriptors)
	s.programs.spools.registrations.used = int(s.state.Registrations)
	return nil
}

// makeRoom returns what makes room in the arrays while no program runs.
func (s *epollSweeper) makeRoom(ctx context.Context) func() error {
	return func() error {
		if err := errors.Join(ctx.Err(), s.look()); err != nil {
			return err
		}
		spools := &s.programs.spools
		if err := errors.Join(spools.descriptors.makeRoom(1), spools.registrations.makeRoom(1)); err != nil {
			return err
		}
		s.state.Descriptors = uint32(spools.descriptors.used)
		s.state.Registrations = uint32(spools.registrations.used)
		return s.programs.set(&s.state)
	}
}

// find makes files and instances out of the descriptors that were noted.
func (s *epollSweeper) find() error {
	descriptors, err := s.programs.spools.descriptors.all()
	if err != nil {
		return err
	}
	s.files.reset(len(descriptors))
	s.instances = s.instances[:0]
	from := 0
	for i, p := range s.processes {
		for _, d := range descriptors[from:p.end] {
			ref := epbench.Ref{PID: int32(p.pid), FD: d.Fd}
			if s.files.add(d.File, ref) && d.Registrations != 0 {
				s.instances = append(s.instances, epollInstance{file: d.File, epoll: ref, process: i})
			}
		}
		from = p.end
	}
	return nil
}

// confirm makes sure of the descriptors, and names the files anew by those that
// are left.
func (s *epollSweeper) confirm(stats *epbench.Stats) error {
	spools := &s.programs.spools
	c := confirmer{s.programs.program(epollProgConfirm), s.programs.collection.Variables[epollVarAsked]}
	changed, err := c.confirm(s.processes, spools, stats)
	if err != nil || changed == 0 {
		return err
	}
	descriptors, err := spools.descriptors.all()
	if err != nil {
		return err
	}
	s.files.reset(len(descriptors))
	from := 0
	for _, p := range s.processes {
		s.files.addConfirmed(p.pid, descriptors[from:p.end])
		from = p.end
	}
	return nil
}

// iterate runs the pass over one instance.
func (s *epollSweeper) iterate(ctx context.Context, held *process.Held, instance *epollInstance, stats *epbench.Stats) error {
	fd, err := getDescriptor(held.Pidfd(instance.process), instance.epoll)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	stats.Syscalls += 2
	instance.from = s.programs.spools.registrations.len()
	err = iterateEpoll(s.programs.program(s.pass), fd, stats, s.makeRoom(ctx))
	if errors.Is(err, unix.EINVAL) {
		return errClosed
	}
	if err != nil {
		return err
	}
	if err := s.look(); err != nil {
		return err
	}
	if s.verify && s.state.Epoll != instance.file {
		return errClosed
	}
	instance.to = s.programs.spools.registrations.len()
	return nil
}

// getDescriptor makes a descriptor of another process one of this one:
// pidfd_getfd(2), Linux 5.6.
func getDescriptor(pidfd int, ref epbench.Ref) (int, error) {
	fd, err := unix.PidfdGetfd(pidfd, int(ref.FD), 0)
	switch {
	case err == nil:
		return fd, nil
	case errors.Is(err, unix.EBADF):
		return -1, errClosed
	case errors.Is(err, unix.ESRCH):
		err = epbench.ErrNoProcess
	case errors.Is(err, unix.EPERM):
		err = &epbench.UnavailableError{Err: err, Hint: "run as root, or with CAP_SYS_PTRACE"}
	}
	return -1, fmt.Errorf("process %d: getting hold of its descriptor %d: %w", ref.PID, ref.FD, err)
}
