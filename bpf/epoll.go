// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"time"

	"epbench"
	"epbench/internal/process"
)

// epoll is the method of that name at work.
type epoll struct {
	sweeper epollSweeper
	join    join
}

func openEpoll() (epbench.Dumper, error) {
	e, err := newEpoll(usual)
	if err != nil {
		return nil, err
	}
	return e, nil
}

func newEpoll(size lengths) (*epoll, error) {
	programs, err := openEpollSet(TargetEpoll, size, epollProgNote, epollProgFull, epollProgConfirm)
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
	e.sweeper.programs.close()
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
	if err := e.sweeper.sweep(ctx, held, &stats); err != nil {
		return dst, stats, err
	}
	if err := e.sweeper.confirm(&stats); err != nil {
		return dst, stats, err
	}
	if err := held.Check(); err != nil {
		return dst, stats, err
	}
	stats.BytesRead = e.sweeper.programs.spools.bytes()
	dst, err = e.joined(dst)
	return dst, stats, err
}

// LongestRun is the longest time that an epoll's lock was held without letting
// go of it, of the last dump.
func (e *epoll) LongestRun() time.Duration { return time.Duration(e.sweeper.state.Longest) }

// joined appends the registrations of the last sweep to dst.
func (e *epoll) joined(dst []epbench.Registration) ([]epbench.Registration, error) {
	registrations, err := e.sweeper.programs.spools.registrations.all()
	if err != nil {
		return dst, err
	}
	e.join.files = e.sweeper.files
	e.join.epolls = e.join.epolls[:0]
	for _, i := range e.sweeper.instances {
		if i.from < i.to {
			e.join.epolls = append(e.join.epolls, epollRecords{file: i.file, records: registrations[i.from:i.to]})
		}
	}
	return e.join.appendTo(dst), nil
}
