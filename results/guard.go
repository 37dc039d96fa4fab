// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"fmt"
	"slices"

	"golang.org/x/perf/benchunit"
)

// Guard is the cost of a way to hold each file while the program runs, per
// registration.
type Guard struct {
	Guard string   `json:"guard"` // none, peek, fget, rcu
	Prog  string   `json:"prog"`  // empty, full
	N     int      `json:"n"`
	Cost  *Summary `json:"cost"`
	// Extra is what the guard adds to no guard; nil for none itself, and where
	// none was not measured.
	Extra *Difference `json:"extra"`
	// Share is Extra of Cost.
	Share float64 `json:"share,omitempty"`
}

// Price is what a guard's operations on the reference count cost on hardware,
// per registration.
type Price struct {
	Guard   string      `json:"guard"` // none, peek, fget, rcu
	Threads string      `json:"threads"`
	N       int         `json:"n"`
	Cost    *Summary    `json:"cost"`
	Extra   *Difference `json:"extra"`
}

// Difference is one median less another; its interval is as for Ratio.
type Difference struct {
	Unit  string   `json:"unit"`
	Value float64  `json:"value"`
	Lo    *float64 `json:"lo"`
	Hi    *float64 `json:"hi"`
}

func difference(a, b *Summary) *Difference {
	d := &Difference{Unit: a.Unit, Value: a.Center - b.Center}
	if a.Lo != nil && b.Hi != nil {
		d.Lo = new(*a.Lo - *b.Hi)
	}
	if a.Hi != nil && b.Lo != nil {
		d.Hi = new(*a.Hi - *b.Lo)
	}
	return d
}

// String is "25.00 [24.98, 25.02]", all in the unit of the value.
func (d *Difference) String() string {
	text := format(d.Value, d.Unit)
	if d.Lo == nil || d.Hi == nil {
		return text + " [?]"
	}
	scaler := benchunit.CommonScale([]float64{d.Value}, benchunit.ClassOf(d.Unit))
	scaler.Prefix = ""
	return fmt.Sprintf("%s [%s, %s]", text, scaler.Format(*d.Lo), scaler.Format(*d.Hi))
}

// guards compares the ways to hold a file.
func (g *Group) guards() (out []Guard) {
	for _, c := range g.cases("FileRef") {
		cost := g.summary(c, g.costPerReg())
		if cost == nil {
			continue
		}
		none := c
		none.Guard = "none"
		row := Guard{Guard: c.Guard, Prog: c.Prog, N: c.N, Cost: cost}
		if base := g.summary(none, g.costPerReg()); base != nil && c != none {
			row.Extra = difference(cost, base)
			row.Share = row.Extra.Value / cost.Center
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(a, b Guard) int { // guards side by side
		return cmp.Or(compareWords(b.Prog, a.Prog), cmp.Compare(a.N, b.N))
	})
	return out
}

// prices compares the operations on reference counts.
func (g *Group) prices() (out []Price) {
	for _, c := range g.cases("Refcount") {
		cost := g.summary(c, g.costPerReg())
		if cost == nil {
			continue
		}
		none := c
		none.Guard = "none"
		row := Price{Guard: c.Guard, Threads: c.Threads, N: c.N, Cost: cost}
		if base := g.summary(none, g.costPerReg()); base != nil && c != none {
			row.Extra = difference(cost, base)
		}
		out = append(out, row)
	}
	slices.SortStableFunc(out, func(a, b Price) int {
		return cmp.Or(compareWords(a.Threads, b.Threads), cmp.Compare(a.N, b.N))
	})
	return out
}
