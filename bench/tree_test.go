// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"testing"

	"epbench/workloads"
)

// TestEveryMethodTellsTheTruthOfEveryTree compares each method with the truth
// on trees whose processes share files and epoll instances in every way, and
// have them in flight between each other.
func TestEveryMethodTellsTheTruthOfEveryTree(t *testing.T) {
	dumpers := newDumpers(t)
	shapes, kinds, n := workloads.Shapes(), []string{"eventfd", "unix", "mixed"}, 60
	if testing.Short() {
		shapes, kinds, n = []string{"moved", "closed"}, []string{"eventfd", "unix"}, 24
	}
	for _, tree := range workloads.Trees() {
		for _, shape := range shapes {
			for _, kind := range kinds {
				spec := fmt.Sprintf("tree=%s,shape=%s,kind=%s,n=%d,epolls=2,idle=9,procs=4", tree, shape, kind, n)
				checkTruth(t, spec, dumpers, methods())
			}
		}
	}
}
