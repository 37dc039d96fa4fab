// SPDX-License-Identifier: MIT

package history

import (
	"testing"

	"epbench"

	"pgregory.net/rapid"
)

// random is a history of n operations.
func random(n int, choose func(int) int) History {
	m := NewModel()
	var h History
	for range n {
		op := Next(m, choose)
		m.Do(op)
		h = append(h, op)
	}
	return h
}

func TestTheKernelDoesWhatTheModelPredicts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := random(40, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "") })
		err := Run(h, func([]int, []epbench.Registration) error { return nil })
		if err != nil {
			t.Fatalf("%v\n%v", err, h)
		}
	})
}
