// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// race prints dumps by two methods, of costs that f gives for each size.
func raceFile(noise float64, merge, taskfile func(n float64) float64, setup float64) string {
	r := &run{rng: newRand("race"), samples: 8, noise: noise}
	r.WriteString(syntheticNativeHead)
	for _, n := range syntheticSizes {
		name := fmt.Sprintf("Dump/shape=moved/kind=eventfd/n=%d/method=", n)
		r.result(name+"merge", n, merge(float64(n)))
		r.result(name+"taskfile", n, taskfile(float64(n)))
	}
	r.result("Setup/method=merge", 0, 1)
	r.result("Setup/method=taskfile", 0, setup)
	r.WriteString("PASS\n")
	return r.String()
}

func linear(constant, slope float64) func(float64) float64 {
	return func(n float64) float64 { return constant + slope*n }
}

func TestCrossoversAreFoundBetweenSizesAndNeverBeyond(t *testing.T) {
	for name, test := range map[string]struct {
		taskfile       func(float64) float64
		setup          float64
		repeated, once float64 // 0: below all sizes, Inf: above
	}{
		"always faster":         {linear(0, 500), 1, 0, 0},
		"never faster":          {linear(0, 2000), 1, math.Inf(1), math.Inf(1)},
		"from 500 on":           {linear(250e3, 500), 1, 500, 500},
		"a single one later":    {linear(250e3, 500), 750e3, 500, 2000},
		"a single one too dear": {linear(0, 500), 1e9, 0, math.Inf(1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := analyze(t, raceFile(0.01, linear(0, 1000), test.taskfile, test.setup))
			c := r.Groups[0].Crossovers[0]
			checkCrossing(t, "repeated", c.Repeated, test.repeated)
			checkCrossing(t, "once", c.Once, test.once)
		})
	}
}

func checkCrossing(t *testing.T, what string, c *Crossing, want float64) {
	t.Helper()
	open := func(bound *float64) float64 {
		if bound == nil {
			return math.Inf(1)
		}
		return *bound
	}
	n, lo, hi := open(c.N), open(c.Lo), open(c.Hi)
	if want == 0 || math.IsInf(want, 0) {
		if n != want || lo != want || hi != want {
			t.Errorf("%s: %v, want %v", what, c, want)
		}
		return
	}
	// Lines are straight on logarithms only if they are powers: interpolating
	// between sizes is that much off.
	if n < 0.85*want || n > 1.15*want || lo > n || hi < n || lo == hi {
		t.Errorf("%s: %v [%v, %v], want about %v", what, n, lo, hi, want)
	}
}

func TestACrossingThatNoiseDecidesHasAnIntervalThatSaysSo(t *testing.T) {
	// At n=100, 1% apart with 5% noise.
	r := analyze(t, raceFile(0.05, linear(0, 1000), linear(49e3, 500), 1))
	c := r.Groups[0].Crossovers[0].Repeated
	if c.Lo == nil || *c.Lo != 0 || c.Hi == nil || *c.Hi <= 100 {
		t.Errorf("crossing %v: the interval should reach from below 100 to above it", c)
	}
}

func TestWhereUserspaceIsFasterTheReportSaysSo(t *testing.T) {
	r := analyze(t, raceFile(0.01, linear(0, 400), linear(0, 500), 1))
	text := r.Markdown()
	for _, want := range []string{
		"taskfile is not shown to be faster in 5 of 5 comparisons of repeated dumps: merge at moved eventfd, n = 100: 0.",
		"not at the largest size measured, n = 10,000",
		"| above 10,000 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the report does not say %q", want)
		}
	}
	if !strings.Contains(r.Headline[1], "not at the largest size measured") {
		t.Errorf("the headline hides it: %s", r.Headline[1])
	}
}

func TestNoDifferenceIsShownWhereIntervalsOverlap(t *testing.T) {
	r := analyze(t, raceFile(0.05, linear(0, 500), linear(0, 500), 1))
	for _, s := range r.Groups[0].Speedups {
		if s.helps() {
			t.Errorf("equal costs: %v", s.text())
		}
	}
	if !strings.Contains(r.Markdown(), "| ≈ **") {
		t.Error("the table does not mark that no difference is shown")
	}
}

