// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"unsafe"

	"epbench"
	"epbench/internal/process"
)

// epoll is the method of that name at work.
type epoll struct {
	sweeper epollSweeper
	join    join
}

func openEpoll() (epbench.Dumper, error) {
	e, err := newEpoll(firstDescriptors, firstRegistrations)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func newEpoll(descriptors, registrations uint32) (*epoll, error) {
	programs, err := openEpollSet(TargetEpoll, descriptors, registrations, epollProgNote, epollProgFull)
	if err != nil {
		return nil, err
	}
	return &epoll{sweeper: epollSweeper{
		programs: programs,
		note:     epollProgNote,
		pass:     epollProgFull,
		verify:   true,
	}}, nil
}

// Close implements epbench.Dumper.
func (e *epoll) Close() error {
	e.sweeper.programs.unload()
	return nil
}

// Dump implements epbench.Dumper.
func (e *epoll) Dump(ctx context.Context, pids []int, dst []epbench.Registration) ([]epbench.Registration, epbench.Stats, error) {
	var stats epbench.Stats
	held, err := process.Hold(pids)
	if err != nil {
		return dst, stats, err
	}
	defer held.Close()
	stats.Syscalls += 3 * uint64(len(held.PIDs())) // pidfd_open, poll, close
	state, err := e.sweeper.sweep(ctx, held, &stats)
	if err != nil {
		return dst, stats, err
	}
	if err := held.Check(); err != nil {
		return dst, stats, err
	}
	stats.BytesRead = uint64(state.Descriptors)*uint64(unsafe.Sizeof(taskfileDescriptor{})) +
		uint64(state.Registrations)*uint64(unsafe.Sizeof(taskfileRegistration{}))
	return e.joined(dst), stats, nil
}

// joined appends the registrations of the last sweep to dst.
func (e *epoll) joined(dst []epbench.Registration) []epbench.Registration {
	e.join.files = e.sweeper.files
	e.join.epolls = e.join.epolls[:0]
	for _, instance := range e.sweeper.instances {
		if len(instance.records) == 0 {
			continue
		}
		e.join.epolls = append(e.join.epolls, epollRecords{instance.epoll, instance.records})
	}
	return e.join.appendTo(dst)
}
