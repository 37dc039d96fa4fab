// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"fmt"

	"epbench"
	"epbench/internal/process"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

// FloorKind says what a floor iterates over, and what its programs do besides
// being called.
type FloorKind string

const (
	// FloorEmpty does nothing: what task_file iteration costs by itself.
	FloorEmpty FloorKind = "empty"
	// FloorCount counts the descriptors, and the registrations of the epoll
	// instances among them, by the cheapest walk known and without reading
	// what is registered: the least that any method on top of task_file could
	// cost.
	FloorCount FloorKind = "count"
	// FloorEpollEmpty makes the passes of the method epoll, on a kernel that
	// has the iterator: of the descriptors none are noted but those of epoll
	// instances, and with the registrations nothing is done.
	FloorEpollEmpty FloorKind = "epoll-empty"
	// FloorEpollCount counts the registrations, too: the least that any method
	// on top of the epoll iterator could cost.
	FloorEpollCount FloorKind = "epoll-count"
)

// FloorKinds returns all kinds.
func FloorKinds() []FloorKind {
	return []FloorKind{FloorEmpty, FloorCount, FloorEpollEmpty, FloorEpollCount}
}

// Counts is what a floor saw: descriptors, and registrations, as far as it
// counts them. An epoll instance counts once for each of its descriptors in
// FloorCount, and once in FloorEpollCount.
type Counts struct {
	Files         uint64
	Registrations uint64
}

// Floor iterates as a method does and produces nothing. It is not safe for
// concurrent use.
type Floor interface {
	// Run iterates over the processes pids, holding on to them as a Dumper
	// does.
	Run(ctx context.Context, pids []int) (Counts, error)
	// Close unloads the floor.
	Close() error
}

// OpenFloor loads a floor. Its errors are those of a method's Open.
func OpenFloor(kind FloorKind) (Floor, error) {
	switch kind {
	case FloorEmpty, FloorCount:
		return openTaskfileFloor(kind)
	case FloorEpollEmpty:
		return openEpollFloor(epollProgEmpty)
	case FloorEpollCount:
		return openEpollFloor(epollProgCount)
	}
	return nil, fmt.Errorf("floor %q: not one of %q", kind, FloorKinds())
}

// taskfileFloor is a task_file iteration.
type taskfileFloor struct {
	objects floorObjects
	program *ebpf.Program
}

func openTaskfileFloor(kind FloorKind) (Floor, error) {
	types := btf.NewCache()
	fops, err := learnEpoll(types)
	if err != nil {
		return nil, err
	}
	spec, err := loadFloor()
	if err != nil {
		return nil, err
	}
	if err := spec.Variables[floorVarEventpollFops].Set(fops); err != nil {
		return nil, err
	}
	f := new(taskfileFloor)
	if err := spec.LoadAndAssign(&f.objects, &ebpf.CollectionOptions{Cache: types}); err != nil {
		return nil, unavailable("loading the floor's programs", err)
	}
	f.program = f.objects.Empty
	if kind == FloorCount {
		f.program = f.objects.Count
	}
	return f, nil
}

func (f *taskfileFloor) Run(ctx context.Context, pids []int) (Counts, error) {
	held, err := process.Hold(pids)
	if err != nil {
		return Counts{}, err
	}
	defer held.Close()
	seen := floorCounts{}
	if err := f.objects.Seen.Set(&seen); err != nil {
		return Counts{}, err
	}
	var stats epbench.Stats
	for _, pid := range held.PIDs() {
		if err := ctx.Err(); err != nil {
			return Counts{}, err
		}
		if err := iterateFiles(f.program, pid, &stats, nil); err != nil {
			return Counts{}, err
		}
	}
	if err := f.objects.Seen.Get(&seen); err != nil {
		return Counts{}, err
	}
	if seen.Failed != 0 {
		return Counts{}, errors.New("floor: an epoll instance has more registrations than can be counted")
	}
	return Counts{uint64(seen.Files), uint64(seen.Registrations)}, held.Check()
}

func (f *taskfileFloor) Close() error { return f.objects.Close() }
