// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// grids are the sizes that suites are run with.
var grids = [][]int{
	{100, 1000, 10000},
	{1000, 10000, 100000},
	{100, 300, 1000, 3000, 10000},
	{1000, 3000, 10000, 30000, 100000},
}

// noises are of 2%, by name.
var noises = map[string]func(*rand.Rand) float64{
	"normal": func(rng *rand.Rand) float64 { return 0.02 * rng.NormFloat64() },
	// Of the same deviation, but to one side, as interruptions are.
	"skewed": func(rng *rand.Rand) float64 { return 0.02 * (rng.ExpFloat64() - math.Ln2) },
}

// synthetic draws measurements of f(n).
func synthetic(rng *rand.Rand, f func(n float64) float64, sizes []int, samples int, noise func(*rand.Rand) float64) []point {
	points := make([]point, len(sizes))
	for i, n := range sizes {
		points[i].n = n
		for range samples {
			v := f(float64(n)) * (1 + noise(rng))
			points[i].values = append(points[i].values, v)
		}
		slices.Sort(points[i].values)
	}
	return points
}

// trueSlope is the exponent as the package comment defines it.
func trueSlope(law int, sizes []int) float64 {
	y := make([]float64, len(sizes))
	for i, n := range sizes {
		y[i] = laws[law].f(float64(n))
	}
	return slope(sizes, y)
}

// TestKnownLawsAreNamedAndTheirExponentsCovered is the calibration: of 100
// draws with 2% noise at least 95 must be right, in each combination.
func TestKnownLawsAreNamedAndTheirExponentsCovered(t *testing.T) {
	if testing.Short() {
		t.Skip("short run: the calibration takes long in a guest")
	}
	for _, test := range []struct {
		noise   string
		samples int
		grids   [][]int
	}{
		{"normal", 3, grids[1:3]},
		{"normal", 6, grids},
		{"normal", 10, grids[:1]},
		{"skewed", 6, grids[:2]},
		{"normal", 1, grids[2:3]}, // the intervals then rest on the law
	} {
		for _, sizes := range test.grids {
			t.Run(fmt.Sprintf("%s/samples=%d/%v", test.noise, test.samples, sizes), func(t *testing.T) {
				t.Parallel()
				for law := range laws {
					testCoverage(t, law, sizes, test.samples, noises[test.noise])
				}
			})
		}
	}
}

func testCoverage(t *testing.T, law int, sizes []int, samples int, noise func(*rand.Rand) float64) {
	const draws, want = 100, 95
	rng := newRand(t.Name() + laws[law].name)
	truth := trueSlope(law, sizes)
	named, covered := 0, 0
	for draw := range draws {
		g := growthOf(fmt.Sprint(draw), synthetic(rng, laws[law].f, sizes, samples, noise))
		if g.Law.Name == laws[law].name {
			named++
		}
		if g.Exponent.HalfWidth != nil && math.Abs(g.Exponent.Value-truth) <= *g.Exponent.HalfWidth {
			covered++
		}
	}
	t.Logf("%s: named in %d, exponent covered in %d of %d", laws[law].name, named, covered, draws)
	if named < want || covered < want {
		t.Errorf("%s: named in %d, exponent covered in %d of %d", laws[law].name, named, covered, draws)
	}
}

func TestALawIsNamedThroughAConstant(t *testing.T) {
	for law := range laws {
		rng := newRand(laws[law].name)
		constant := 3 * laws[law].f(100) // three quarters of the cost at n=100
		f := func(n float64) float64 { return constant + laws[law].f(n) }
		g := growthOf("", synthetic(rng, f, grids[2], 6, noises["normal"]))
		if g.Law.Name != laws[law].name {
			t.Errorf("%s with a constant: %v", laws[law].name, g.Law)
		}
	}
}

func TestAQuadraticLawIsNamedThroughALinearPart(t *testing.T) {
	for law := 2; law < len(laws); law++ {
		rng := newRand(laws[law].name)
		linear := laws[law].f(1000) / 1000 // as large at n=1000
		f := func(n float64) float64 { return linear*n + laws[law].f(n) }
		g := growthOf("", synthetic(rng, f, grids[2], 6, noises["normal"]))
		if g.Law.Name != laws[law].name {
			t.Errorf("%s with a linear part: %v", laws[law].name, g.Law)
		}
	}
}

func TestTooLittleToTellIsSaid(t *testing.T) {
	for name, test := range map[string]struct {
		sizes   []int
		samples int
		want    string
		bare    bool // no interval either
	}{
		"one size":                    {[]int{100}, 6, verdictFewSizes, true},
		"two sizes":                   {[]int{100, 10000}, 6, verdictFewSizes, false},
		"two sizes, two samples":      {[]int{100, 10000}, 2, verdictFewSizes, true},
		"sizes within a factor of 5":  {[]int{100, 200, 500}, 6, verdictSmallSpan, false},
		"three sizes, single samples": {[]int{100, 1000, 10000}, 1, verdictSamples, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := growthOf(name, synthetic(newRand(name), laws[0].f, test.sizes, test.samples, noises["normal"]))
			if g.Law.Verdict != test.want || g.Law.Name != "" {
				t.Errorf("law: %+v, want %q", g.Law, test.want)
			}
			if bare := g.Exponent == nil || g.Exponent.HalfWidth == nil; bare != test.bare {
				t.Errorf("exponent without interval: %t, want %t", bare, test.bare)
			}
		})
	}
}

// A curve that bends as caches make it bend lies between the laws.
func TestABentCurveIsNotForcedIntoALaw(t *testing.T) {
	f := func(n float64) float64 { return n * math.Pow(n, 0.07) }
	g := growthOf("", synthetic(newRand(""), f, grids[0], 10, noises["normal"]))
	if g.Law.Name != "" || len(g.Law.Possible) < 2 {
		t.Errorf("n^1.07 over %v: %+v", grids[0], g.Law)
	}
}

func TestOfNoisyMeasurementsNoLawIsNamed(t *testing.T) {
	noise := func(rng *rand.Rand) float64 { return 0.6 * rng.Float64() }
	wrong := 0
	for draw := range 100 {
		rng := newRand(fmt.Sprint(draw))
		if g := growthOf("", synthetic(rng, laws[0].f, grids[0], 3, noise)); g.Law.Name != "" && g.Law.Name != "n" {
			wrong++
		}
	}
	if wrong > 5 {
		t.Errorf("a wrong law was named in %d of 100 draws", wrong)
	}
}

func TestPrintedIntervalsAreNeverShorterThanComputed(t *testing.T) {
	for width, want := range map[float64]string{0.0001: "1.00 ± 0.01", 0.02: "1.00 ± 0.02", 0.0201: "1.00 ± 0.03"} {
		if got := (Exponent{Value: 1, HalfWidth: &width}).String(); got != want {
			t.Errorf("half width %v: %s, want %s", width, got, want)
		}
	}
}
