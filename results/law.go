// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// laws are the candidates, from the slowest growing on.
var laws = []struct {
	name string
	f    func(n float64) float64
	// overLinear tells that a linear part is lost beside the law before long.
	overLinear bool
}{
	{"n", func(n float64) float64 { return n }, false},
	{"n log n", func(n float64) float64 { return n * math.Log(n) }, false},
	{"n²", func(n float64) float64 { return n * n }, true},
	{"n² log n", func(n float64) float64 { return n * n * math.Log(n) }, true},
	{"n³", func(n float64) float64 { return n * n * n }, true},
}

// Law is which law a cost follows, and how sure that is.
type Law struct {
	// Verdict is the law, or why none can be named.
	Verdict string `json:"verdict"`
	// Name is the law if it is sure enough, otherwise "".
	Name string `json:"name,omitempty"`
	// Share is of the resamples, those in which Name, or else the first of
	// Possible, fits best.
	Share float64 `json:"share,omitempty"`
	// Possible are the laws that fit best in at least one of twenty resamples,
	// the likeliest first.
	Possible []string `json:"possible,omitempty"`
	// Misfit is the standard error of the relative distances between the
	// medians and the law that fits them best.
	Misfit float64 `json:"misfit"`

	best int // index into laws
}

const (
	// sureShare is of the resamples that a law has to win to be named, and
	// possibleShare to be mentioned.
	sureShare     = 0.95
	possibleShare = 0.05

	fewestSizes  = 3
	smallestSpan = 10

	verdictFewSizes  = "cannot tell: too few sizes"
	verdictSmallSpan = "cannot tell: sizes too close"
	verdictSamples   = "cannot tell: too few samples"
)

// bestLaw finds the law that fits the medians best. The verdict is left to
// decide, unless the sizes allow none.
func bestLaw(sizes []int, medians []float64) Law {
	if len(sizes) < fewestSizes {
		return Law{Verdict: verdictFewSizes}
	}
	best := fitLaws(sizes, medians)[0]
	l := Law{Misfit: best.misfit, best: best.law}
	if sizes[len(sizes)-1] < smallestSpan*sizes[0] {
		l.Verdict = verdictSmallSpan
	}
	return l
}

// decide sets the verdict, given which law won each resample.
func (l *Law) decide(winners []int) {
	if l.Verdict != "" {
		return
	}
	if winners == nil {
		l.Verdict = verdictSamples
		return
	}
	wins := make([]float64, len(laws))
	for _, w := range winners {
		wins[w] += 1 / float64(len(winners))
	}
	order := []int{0, 1, 2, 3, 4}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(wins[b], wins[a]) })
	for _, i := range order {
		if wins[i] >= possibleShare {
			l.Possible = append(l.Possible, laws[i].name)
		}
	}
	l.Share = wins[order[0]]
	if l.Share >= sureShare && order[0] == l.best {
		l.Name = laws[l.best].name
		l.Verdict = l.Name
		return
	}
	const named = 2
	l.Verdict = "cannot tell: " + strings.Join(l.Possible[:min(named, len(l.Possible))], " or ")
	if len(l.Possible) > named {
		l.Verdict += ", ..."
	}
}

// String is the verdict with its certainty, "n log n (99%)".
func (l Law) String() string {
	if l.Share == 0 {
		return l.Verdict
	}
	return fmt.Sprintf("%s (%.0f%%)", l.Verdict, math.Floor(100*l.Share))
}

// lawFit is a law fitted to costs.
type lawFit struct {
	law    int       // index into laws
	fitted []float64 // at each size
	misfit float64   // standard error of fitted/cost, so that a must earn its place
}

// fitLaws fits every law and returns them, the best first.
func fitLaws(sizes []int, costs []float64) []lawFit {
	fits := make([]lawFit, len(laws))
	for i := range laws {
		fits[i] = fitLaw(i, sizes, costs)
	}
	slices.SortStableFunc(fits, func(a, b lawFit) int { return cmp.Compare(a.misfit, b.misfit) })
	return fits
}

// fitLaw fits cost = b·law(n), cost = a + b·law(n) and, for laws from n² on,
// cost = a·n + b·law(n), with a >= 0, and returns the best of these. A linear
// part must be the smaller one at the largest size: what dominates there is
// the law.
func fitLaw(law int, sizes []int, costs []float64) lawFit {
	var (
		k       = len(sizes)
		x       = make([]float64, k)
		ones    = make([]float64, k)
		n       = make([]float64, k)
		weights = make([]float64, k)
	)
	for i := range sizes {
		n[i], ones[i] = float64(sizes[i]), 1
		x[i] = laws[law].f(n[i])
		weights[i] = 1 / (costs[i] * costs[i]) // errors are relative
	}
	_, b := stat.LinearRegression(x, costs, weights, true)
	fit := newLawFit(law, ones, 0, x, b, costs)
	consider := func(base []float64, a, b float64) {
		if a <= 0 || b <= 0 {
			return
		}
		if with := newLawFit(law, base, a, x, b, costs); with.misfit < fit.misfit {
			fit = with
		}
	}
	a, b := weightedLine(ones, x, costs, weights)
	consider(ones, a, b)
	if laws[law].overLinear {
		if a, b := weightedLine(n, x, costs, weights); a*n[k-1] < b*x[k-1] {
			consider(n, a, b)
		}
	}
	return fit
}

// weightedLine fits costs = a·base + b·x by weighted least squares: divided by
// the base it is a line.
func weightedLine(base, x, costs, weights []float64) (a, b float64) {
	k := len(x)
	slopes, heights, scaled := make([]float64, k), make([]float64, k), make([]float64, k)
	var sum float64
	for i := range x {
		slopes[i], heights[i] = x[i]/base[i], costs[i]/base[i]
		scaled[i] = weights[i] * base[i] * base[i]
		sum += scaled[i]
	}
	for i := range scaled {
		scaled[i] *= float64(k) / sum // gonum divides by their sum less one
	}
	return stat.LinearRegression(slopes, heights, scaled, false)
}

// newLawFit returns a·base + b·x as a fit.
func newLawFit(law int, base []float64, a float64, x []float64, b float64, costs []float64) lawFit {
	fit := lawFit{law: law, fitted: make([]float64, len(x))}
	var squares float64
	for i := range x {
		fit.fitted[i] = a*base[i] + b*x[i]
		squares += math.Pow(fit.fitted[i]/costs[i]-1, 2)
	}
	freedom := len(x) - 1
	if a != 0 {
		freedom--
	}
	fit.misfit = math.Sqrt(squares / float64(freedom))
	return fit
}
