// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"slices"

	"github.com/montanaflynn/stats"
)

// Growth is how a cost grows with n.
type Growth struct {
	// Case is what was measured; its N is 0.
	Case  Case  `json:"case"`
	Sizes []int `json:"sizes"`
	// Exponent is nil when there are fewer than two sizes.
	Exponent *Exponent `json:"exponent"`
	// Local are the exponents between neighbouring sizes.
	Local    []LocalExponent `json:"local,omitempty"`
	Law      Law             `json:"law"`
	Warnings []string        `json:"warnings,omitempty"`
}

// Exponent is b in cost ~ n^b, fitted on logarithms.
type Exponent struct {
	Value float64 `json:"value"`
	// HalfWidth is how far the 95% interval reaches to either side; nil when
	// there is too little to resample.
	HalfWidth *float64 `json:"half_width"`
}

// LocalExponent is the exponent from one size to the next.
type LocalExponent struct {
	From int `json:"from"`
	To   int `json:"to"`
	Exponent
}

// String is "1.02 ± 0.01".
func (e Exponent) String() string {
	if e.HalfWidth == nil {
		return fmt.Sprintf("%.2f", e.Value)
	}
	return fmt.Sprintf("%.2f ± %.2f", e.Value, ceilTo(*e.HalfWidth, 2))
}

// ceilTo rounds up, so that a printed interval never is shorter than the
// computed one, nor of width zero.
func ceilTo(x float64, digits int) float64 {
	scale := math.Pow(10, float64(digits))
	return math.Ceil(x*scale-1e-9) / scale
}

// point is the measurements of one size.
type point struct {
	n      int
	values []float64 // ascending
}

// growthOf analyzes the points, ascending in n, of the series named name.
func growthOf(name string, points []point) Growth {
	var g Growth
	for _, p := range points {
		g.Sizes = append(g.Sizes, p.n)
	}
	if len(points) < 2 {
		g.Law.Verdict = verdictFewSizes
		return g
	}
	medians := make([]float64, len(points))
	for i, p := range points {
		medians[i] = sortedMedian(p.values)
	}
	g.Law = bestLaw(g.Sizes, medians)

	g.Exponent = &Exponent{Value: slope(g.Sizes, medians)}
	for i := range len(points) - 1 {
		g.Local = append(g.Local, LocalExponent{
			From: g.Sizes[i], To: g.Sizes[i+1],
			Exponent: Exponent{Value: slope(g.Sizes[i:i+2], medians[i:i+2])},
		})
	}
	g.resample(name, points, medians)
	if misfit := g.Law.Misfit; misfit > 0.1 {
		g.Warnings = append(g.Warnings, fmt.Sprintf("no law fits well: the best misses the medians by %.0f%%", 100*misfit))
	}
	return g
}

// resample sets the intervals of the exponents and the certainty of the law.
func (g *Growth) resample(name string, points []point, medians []float64) {
	pools, freedom := g.pools(points, medians)
	if pools == nil {
		g.Law.decide(nil)
		g.Warnings = append(g.Warnings, "too few samples for an interval")
		return
	}
	var (
		rng     = newRand(name)
		whole   = make([]float64, resamples)
		local   = make([][]float64, len(g.Local))
		winners []int
		drawn   = make([]float64, len(points))
		buffer  []float64
	)
	for i := range local {
		local[i] = make([]float64, resamples)
	}
	for r := range resamples {
		for i, p := range points {
			buffer = slices.Grow(buffer[:0], len(p.values))[:len(p.values)]
			drawn[i] = redraw(rng, buffer, pools[i])
		}
		whole[r] = slope(g.Sizes, drawn)
		for i := range local {
			local[i][r] = slope(g.Sizes[i:i+2], drawn[i:i+2])
		}
		if r < lawResamples {
			for i := range drawn {
				drawn[i] *= math.Exp(g.Law.Misfit * rng.NormFloat64())
			}
			winners = append(winners, fitLaws(g.Sizes, drawn)[0].law)
		}
	}
	fewest := len(pools[0])
	for _, pool := range pools {
		fewest = min(fewest, len(pool))
	}
	g.Exponent.HalfWidth = new(halfWidth(g.Exponent.Value, whole, fewest, freedom))
	for i := range local {
		g.Local[i].HalfWidth = new(halfWidth(g.Local[i].Value, local[i], fewest, freedom))
	}
	g.Law.decide(winners)
}

// pools returns what to redraw the measurements of each size from, and the
// degrees of freedom in it: from the measurements themselves, or, where there
// are too few, from the best law moved by how far all measurements lie from it.
// It returns nil if that is too little as well.
func (g *Growth) pools(points []point, medians []float64) ([][]float64, int) {
	pools := make([][]float64, len(points))
	fewest, total := math.MaxInt, 0
	for i, p := range points {
		pools[i] = p.values
		fewest = min(fewest, len(p.values))
		total += len(p.values)
	}
	if fewest >= fewestSamples {
		return pools, total - len(points)
	}
	const parameters = 2
	if total < parameters+fewestSamples {
		return nil, 0
	}
	fitted := fitLaws(g.Sizes, medians)[0].fitted
	var deviations []float64
	for i, p := range points {
		for _, v := range p.values {
			deviations = append(deviations, v/fitted[i])
		}
	}
	for i := range pools {
		pools[i] = make([]float64, len(deviations))
		for j, d := range deviations {
			pools[i][j] = medians[i] * d
		}
	}
	g.Warnings = append(g.Warnings, "few samples: the interval rests on the scatter about the best law")
	return pools, total - parameters
}

// slope is the least-squares slope of log(y) against log(n).
func slope(sizes []int, y []float64) float64 {
	series := make(stats.Series, len(sizes))
	for i, n := range sizes {
		series[i] = stats.Coordinate{X: math.Log(float64(n)), Y: math.Log(y[i])}
	}
	line, err := stats.LinearRegression(series)
	if err != nil {
		panic(err) // sizes are distinct, and there are two at least
	}
	first, last := line[0], line[len(line)-1]
	return (last.Y - first.Y) / (last.X - first.X)
}

// growths analyzes every series of the bench that grows with n.
func (g *Group) growths(bench string) []Growth {
	series := make(map[Case][]point)
	for _, c := range g.cases(bench) { // ascending in n
		of := c
		of.N = 0
		series[of] = append(series[of], point{c.N, g.costs(c)})
	}
	var out []Growth
	for c, points := range series {
		growth := growthOf(g.Lane+g.Kernel+g.Clock+c.String(), points)
		growth.Case = c
		out = append(out, growth)
	}
	slices.SortFunc(out, func(a, b Growth) int { return a.Case.Compare(b.Case) })
	return out
}
