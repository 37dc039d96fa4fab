// SPDX-License-Identifier: MIT

package results

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/montanaflynn/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// resamples is how often measurements are drawn anew for an interval.
const resamples = 1000

// lawResamples is how many of them the laws compete in.
const lawResamples = 200

// fewestSamples is the least number of measurements of a size that resampling
// is worth anything for.
const fewestSamples = 3

// newRand returns a generator that depends on what it is used for, and on
// nothing else.
func newRand(purpose string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(purpose))
	return rand.New(rand.NewPCG(h.Sum64(), 0))
}

// redraw fills dst with as many values of sample, drawn with replacement, and
// returns their median.
func redraw(rng *rand.Rand, dst, sample []float64) float64 {
	for i := range dst {
		dst[i] = sample[rng.IntN(len(sample))]
	}
	slices.Sort(dst)
	return sortedMedian(dst)
}

func sortedMedian(sorted []float64) float64 {
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// halfWidth returns how far an interval at 95% confidence must reach to either
// side of the estimate, given what resampling made of it. The package comment
// says why it is more than the central 95%. The spread was estimated with
// freedom degrees of freedom, out of samples of size n.
func halfWidth(estimate float64, resampled []float64, n, freedom int) float64 {
	low, high := percentile(resampled, 0.5), percentile(resampled, 99.5)
	student := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(freedom)}.Quantile(0.975)
	normal := distuv.UnitNormal.Quantile(0.975)
	return max(high-estimate, estimate-low) *
		math.Sqrt(float64(n)/float64(n-1)) * student / normal
}

func percentile(values []float64, percent float64) float64 {
	p, err := stats.Percentile(values, percent)
	if err != nil {
		panic(err) // no values, or no percent: an error of this package
	}
	return p
}
