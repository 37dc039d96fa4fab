// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"slices"

	"github.com/montanaflynn/stats"
)

// Crossover is from which n on an iterator is faster than the fastest
// userspace method.
type Crossover struct {
	Workload Case   `json:"workload"`
	Iterator string `json:"iterator"`
	// Repeated is for one dump of many, Once for a single dump that pays for
	// loading, verifying and attaching as well; nil if that was not measured.
	Repeated *Crossing `json:"repeated"`
	Once     *Crossing `json:"once"`
}

// Crossing is a point between measured sizes, or beyond them.
type Crossing struct {
	// N is the crossing, interpolated on logarithms: 0 if the iterator is
	// faster at every measured size, nil if it is not at the largest.
	N *float64 `json:"n"`
	// Lo and Hi bound the crossing at 95% confidence, 0 and nil as for N.
	Lo *float64 `json:"lo"`
	Hi *float64 `json:"hi"`
	// Smallest and Largest are the measured sizes.
	Smallest int `json:"smallest"`
	Largest  int `json:"largest"`
	// Warnings say what limits the answer.
	Warnings []string `json:"warnings,omitempty"`
}

// String is "240 (180 to 310)", "below 100", "above 10,000".
func (c Crossing) String() string {
	text := c.bound(c.N)
	if lo, hi := c.bound(c.Lo), c.bound(c.Hi); lo != text || hi != text {
		text += " (" + lo + " to " + hi + ")"
	}
	return text
}

func (c Crossing) bound(n *float64) string {
	switch {
	case n == nil:
		return "above " + thousands(c.Largest)
	case *n == 0:
		return "below " + thousands(c.Smallest)
	}
	return significant(*n)
}

// crossovers finds the crossing for every iterator and workload.
func (g *Group) crossovers() (out []Crossover) {
	for _, iterator := range g.iterators() {
		workloads, sizes := g.dumps(func(m string) bool { return m == iterator })
		for _, w := range workloads {
			r := g.newRace(w, iterator, sizes[w])
			if len(r.sizes) == 0 {
				continue
			}
			c := Crossover{Workload: w, Iterator: iterator}
			c.Repeated = r.crossing(false)
			if r.setups[iterator] != nil {
				c.Once = r.crossing(true)
			}
			out = append(out, c)
		}
	}
	return out
}

// race is what a crossing is found from: the measured costs of an iterator and
// of the userspace methods on one workload.
type race struct {
	name     string
	sizes    []int
	iterator string
	legacy   [][]string // by size
	costs    []map[string][]float64
	setups   map[string][]float64
	warnings []string
}

func (g *Group) newRace(w Case, iterator string, sizes []int) *race {
	r := &race{
		name:     g.Lane + g.Kernel + g.Clock + w.dump(0, iterator).String(),
		iterator: iterator,
		setups:   make(map[string][]float64),
	}
	for _, m := range append(slices.Clone(legacyMethods), iterator) {
		r.setups[m] = g.costs(Case{Bench: "Setup", Method: m})
	}
	for _, n := range sizes {
		legacy := g.legacyOf(w, n)
		if len(legacy) == 0 {
			continue
		}
		costs := make(map[string][]float64)
		for _, m := range append(slices.Clone(legacy), iterator) {
			costs[m] = g.costs(w.dump(n, m))
			if len(costs[m]) < fewestSamples {
				r.warnings = appendNew(r.warnings, "too few samples for an interval")
			}
		}
		r.sizes = append(r.sizes, n)
		r.legacy = append(r.legacy, legacy)
		r.costs = append(r.costs, costs)
	}
	return r
}

// crossing computes the crossing and its interval; once is for a single dump.
func (r *race) crossing(once bool) *Crossing {
	c := &Crossing{Smallest: r.sizes[0], Largest: r.sizes[len(r.sizes)-1], Warnings: slices.Clone(r.warnings)}
	at := r.find(once, sortedMedian)
	c.N, c.Lo, c.Hi = finite(at), finite(at), finite(at)
	if len(r.warnings) > 0 {
		return c
	}
	rng := newRand(fmt.Sprint(r.name, once))
	var buffer []float64
	drawn := make([]float64, resamples)
	for i := range drawn {
		drawn[i] = r.find(once, func(values []float64) float64 {
			buffer = slices.Grow(buffer[:0], len(values))[:len(values)]
			return redraw(rng, buffer, values)
		})
	}
	c.Lo, c.Hi = finite(nearestRank(drawn, 2.5)), finite(nearestRank(drawn, 97.5))
	return c
}

// nearestRank is a percentile that never lies between two values, of which one
// may be infinite.
func nearestRank(values []float64, percent float64) float64 {
	p, err := stats.PercentileNearestRank(values, percent)
	if err != nil {
		panic(err) // no values: an error of this package
	}
	return p
}

// find returns the size from which on the iterator is faster at every larger
// size measured: 0 if at all, +Inf if not at the largest.
func (r *race) find(once bool, median func([]float64) float64) float64 {
	setups := make(map[string]float64)
	if once {
		for _, m := range append(slices.Clone(legacyMethods), r.iterator) {
			if s := r.setups[m]; s != nil {
				setups[m] = median(s)
			}
		}
	}
	// How much slower the iterator is, as a logarithm, by size.
	slower := make([]float64, len(r.sizes))
	for i := range r.sizes {
		best := math.Inf(1)
		for _, m := range r.legacy[i] {
			best = min(best, setups[m]+median(r.costs[i][m]))
		}
		slower[i] = math.Log((setups[r.iterator] + median(r.costs[i][r.iterator])) / best)
	}
	last := len(slower) - 1
	for last >= 0 && slower[last] < 0 {
		last--
	}
	switch last {
	case -1:
		return 0
	case len(slower) - 1:
		return math.Inf(1)
	}
	from, to := math.Log(float64(r.sizes[last])), math.Log(float64(r.sizes[last+1]))
	return math.Exp(from + (to-from)*slower[last]/(slower[last]-slower[last+1]))
}

// phrase says where the iterator is faster, after "it is faster".
func (c *Crossing) phrase() string {
	switch text := c.String(); {
	case c.N == nil:
		return "not at the largest size measured, n = " + thousands(c.Largest)
	case *c.N != 0:
		return "from n = " + text + " on"
	case c.Hi != nil && *c.Hi == 0:
		return "at every size measured, from n = " + thousands(c.Smallest) + " on"
	default:
		return "from n " + text + " on"
	}
}
