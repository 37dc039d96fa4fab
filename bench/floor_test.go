// SPDX-License-Identifier: MIT

package bench

import (
	"testing"

	"epbench/bpf"
	"epbench/workloads"
)

// BenchmarkFloor is the least that an iterator could cost on each workload of
// BenchmarkDump: the kernel's iteration with a program that does nothing, and
// with one that only counts. There are two such iterations, that of taskfile
// and, on a kernel that has it, that of epoll.
func BenchmarkFloor(b *testing.B) {
	floors := map[bpf.FloorKind]bpf.Floor{} // opened once for all workloads
	owner := b
	forEachWorkload(b, func(b *testing.B, _ workloads.Spec, get getWorkload) {
		for _, kind := range bpf.FloorKinds() {
			b.Run("floor="+string(kind), func(b *testing.B) {
				floor := floors[kind]
				if floor == nil {
					floor = openFloor(b, owner, kind)
					floors[kind] = floor
				}
				benchmarkFloor(b, floor, kind, get(b))
			})
		}
	})
}

// openFloor opens the floor for the duration of owner. It skips b where the
// floor cannot be had.
func openFloor(b, owner *testing.B, kind bpf.FloorKind) bpf.Floor {
	b.Helper()
	floor, err := bpf.OpenFloor(kind)
	skipUnavailable(b, err)
	if err != nil {
		b.Fatalf("opening floor %v: %v", kind, err)
	}
	owner.Cleanup(func() { floor.Close() })
	return floor
}

func benchmarkFloor(b *testing.B, floor bpf.Floor, kind bpf.FloorKind, w *workloads.Workload) {
	counting := kind == bpf.FloorCount || kind == bpf.FloorEpollCount
	run := func() {
		counts, err := floor.Run(b.Context(), w.PIDs)
		if err != nil {
			b.Fatal(err)
		}
		// An epoll instance is counted once a descriptor, so there may be more.
		if counting && counts.Registrations < uint64(len(w.Truth)) {
			b.Fatalf("counted %d registrations of %d", counts.Registrations, len(w.Truth))
		}
	}
	run() // warm, as the methods are when they are timed
	for b.Loop() {
		run()
	}
	reportTime(b, len(w.Truth))
}
