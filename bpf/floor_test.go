// SPDX-License-Identifier: MIT

package bpf

import (
	"slices"
	"testing"
	"time"

	"epbench"
)

// BenchmarkOverFloor sets the cost of a dump against the floors: the median of
// each, taken in turns, since a machine's speed changes from one second to the
// next by more than what is to be seen.
func BenchmarkOverFloor(b *testing.B) {
	for _, n := range []string{"100", "1000", "10000"} {
		b.Run("shape=moved/kind=eventfd/n="+n, func(b *testing.B) {
			w := start(b, "shape=moved,kind=eventfd,n="+n)
			d := open(b)
			dst := make([]epbench.Registration, 0, len(w.Truth))
			runs := []struct {
				name  string
				run   func() error
				times []float64
			}{
				{name: "empty", run: runFloor(b, FloorEmpty, w.PIDs)},
				{name: "count", run: runFloor(b, FloorCount, w.PIDs)},
				{name: "taskfile", run: func() error {
					_, _, err := d.Dump(b.Context(), w.PIDs, dst)
					return err
				}},
			}
			for b.Loop() {
				for i := range runs {
					began := time.Now()
					if err := runs[i].run(); err != nil {
						b.Fatal(err)
					}
					runs[i].times = append(runs[i].times, float64(time.Since(began)))
				}
			}
			for i := range runs {
				slices.Sort(runs[i].times)
				b.ReportMetric(median(runs[i].times), runs[i].name+"-ns")
			}
			b.ReportMetric(median(runs[2].times)/median(runs[1].times), "taskfile/count")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func median(sorted []float64) float64 { return sorted[len(sorted)/2] }

// runFloor opens a floor for the length of the benchmark.
func runFloor(b *testing.B, kind FloorKind, pids []int) func() error {
	f, err := OpenFloor(kind)
	needBPF(b, err)
	b.Cleanup(func() { f.Close() })
	return func() error {
		_, err := f.Run(b.Context(), pids)
		return err
	}
}
