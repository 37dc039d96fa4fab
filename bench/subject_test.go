// SPDX-License-Identifier: MIT

package bench

import (
	"testing"

	"epbench"
	"epbench/workloads"
)

// subject is what is dumped, and can be started in any size.
type subject struct {
	n    int
	name func(n int) string
	// start starts it with size n for the duration of owner; t is who fails
	// when it does not start.
	start func(t, owner testing.TB, n int) tree
}

// tree is live processes of which the registrations are known.
type tree struct {
	name  string // of the subject, with its size
	pids  []int
	truth []epbench.Registration
}

// subjectOf returns the workload of spec as a subject.
func subjectOf(spec workloads.Spec) subject {
	sized := func(n int) workloads.Spec {
		s := spec
		s.N, s.Epolls = n, min(s.Epolls, n)
		return s
	}
	return subject{
		n:    spec.N,
		name: func(n int) string { return sized(n).String() },
		start: func(t, owner testing.TB, n int) tree {
			t.Helper()
			return treeOf(start(t, owner, sized(n)))
		},
	}
}

func treeOf(w *workloads.Workload) tree {
	return tree{w.Spec.String(), w.PIDs, w.Truth}
}