func TestRatiosContainTheTruth(t *testing.T) {
	r := analyze(t, raceFile(0.02, linear(0, 5000), linear(0, 500), 1))
	for _, s := range r.Groups[0].Speedups {
		if s.Ratio.Lo == nil || *s.Ratio.Lo > 10 || *s.Ratio.Hi < 10 || *s.Ratio.Hi/(*s.Ratio.Lo) > 1.2 {
			t.Errorf("%v, want 10", s.text())
		}
	}
}

func TestTheGuardsCostIsTheDifferenceToNone(t *testing.T) {
	g := analyze(t, syntheticGuest()).Groups[0]
	want := map[string]float64{"peek": 4, "fget": 23, "rcu": 25}
	for _, row := range g.Guards {
		if row.Guard == "none" {
			if row.Extra != nil {
				t.Errorf("none costs more than none: %v", row.Extra)
			}
			continue
		}
		if math.Abs(row.Extra.Value-want[row.Guard]) > 0.5 {
			t.Errorf("%s, %s, n=%d: %v, want %v", row.Guard, row.Prog, row.N, row.Extra, want[row.Guard])
		}
		if share := row.Extra.Value / row.Cost.Center; share != row.Share {
			t.Errorf("share %v, want %v", row.Share, share)
		}
	}
	if len(g.Guards) != 16 {
		t.Errorf("%d guards, want 16", len(g.Guards))
	}
}

func TestResumingByTFDIsSeenToBeQuadraticAndByKeyNot(t *testing.T) {
	g := analyze(t, syntheticGuest()).Groups[0]
	if len(g.Resumes) != 6 || g.Resumes[2].Ratio == nil || g.Resumes[2].Ratio.Value < 30 {
		t.Errorf("resumes: %+v", g.Resumes)
	}
	tfd := g.growth(Case{Bench: "Resume", Resume: "tfd", Buf: "4096"})
	key := g.growth(Case{Bench: "Resume", Resume: "key", Buf: "4096"})
	if tfd.Law.Name != "n²" || key.Law.Name != "n" {
		t.Errorf("tfd %v, key %v", tfd.Law, key.Law)
	}
}

func TestFewSamplesGiveNoIntervalButAWarning(t *testing.T) {
	r := &run{rng: newRand(""), samples: 5, noise: 0.02}
	r.WriteString(syntheticNativeHead)
	r.dumps("moved", "eventfd", false)
	r.WriteString("PASS\n")
	report := analyze(t, r.String())
	m := report.Groups[0].Measurements[0].Cost
	if m.Lo != nil || len(m.Warnings) == 0 || !strings.Contains(m.Warnings[0], "need >= 6 samples") {
		t.Errorf("5 samples: %+v", m)
	}
	if s := report.Groups[0].Speedups[0]; s.Ratio.Lo != nil || s.helps() {
		t.Errorf("5 samples: %v", s.text())
	}
	if !strings.Contains(report.Markdown(), "¹ need >= 6 samples") {
		t.Error("the report does not print the warning at the table")
	}
}

func TestOutliersAndWideIntervalsAreWarnedOf(t *testing.T) {
	if w := outliers([]float64{10, 10.1, 10.2, 10.1, 10, 30}, 10.1); len(w) != 1 || !strings.HasPrefix(w[0], "1 of 6 samples") {
		t.Errorf("one outlier: %q", w)
	}
	if w := outliers([]float64{1000, 1000, 1000, 1000, 1000, 1001}, 1000); w != nil {
		t.Errorf("one instruction more: %q", w)
	}
	report := analyze(t, raceFile(0.3, linear(0, 500), linear(0, 500), 1))
	if !strings.Contains(report.Markdown(), "wide interval: more than ±10%") {
		t.Error("30% noise, and no warning")
	}
}
