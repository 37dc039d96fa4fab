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

// FloorKind says what a floor's program does besides being called.
type FloorKind string

const (
	// FloorEmpty does nothing: what task_file iteration costs by itself.
	FloorEmpty FloorKind = "empty"
	// FloorCount counts the descriptors, and the registrations of the epoll
	// instances among them, by the cheapest walk known and without reading
	// what is registered: the least that any method on top of task_file could
	// cost.
	FloorCount FloorKind = "count"
)

// Counts is what a floor saw: descriptors, and registrations. An epoll
// instance counts once for each of its descriptors. Of FloorEmpty both are 0.
type Counts struct {
	Files         uint64
	Registrations uint64
}

// Floor is a task_file iteration that produces nothing. It is not safe for
// concurrent use.
type Floor struct {
	objects floorObjects
	program *ebpf.Program
}

// OpenFloor loads a floor. Its errors are those of a method's Open.
func OpenFloor(kind FloorKind) (*Floor, error) {
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
	f := new(Floor)
	if err := spec.LoadAndAssign(&f.objects, &ebpf.CollectionOptions{Cache: types}); err != nil {
		return nil, unavailable("loading the floor's programs", err)
	}
	switch kind {
	case FloorEmpty:
		f.program = f.objects.Empty
	case FloorCount:
		f.program = f.objects.Count
	default:
		f.Close()
		return nil, fmt.Errorf("floor %q: not one of %s and %s", kind, FloorEmpty, FloorCount)
	}
	return f, nil
}

// Run iterates over the descriptors of the processes pids, holding on to them
// as a Dumper does.
func (f *Floor) Run(ctx context.Context, pids []int) (Counts, error) {
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
		if err := iterateFiles(f.program, pid, &stats); err != nil {
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

// Close unloads the floor.
func (f *Floor) Close() error { return f.objects.Close() }
