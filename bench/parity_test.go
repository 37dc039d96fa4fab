// SPDX-License-Identifier: MIT

package bench

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"epbench"
	"epbench/workloads"
)

// TestEveryMethodTellsTheTruth compares each method with what the workload
// itself says that it did, for every kind and shape.
func TestEveryMethodTellsTheTruth(t *testing.T) {
	layouts := []string{
		"n=60",
		"n=60,epolls=3,idle=20",
		"n=60,epolls=3,idle=20,procs=3",
	}
	dumpers := newDumpers(t)
	if testing.Short() { // as in guests, where each instruction is emulated
		layouts = []string{"n=24,epolls=3,idle=5,procs=2"}
	}
	for _, layout := range layouts {
		t.Run(layout, func(t *testing.T) {
			for _, kind := range workloads.Kinds() {
				for _, shape := range workloads.Shapes() {
					checkTruth(t, fmt.Sprintf("shape=%s,kind=%s,%s", shape, kind, layout), dumpers, methods())
				}
			}
		})
	}
}

// TestEveryMethodTellsTheTruthOfMany is the same with so many registrations
// that buffers grow and reads are partial. Methods whose cost grows with the
// third power where all targets share an inode have their share with fewer.
func TestEveryMethodTellsTheTruthOfMany(t *testing.T) {
	if testing.Short() {
		t.Skip("short run: the large workloads take many minutes in a guest")
	}
	cubic := []string{"naive", "inode"}
	dumpers := newDumpers(t)
	for _, kind := range workloads.Kinds() {
		for _, shape := range workloads.Shapes() {
			checkTruth(t, fmt.Sprintf("shape=%s,kind=%s,n=300", shape, kind), dumpers, only(cubic))
			checkTruth(t, fmt.Sprintf("shape=%s,kind=%s,n=800,epolls=2,idle=300", shape, kind), dumpers, except(cubic))
		}
	}
}

// checkTruth runs one subtest a method on the workload of spec.
func checkTruth(t *testing.T, spec string, dumpers *dumpers, methods []epbench.Method) {
	t.Run(spec, func(t *testing.T) {
		parsed, err := workloads.Parse(spec)
		if err != nil {
			t.Fatal(err)
		}
		w := start(t, t, parsed)
		for _, m := range methods {
			t.Run(m.Name, func(t *testing.T) {
				d := dumpers.get(t, m)
				got, _, err := d.Dump(t.Context(), w.PIDs, nil)
				if unlessRefused(err) != nil {
					t.Fatal(err)
				}
				if want := m.Name == "criu" && criuRefuses(w); errors.Is(err, epbench.ErrRefused) != want {
					t.Errorf("refused: %v, want %t", err, want)
				}
				if diff := epbench.Diff(w.Truth, got); diff != "" {
					t.Error(diff)
				}
			})
		}
	})
}

func only(names []string) []epbench.Method {
	return filter(func(m epbench.Method) bool { return slices.Contains(names, m.Name) })
}

func except(names []string) []epbench.Method {
	return filter(func(m epbench.Method) bool { return !slices.Contains(names, m.Name) })
}

func filter(keep func(epbench.Method) bool) (kept []epbench.Method) {
	for _, m := range methods() {
		if keep(m) {
			kept = append(kept, m)
		}
	}
	return kept
}
