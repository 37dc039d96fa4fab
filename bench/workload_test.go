// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"testing"

	"epbench/workloads"
)

// start starts the workload for the duration of owner; t is who fails when it
// does not start.
func start(t, owner testing.TB, spec workloads.Spec) *workloads.Workload {
	t.Helper()
	// Not owner's context as it is: it ends before the cleanups run, and would
	// end the workload before Close can tell whether it ended well.
	w, err := workloads.Start(context.WithoutCancel(owner.Context()), spec)
	if err != nil {
		t.Fatalf("starting %v: %v", spec, err)
	}
	owner.Cleanup(func() {
		if err := w.Close(); err != nil {
			owner.Errorf("ending %v: %v", spec, err)
		}
	})
	return w
}
