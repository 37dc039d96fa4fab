// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"math"
	"testing"
	"time"

	"epbench"
)

// check is one dump that was compared with the ground truth.
type check struct {
	subject string
	method  string
}

// checked remembers how long the dump of each successful check took. It is
// what predictions are made of.
var checked = map[check]time.Duration{}

// checkMethod dumps t by d and fails b unless the result is the truth. Each of
// the repetitions of -count checks anew, which also warms up its dumper, unless
// that costs a tenth of the budget or more.
func checkMethod(b *testing.B, t tree, m epbench.Method, d epbench.Dumper) {
	b.Helper()
	c := check{t.name, m.Name}
	if took, ok := checked[c]; ok && took > *budget/10 {
		return
	}
	start := time.Now()
	regs, _, err := d.Dump(b.Context(), t.pids, nil)
	elapsed := time.Since(start)
	if unlessRefused(err) != nil {
		b.Fatalf("%v of %v: %v", m.Name, t.name, err)
	}
	if diff := epbench.Diff(t.truth, regs); diff != "" {
		b.Fatalf("%v of %v is not the truth, and is not timed: %s", m.Name, t.name, diff)
	}
	checked[c] = elapsed
}

// skipOverBudget skips b, and tells so in the output, when one dump of s by d
// is predicted to cost more than the budget.
func skipOverBudget(b *testing.B, s subject, m epbench.Method, d epbench.Dumper) {
	b.Helper()
	if _, ran := checked[check{s.name(s.n), m.Name}]; ran {
		return // what has been run once is run to the last repetition
	}
	predicted := predict(b, s, m, d)
	if predicted <= *budget {
		return
	}
	fmt.Printf("# not run: %s predicted=%.3gs budget=%gs\n",
		b.Name(), predicted.Seconds(), budget.Seconds())
	b.SkipNow()
}

// predict returns what one dump of s is expected to cost: what n/2 costs,
// times what the doubling from n/4 to n/2 multiplied it by. Steps are no longer
// than that because growth itself grows, where a method's constant costs give
// way to its cubic ones. Up to 100 registrations are not predicted, but run.
func predict(b *testing.B, s subject, m epbench.Method, d epbench.Dumper) time.Duration {
	b.Helper()
	if took, ok := checked[check{s.name(s.n), m.Name}]; ok {
		return took
	}
	const smallest = 100
	if s.n <= smallest {
		return 0
	}
	quarter := pilot(b, s, s.n/4, m, d)
	half := pilot(b, s, s.n/2, m, d)
	// Noise can make the smaller one the slower, but no method grows slower
	// than n.
	growth := max(2, float64(half)/float64(max(quarter, 1)))
	return time.Duration(math.Min(float64(half)*growth, math.MaxInt64))
}

// pilot returns what one dump of s at size n costs, or is predicted to.
func pilot(b *testing.B, s subject, n int, m epbench.Method, d epbench.Dumper) time.Duration {
	b.Helper()
	s.n = max(n, 1)
	if predicted := predict(b, s, m, d); predicted > *budget {
		return predicted
	}
	c := check{s.name(s.n), m.Name}
	if took, ok := checked[c]; ok {
		return took
	}
	checkMethod(b, s.start(b, b, s.n), m, d)
	return checked[c]
}
