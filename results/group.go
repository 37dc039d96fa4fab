// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// Data is what benchmark files contain, sorted by the conditions of
// measurement.
type Data struct {
	Sources  []Source
	Groups   []*Group
	Warnings []string // "file:line: what is not as it should be"
}

// Group is all results of one lane, kernel and clock.
type Group struct {
	Environment
	NotRun       []NotRun
	NotAvailable []string // why a method or kernel feature was not measured

	values  map[sampleKey][]float64
	samples map[sampleKey]*benchmath.Sample // of values, sorted, made on demand
	units   benchfmt.UnitMetadataMap
}

// sampleKey names the measurements of one case in one unit.
type sampleKey struct {
	Case
	unit string
}

func newGroup(env Environment, units benchfmt.UnitMetadataMap) *Group {
	return &Group{
		Environment: env,
		values:      make(map[sampleKey][]float64),
		samples:     make(map[sampleKey]*benchmath.Sample),
		units:       units,
	}
}

// cost is the unit that dumps are compared in.
func (g *Group) cost() string { return g.clockUnit() + "/op" }

// costPerReg is the same per registration.
func (g *Group) costPerReg() string { return g.clockUnit() + "/reg" }

// clockUnit is the tidied unit of what the clock counts.
func (g *Group) clockUnit() string {
	if g.Clock == "insn" {
		return "insn"
	}
	return "sec"
}

// cases lists the cases of bench that were measured, in order.
func (g *Group) cases(bench string) []Case {
	set := make(map[Case]bool)
	for k := range g.values {
		if k.Bench == bench {
			set[k.Case] = true
		}
	}
	return slices.SortedFunc(maps.Keys(set), Case.Compare)
}

// has reports whether c was measured.
func (g *Group) has(c Case) bool { return g.values[sampleKey{c, g.cost()}] != nil }

// sample returns the measurements of c in unit, ascending, or nil.
func (g *Group) sample(c Case, unit string) *benchmath.Sample {
	key := sampleKey{c, unit}
	values := g.values[key]
	if values == nil {
		return nil
	}
	if g.samples[key] == nil {
		g.samples[key] = benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	}
	return g.samples[key]
}

// costs returns the measured costs of c, ascending, or nil.
func (g *Group) costs(c Case) []float64 {
	if s := g.sample(c, g.cost()); s != nil {
		return s.Values
	}
	return nil
}

// name is how the group is called in text, and slug in file names.
func (g *Group) name() string {
	if g.Clock == "insn" {
		return fmt.Sprintf("%s, Linux %s, instruction counts", g.Lane, g.Kernel)
	}
	return fmt.Sprintf("%s, Linux %s", g.Lane, g.Kernel)
}

// slugs returns a short distinct name for each group.
func slugs(groups []*Group) []string {
	short := func(g *Group) string {
		if g.Clock == "insn" {
			return g.Lane + "-insn"
		}
		return g.Lane
	}
	count := make(map[string]int)
	for _, g := range groups {
		count[short(g)]++
	}
	out := make([]string, len(groups))
	for i, g := range groups {
		out[i] = short(g)
		if count[out[i]] > 1 {
			out[i] += "-" + g.Kernel
		}
	}
	return out
}

// compareGroups puts native before guest, and times before instructions.
func compareGroups(a, b *Group) int {
	return cmp.Or(
		-cmp.Compare(a.Lane, b.Lane),
		-cmp.Compare(a.Clock, b.Clock),
		cmp.Compare(a.Kernel, b.Kernel))
}
