// SPDX-License-Identifier: MIT

package bpf

import (
	"testing"

	"epbench"
)

func TestArraysGrowUntilNothingIsCutOff(t *testing.T) {
	for _, test := range []struct {
		spec                       string
		descriptors, registrations uint32
	}{
		{"shape=moved,kind=eventfd,n=3000", 1, 1},
		{"shape=moved,kind=eventfd,n=3000", 1, firstRegistrations},
		{"shape=moved,kind=eventfd,n=3000", firstDescriptors, 1},
		{"shape=shared,kind=pipe,n=5000,epolls=3", 100, 4999},
		{"shape=reused,kind=tcp,n=600,procs=3", 100, 100},
	} {
		t.Run(test.spec, func(t *testing.T) {
			d, err := newTaskfile(test.descriptors, test.registrations)
			needBPF(t, err)
			defer d.Close()
			w := start(t, test.spec)
			for range 2 {
				if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

// The program remembers the epoll instances that it has walked in a table
// where they displace each other.
func TestEpollsOfSeveralProcessesAreDumpedOnce(t *testing.T) {
	d := open(t)
	w := start(t, "shape=inplace,kind=eventfd,n=6000,epolls=6000,procs=3")
	if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
		t.Error(diff)
	}
}

func TestDumpAppends(t *testing.T) {
	d := open(t)
	w := start(t, "shape=moved,kind=eventfd,n=100")
	before := epbench.Registration{TFD: 42}
	got, _, err := d.Dump(t.Context(), w.PIDs, []epbench.Registration{before})
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != before {
		t.Errorf("what was there became %v", got[0])
	}
	if diff := epbench.Diff(w.Truth, got[1:]); diff != "" {
		t.Error(diff)
	}
}
