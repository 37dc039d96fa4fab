// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"epbench"
	"epbench/workloads"
)

// BenchmarkDump is the comparison: every method on every workload.
func BenchmarkDump(b *testing.B) {
	dumpers := newDumpers(b)
	forEachWorkload(b, func(b *testing.B, spec workloads.Spec, get getWorkload) {
		compareMethods(b, dumpers, subjectOf(spec), func(b *testing.B) tree { return treeOf(get(b)) })
	})
}

// compareMethods is a sub-benchmark for each method, on what get returns: s, in
// its size.
func compareMethods(b *testing.B, dumpers *dumpers, s subject, get func(*testing.B) tree) {
	for _, m := range methods() {
		b.Run("method="+m.Name, func(b *testing.B) {
			d := dumpers.get(b, m)
			skipOverBudget(b, s, m, d)
			t := get(b)
			checkMethod(b, t, m, d)
			benchmarkDump(b, t, d)
		})
	}
}

func benchmarkDump(b *testing.B, t tree, d epbench.Dumper) {
	var (
		regs  []epbench.Registration
		total epbench.Stats
		// refused is about the subject, and so the same of every dump.
		refused bool
	)
	for b.Loop() {
		var stats epbench.Stats
		var err error
		regs, stats, err = d.Dump(b.Context(), t.pids, regs[:0])
		if unlessRefused(err) != nil {
			b.Fatal(err)
		}
		refused = err != nil
		total.Kcmp += stats.Kcmp
		total.Syscalls += stats.Syscalls
		total.BytesRead += stats.BytesRead
	}
	reportTime(b, len(t.truth))
	perOp := func(count uint64) float64 { return float64(count) / float64(b.N) }
	b.ReportMetric(perOp(total.Kcmp), "kcmp/op")
	b.ReportMetric(perOp(total.Syscalls), "syscalls/op")
	b.ReportMetric(perOp(total.BytesRead), "B-read/op")
	if refused {
		b.ReportMetric(1, "refused/op")
	}
}

// getWorkload returns the workload of the sub-benchmarks that share it, started
// for the first of them that asks: -bench may select none. It fails the b that
// it is given.
type getWorkload func(b *testing.B) *workloads.Workload

// forEachWorkload runs f on every shape, kind and size that the flags name, as
// sub-benchmarks. The workload lives until f returns.
func forEachWorkload(b *testing.B, f func(*testing.B, workloads.Spec, getWorkload)) {
	for _, shape := range shapes.values {
		b.Run("shape="+shape, func(b *testing.B) {
			for _, kind := range kinds.values {
				b.Run("kind="+kind, func(b *testing.B) {
					for _, n := range sizes.values {
						b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
							spec, err := workloads.Parse(fmt.Sprintf("shape=%s,kind=%s,n=%d", shape, kind, n))
							if err != nil {
								b.Fatal(err)
							}
							f(b, spec, sharedWorkload(b, spec))
						})
					}
				})
			}
		})
	}
}

// sharedWorkload starts spec once, for the duration of owner.
func sharedWorkload(owner *testing.B, spec workloads.Spec) getWorkload {
	var w *workloads.Workload
	return func(b *testing.B) *workloads.Workload {
		b.Helper()
		if w == nil {
			w = start(b, owner, spec)
		}
		return w
	}
}

// reportTime reports the time per registration, of n an operation, beside that
// per operation, both in the unit of the clock.
func reportTime(b *testing.B, n int) {
	reportOperation(b, meanTime(b), n)
}

// meanTime is what an operation of b's loop took.
func meanTime(b *testing.B) float64 {
	return float64(b.Elapsed().Nanoseconds()) / float64(b.N)
}

// reportOperation reports an operation's time and that of each of its n
// registrations, in the unit of the clock.
func reportOperation(b *testing.B, perOp float64, n int) {
	reportPerOp(b, perOp)
	b.ReportMetric(perOp/float64(n), unit()+"/reg")
}

// reportPerOp reports an operation's time in the unit of the clock.
func reportPerOp(b *testing.B, perOp float64) {
	if clock() == "insn" {
		b.ReportMetric(0, "ns/op") // leave the built-in metric out
	}
	b.ReportMetric(perOp, unit()+"/op")
}

// loopOperations measures op, of n registrations, and reports the median.
//
// Where time counts instructions, it reports the least of as many as fill a few
// of a timer's periods, or of two that are longer, the first of which may have
// had to touch memory anew: every op takes the same number, and what else ran
// meanwhile has only added to it. Of an op of half a second and more, one is
// near enough.
func loopOperations(b *testing.B, n int, op func()) {
	const (
		periods = 20 * time.Millisecond
		long    = 500 * time.Millisecond
	)
	exact := clock() == "insn"
	times := make([]float64, 0, 1024)
	for b.Loop() {
		for spent, ops := time.Duration(0), 0; ; {
			began := time.Now()
			op()
			took := time.Since(began)
			times = append(times, float64(took))
			spent += took
			ops++
			if !exact || spent >= long || spent >= periods && ops >= 2 {
				break
			}
		}
	}
	slices.Sort(times)
	typical := times[len(times)/2]
	if exact {
		typical = times[0]
	}
	reportOperation(b, typical, n)
}
