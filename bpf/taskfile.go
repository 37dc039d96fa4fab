// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"fmt"
	"unsafe"

	"epbench"
	"epbench/internal/process"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// The arrays that a dumper starts with: for the usual process enough.
const (
	firstDescriptors   = 1 << 15
	firstRegistrations = 1 << 16
)

// taskfile is the method of that name at work.
type taskfile struct {
	types         *btf.Cache
	eventpollFops uint64

	objects       taskfileObjects
	descriptors   array[taskfileDescriptor]
	registrations array[taskfileRegistration]

	state taskfilePass
	ends  []uint32 // of each process's descriptors
	join  join
}

func openTaskfile() (epbench.Dumper, error) {
	t, err := newTaskfile(firstDescriptors, firstRegistrations)
	if err != nil {
		return nil, err
	}
	return t, nil
}

func newTaskfile(descriptors, registrations uint32) (*taskfile, error) {
	types := btf.NewCache()
	fops, err := learnEpoll(types)
	if err != nil {
		return nil, err
	}
	t := &taskfile{types: types, eventpollFops: fops}
	if err := t.load(descriptors, registrations); err != nil {
		return nil, unavailable("loading the taskfile program", err)
	}
	return t, nil
}

// load loads the program with arrays of the given lengths.
func (t *taskfile) load(descriptors, registrations uint32) (err error) {
	defer func() {
		if err != nil {
			t.unload()
		}
	}()
	spec, err := loadTaskfile()
	if err != nil {
		return err
	}
	spec.Maps[taskfileMapDescriptors].MaxEntries = descriptors
	spec.Maps[taskfileMapRegistrations].MaxEntries = registrations
	if err := spec.Variables[taskfileVarEventpollFops].Set(t.eventpollFops); err != nil {
		return err
	}
	if err := spec.LoadAndAssign(&t.objects, &ebpf.CollectionOptions{Cache: t.types}); err != nil {
		return err
	}
	if t.descriptors, err = mapArray[taskfileDescriptor](t.objects.Descriptors); err != nil {
		return err
	}
	t.registrations, err = mapArray[taskfileRegistration](t.objects.Registrations)
	return err
}

func (t *taskfile) unload() {
	t.descriptors.close()
	t.registrations.close()
	t.objects.Close()
	t.objects = taskfileObjects{}
}

// Close implements epbench.Dumper.
func (t *taskfile) Close() error {
	t.unload()
	return nil
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
	if err := held.Check(); err != nil {
		return dst, stats, err
	}
	stats.BytesRead = uint64(t.state.Descriptors)*uint64(unsafe.Sizeof(taskfileDescriptor{})) +
		uint64(t.state.Registrations)*uint64(unsafe.Sizeof(taskfileRegistration{}))
	return t.joined(held.PIDs(), dst), stats, nil
}

// collect makes passes until one has everything.
func (t *taskfile) collect(ctx context.Context, pids []int, stats *epbench.Stats) error {
	const attempts = 10
	for torn := 0; ; {
		if err := t.pass(ctx, pids, stats); err != nil {
			return err
		}
		switch t.state.Stop {
		case stopNone:
			if torn > 0 {
				stats.Warnings = append(stats.Warnings, fmt.Sprintf(
					"registrations were added or deleted while they were read, which was begun anew %d times", torn))
			}
			return nil
		case stopFull:
			if err := t.grow(); err != nil {
				return err
			}
		case stopTorn:
			if torn++; torn == attempts {
				return fmt.Errorf("registrations were added or deleted while they were read, %d times in a row: stop the process first", attempts)
			}
		default:
			return fmt.Errorf("an epoll instance has more than %d registrations: too many for one BPF loop", 1<<23)
		}
	}
}

// enum stop of taskfile.bpf.c.
const (
	stopNone = iota
	stopFull
	stopTorn
)

// pass runs the program over the descriptors of all processes.
func (t *taskfile) pass(ctx context.Context, pids []int, stats *epbench.Stats) error {
	t.state = taskfilePass{Number: t.state.Number + 1}
	if err := t.objects.State.Set(&t.state); err != nil {
		return err
	}
	t.ends = t.ends[:0]
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := t.passOver(pid, stats); err != nil {
			return err
		}
		t.ends = append(t.ends, t.state.Descriptors)
	}
	return nil
}

// passOver runs the program over the descriptors of one process, and makes
// sure that it had them to the end.
func (t *taskfile) passOver(pid int, stats *epbench.Stats) error {
	processes := t.state.Processes
	if err := iterateFiles(t.objects.Taskfile, pid, stats); err != nil {
		return err
	}
	if err := t.objects.State.Get(&t.state); err != nil {
		return err
	}
	if t.state.Processes > processes {
		return nil
	}
	return checkGone(pid, stats)
}

// checkGone tells of a process without descriptors whether it has lost them,
// which is an error, or never had any.
func checkGone(pid int, stats *epbench.Stats) error {
	stats.Syscalls += 3 // open, read, close
	return process.CheckExiting(pid)
}

// grow makes the arrays larger: that of the descriptors as large as they have
// turned out to be, that of the registrations twice as large, since a walk
// that finds no room does not know how far it would have gone.
func (t *taskfile) grow() error {
	descriptors, registrations := uint32(len(t.descriptors.records)), uint32(len(t.registrations.records))
	larger, more := descriptors, registrations
	if t.state.Descriptors > descriptors {
		larger = t.state.Descriptors
	} else if more *= 2; more < registrations {
		return errors.New("more registrations than a BPF array can hold")
	}
	t.unload()
	err := t.load(larger, more)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("making room for %d descriptors and %d registrations: %w", larger, more, err)
	// So that t still is of use for smaller processes.
	return errors.Join(err, t.load(descriptors, registrations))
}

// joined appends the registrations of the last pass to dst.
func (t *taskfile) joined(pids []int, dst []epbench.Registration) []epbench.Registration {
	t.join.reset(int(t.state.Descriptors))
	records := t.registrations.records[:t.state.Registrations]
	from := uint32(0)
	for i, pid := range pids {
		records = t.join.add(pid, t.descriptors.records[from:t.ends[i]], records)
		from = t.ends[i]
	}
	return t.join.appendTo(dst)
}
