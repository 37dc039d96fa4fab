// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"strings"

	"github.com/montanaflynn/stats"
	"golang.org/x/perf/benchmath"
	"golang.org/x/perf/benchunit"
)

// confidence is of every interval.
const confidence = 0.95

// Summary is the median of measurements and its distribution-free confidence
// interval, exactly as benchstat computes and prints them.
type Summary struct {
	Unit   string  `json:"unit"` // tidied: sec/op, insn/reg, kcmp/op, ...
	Center float64 `json:"center"`
	// Lo and Hi are nil where there are too few samples to bound the median.
	Lo       *float64 `json:"lo"`
	Hi       *float64 `json:"hi"`
	Samples  int      `json:"samples"`
	Text     string   `json:"text"` // "13.40ms ± 2%"
	Warnings []string `json:"warnings,omitempty"`
}

// summary summarizes the measurements of c in unit; nil if there are none.
func (g *Group) summary(c Case, unit string) *Summary {
	sample := g.sample(c, unit)
	if sample == nil {
		return nil
	}
	m := g.units.GetAssumption(unit).Summary(sample, confidence)
	s := &Summary{
		Unit: unit, Center: m.Center, Lo: finite(m.Lo), Hi: finite(m.Hi),
		Samples: len(sample.Values),
		Text:    format(m.Center, unit) + " ± " + m.PctRangeString(),
	}
	for _, w := range m.Warnings {
		s.Warnings = append(s.Warnings, w.Error())
	}
	s.Warnings = append(s.Warnings, wideInterval(m)...)
	s.Warnings = append(s.Warnings, outliers(sample.Values, m.Center)...)
	return s
}

func finite(x float64) *float64 {
	if math.IsInf(x, 0) {
		return nil
	}
	return &x
}

// count writes a median of what is counted, and hardly varies.
func (s *Summary) count() string {
	if s.Center == 0 {
		return "0"
	}
	return format(s.Center, s.Unit)
}

// wideInterval warns when the median is known to no better than a tenth.
func wideInterval(m benchmath.Summary) []string {
	const wide = 0.10
	if math.IsInf(m.Lo, 0) || math.IsInf(m.Hi, 0) || max(m.Hi-m.Center, m.Center-m.Lo) <= wide*m.Center {
		return nil
	}
	return []string{"wide interval: more than ±10%"}
}

// outliers warns of measurements that are out of line. Where nearly all agree
// to the digit, as instruction counts do, the smallest difference is beyond
// every quartile fence: it must matter as well.
func outliers(values []float64, center float64) []string {
	const fewest, matters = 6, 0.05
	if len(values) < fewest {
		return nil
	}
	found, err := stats.QuartileOutliers(values)
	if err != nil {
		return []string{fmt.Sprintf("outliers: %v", err)}
	}
	count := 0
	for _, v := range found.Extreme {
		if math.Abs(v-center) > matters*center {
			count++
		}
	}
	if count == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d of %d samples beyond three interquartile ranges", count, len(values))}
}

// format writes a value as benchstat does, with its unit: seconds as "13.40ms",
// bytes as "1.000KiB", counts and instructions bare, "3.710M".
func format(v float64, unit string) string {
	text := benchunit.Scale(v, benchunit.ClassOf(unit))
	switch {
	case strings.HasPrefix(unit, "sec/"), strings.HasSuffix(unit, "-sec"):
		return text + "s"
	case strings.HasPrefix(unit, "B"):
		return text + "B"
	}
	return text
}
