// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"fmt"
	"time"

	"epbench"
	"epbench/internal/process"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// taskfile is the method of that name at work.
type taskfile struct {
	objects   taskfileObjects
	confirmer confirmer
	spools    spools
	run       int // registrations, at most

	state     taskfilePass
	processes []processRecords
	join      join
}

// taskfileSize is how much is read at once: height is that of the largest
// subtrees (tree.h), and so the measure of a run. The array of registrations
// must have places for a run.
type taskfileSize struct {
	lengths
	height uint32
}

// run is more registrations than a run can read.
func (s taskfileSize) run() int { return 3 << (2 * s.height) }

var usualTaskfile = taskfileSize{usual, 6}

func openTaskfile() (epbench.Dumper, error) {
	t, err := newTaskfile(usualTaskfile)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func newTaskfile(size taskfileSize) (*taskfile, error) {
	types := btf.NewCache()
	fops, err := learnEpoll(types)
	if err != nil {
		return nil, err
	}
	t := &taskfile{run: size.run()}
	if err := t.load(types, fops, size); err != nil {
		t.Close()
		return nil, unavailable("loading the taskfile program", err)
	}
	return t, nil
}

func (t *taskfile) load(types *btf.Cache, eventpollFops uint64, size taskfileSize) error {
	spec, err := loadTaskfile()
	if err != nil {
		return err
	}
	size.set(spec)
	if err := spec.Variables[taskfileVarEventpollFops].Set(eventpollFops); err != nil {
		return err
	}
	if err := spec.Variables[taskfileVarMaxHeight].Set(size.height); err != nil {
		return err
	}
	if err := spec.LoadAndAssign(&t.objects, &ebpf.CollectionOptions{Cache: types}); err != nil {
		return err
	}
	t.confirmer = confirmer{t.objects.Confirm, t.objects.Asked}
	return t.spools.open(t.objects.Descriptors, t.objects.Registrations)
}

// Close implements epbench.Dumper.
func (t *taskfile) Close() error {
	t.spools.close()
	err := t.objects.Close()
	// The memory of variables is mapped until they are collected.
	t.objects, t.confirmer = taskfileObjects{}, confirmer{}
	return err
}

// Dump implements epbench.Dumper.
func (t *taskfile) Dump(ctx context.Context, pids []int, dst []epbench.Registration) ([]epbench.Registration, epbench.Stats, error) {
	var stats epbench.Stats
	held, err := process.Hold(pids)
	if err != nil {
		return dst, stats, err
	}
	defer held.Close()
	stats.Syscalls += 3 * uint64(len(held.PIDs())) // pidfd_open, poll, close
	if err := t.collect(ctx, held.PIDs(), &stats); err != nil {
		return dst, stats, err
	}
	if _, err := t.confirmer.confirm(t.processes, &t.spools, &stats); err != nil {
		return dst, stats, err
	}
	if err := held.Check(); err != nil {
		return dst, stats, err
	}
	stats.BytesRead = t.spools.bytes()
	dst, err = t.joined(dst)
	return dst, stats, err
}

// LongestRun is the time that the longest run of a BPF program took that read a
// tree, of those of the last dump: for so long the dump may have held a
// processor.
func (t *taskfile) LongestRun() time.Duration { return time.Duration(t.state.Longest) }

var (
	errTorn   = errors.New("registrations are added or deleted faster than they can be read: stop the process first")
	errClosed = errors.New("epoll instances were closed while they were read")
)

// collect makes passes until one is complete.
func (t *taskfile) collect(ctx context.Context, pids []int, stats *epbench.Stats) error {
	const attempts = 10
	closed, torn := 0, uint32(0)
	for {
		err := t.pass(ctx, pids, stats)
		torn += t.state.Torn
		if errors.Is(err, errClosed) {
			if closed++; closed < attempts {
				continue
			}
		}
		if err != nil {
			return err
		}
		if torn > 0 {
			stats.Warnings = append(stats.Warnings, fmt.Sprintf(
				"registrations were added or deleted while they were read: %d of %d pieces were read again", torn, t.state.Runs))
		}
		if closed > 0 {
			stats.Warnings = append(stats.Warnings, fmt.Sprintf("%v, which was begun anew %d times", errClosed, closed))
		}
		return nil
	}
}

// enum stop of taskfile.bpf.c.
const (
	stopNone = iota
	stopTorn
	stopClosed
)

// pass runs the program over the descriptors of all processes.
func (t *taskfile) pass(ctx context.Context, pids []int, stats *epbench.Stats) error {
	t.spools.reset()
	t.processes = t.processes[:0]
	t.state = taskfilePass{Number: t.state.Number + 1}
	if err := t.objects.State.Set(&t.state); err != nil {
		return err
	}
	for _, pid := range pids {
		if err := t.passOver(ctx, pid, stats); err != nil {
			return err
		}
	}
	return nil
}

// passOver runs the program over the descriptors of one process.
func (t *taskfile) passOver(ctx context.Context, pid int, stats *epbench.Stats) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.state.Task = 0
	if err := t.objects.State.Set(&t.state); err != nil {
		return err
	}
	err := iterateFiles(t.objects.Taskfile, pid, stats, func() error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return t.makeRoom()
	})
	if err != nil {
		return err
	}
	if err := t.look(); err != nil {
		return err
	}
	t.processes = append(t.processes, processRecords{pid, t.state.Task, t.spools.descriptors.len()})
	if t.state.Task == 0 {
		return checkGone(pid, stats)
	}
	return nil
}

// look gets to know what the program has done.
func (t *taskfile) look() error {
	if err := t.objects.State.Get(&t.state); err != nil {
		return err
	}
	t.spools.descriptors.used = int(t.state.Descriptors)
	t.spools.registrations.used = int(t.state.Registrations)
	switch t.state.Stop {
	case stopTorn:
		return errTorn
	case stopClosed:
		return errClosed
	}
	return nil
}

// makeRoom makes sure, while the program does not run, that it finds room when
// it goes on: for a descriptor, unless the last one is not done with yet, and
// for the registrations of a run.
func (t *taskfile) makeRoom() error {
	if err := t.look(); err != nil {
		return err
	}
	s := &t.spools
	if t.state.Epoll == 0 {
		if err := s.descriptors.makeRoom(1); err != nil {
			return err
		}
	}
	if err := s.registrations.makeRoom(t.run); err != nil {
		return err
	}
	t.state.Descriptors = uint32(s.descriptors.used)
	t.state.Registrations = uint32(s.registrations.used)
	return t.objects.State.Set(&t.state)
}

// joined appends the registrations of the last pass to dst.
func (t *taskfile) joined(dst []epbench.Registration) ([]epbench.Registration, error) {
	descriptors, err := t.spools.descriptors.all()
	if err != nil {
		return dst, err
	}
	registrations, err := t.spools.registrations.all()
	if err != nil {
		return dst, err
	}
	t.join.reset(len(descriptors))
	from := 0
	for _, p := range t.processes {
		registrations = t.join.add(p.pid, descriptors[from:p.end], registrations)
		from = p.end
	}
	return t.join.appendTo(dst), nil
}
