// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"io/fs"
	"testing"

	"epbench"
	"epbench/workloads"
)

// start starts a workload that ends with the test.
func start(t testing.TB, text string) *workloads.Workload {
	t.Helper()
	spec, err := workloads.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	w, err := workloads.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// needBPF skips a test where BPF is not permitted or not to be had.
func needBPF(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, epbench.ErrNotSupported) {
		t.Skipf("no BPF iterators here: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// open opens taskfile with arrays of the usual lengths.
func open(t testing.TB) *taskfile {
	t.Helper()
	return openSize(t, usualTaskfile)
}

// openSize opens taskfile.
func openSize(t testing.TB, size taskfileSize) *taskfile {
	t.Helper()
	d, err := newTaskfile(size)
	needBPF(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// dump dumps w, which must succeed.
func dump(t testing.TB, d epbench.Dumper, w *workloads.Workload) []epbench.Registration {
	t.Helper()
	got, _, err := d.Dump(t.Context(), w.PIDs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTaskfileEqualsTheTruth(t *testing.T) {
	d := open(t)
	sizes := []string{"60", "1200"}
	layouts := []string{"", ",epolls=3,idle=50,procs=3"}
	if testing.Short() { // as in guests, where each instruction is emulated
		sizes, layouts = []string{"24"}, []string{",epolls=3,idle=5,procs=2"}
	}
	for _, n := range sizes {
		for _, shape := range workloads.Shapes() {
			for _, kind := range workloads.Kinds() {
				for _, more := range layouts {
					spec := "shape=" + shape + ",kind=" + kind + ",n=" + n + more
					t.Run(spec, func(t *testing.T) {
						w := start(t, spec)
						if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
							t.Error(diff)
						}
						w.Close()
					})
				}
			}
		}
	}
}
