// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"testing"
)

func BenchmarkStart(b *testing.B) {
	specs := []Spec{
		{N: 1000}, {N: 10000},
		{Shape: shapeMoved, N: 10000},
		{Shape: shapeReused, N: 10000},
		{Shape: shapeShared, N: 10000},
		{Shape: shapeClosed, N: 10000},
		{Shape: shapeMoved, Kind: kindTCP, N: 10000},
		{Shape: shapeMoved, Kind: kindMixed, N: 10000},
		{Shape: shapeMoved, N: 10000, Procs: 3},
		{Shape: shapeShared, N: 1000000},
	}
	for _, s := range specs {
		s = s.withDefaults()
		b.Run(fmt.Sprintf("shape=%s/kind=%s/n=%d/procs=%d", s.Shape, s.Kind, s.N, s.Procs), func(b *testing.B) {
			for b.Loop() {
				w, err := Start(b.Context(), s)
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
