// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"
)

// picture is a drawing that can be made of a group.
type picture struct {
	title string
	draw  func() ([]byte, error)
}

// Pictures draws all pictures, SVG by file name.
func (r *Report) Pictures() (map[string][]byte, error) {
	drawn := make(map[string][]byte)
	for name, p := range r.pictures() {
		svg, err := p.draw()
		if err != nil {
			return nil, err
		}
		drawn[name] = svg
	}
	return drawn, nil
}

func (r *Report) pictureNames() map[string]string {
	names := make(map[string]string)
	for name, p := range r.pictures() {
		names[name] = p.title
	}
	return names
}

func (r *Report) pictures() map[string]picture {
	all := make(map[string]picture)
	for i := range r.Groups {
		maps.Copy(all, r.Groups[i].pictures())
	}
	return all
}

func (g *GroupReport) pictures() map[string]picture {
	all := make(map[string]picture)
	add := func(file string, ch *chart) {
		if len(ch.lines) > 0 {
			all[file] = picture{ch.title + ", " + ch.subtitle, ch.svg}
		}
	}
	for _, w := range g.workloads("Dump") {
		add(g.growthPicture(w), g.growthChart(w))
	}
	add(g.resumePicture(), g.resumeChart())
	if h := g.heading(); h != nil {
		add(g.speedupPicture(), h.speedupChart())
	}
	if bars := g.guardBars(); len(bars.bars) > 0 {
		all[g.guardPicture()] = picture{bars.title + ", " + bars.subtitle, bars.svg}
	}
	return all
}

// growthPicture is the file name of the workload's chart.
func (g *GroupReport) growthPicture(w Case) string {
	name := "growth-" + g.Slug + "-" + w.Shape + "-" + w.Kind + w.Further
	return strings.NewReplacer("/", "-", "=", "").Replace(name) + ".svg"
}

func (g *GroupReport) speedupPicture() string { return "speedup-" + g.Slug + ".svg" }
func (g *GroupReport) guardPicture() string   { return "guard-" + g.Slug + ".svg" }
func (g *GroupReport) resumePicture() string  { return "resume-" + g.Slug + ".svg" }

// growthChart shows all methods on one workload, and the floors.
func (g *GroupReport) growthChart(w Case) *chart {
	ch := &chart{
		heads: heads{fmt.Sprintf("What a dump of %s registrations costs", w.workloadText()), g.Title, g.per("dump")},
		yTick: g.tick(),
	}
	for _, growth := range g.Growth {
		c := growth.Case
		if c.workload() != w {
			continue
		}
		name, label := c.Method, c.Method
		if c.Bench == "Floor" {
			name, label = c.Floor, "floor of "+floorText[c.Floor]
		}
		if c.Bench != "Dump" && (c.Bench != "Floor" || c.Floor == "empty") {
			continue
		}
		ch.lines = append(ch.lines, g.line(styleOf(name), label+growth.label(), func(m Case) bool {
			m.N = 0
			return m == c
		}))
	}
	return ch
}

// floorText is the iterator that a floor is of.
var floorText = map[string]string{"count": "taskfile", "epoll-count": "epoll"}

// label is the law, or else the exponent, behind a line's name.
func (g Growth) label() string {
	switch {
	case g.Law.Name != "":
		return ": " + g.Law.Name
	case g.Exponent != nil:
		return fmt.Sprintf(": n^%.2f", g.Exponent.Value)
	}
	return ""
}

// resumeChart shows both ways to resume, the smaller buffers dashed.
func (g *GroupReport) resumeChart() *chart {
	ch := &chart{
		heads: heads{"What a whole iteration in partial reads costs", g.Title, g.per("iteration")},
		yTick: g.tick(),
	}
	var bufs []string
	for _, r := range g.Resumes {
		bufs = appendNew(bufs, r.Buf)
	}
	for _, growth := range g.Growth {
		c := growth.Case
		if c.Bench != "Resume" {
			continue
		}
		sty := styleOf(c.Resume)
		if c.Buf != bufs[len(bufs)-1] {
			sty.dashes = dotted
		}
		label := fmt.Sprintf("%s, %s", c.Resume, bufferText(c.Buf)) + growth.label()
		ch.lines = append(ch.lines, g.line(sty, label, func(m Case) bool {
			m.N = 0
			return m == c
		}))
	}
	return ch
}

// line collects the measurements of a series.
func (g *GroupReport) line(sty style, label string, of func(Case) bool) line {
	l := line{style: sty, label: label}
	for _, m := range g.Measurements {
		if of(m.Case) {
			pt := chartPoint{x: float64(m.Case.N), y: m.Cost.Center, lo: m.Cost.Center, hi: m.Cost.Center}
			if m.Cost.Lo != nil && m.Cost.Hi != nil {
				pt.lo, pt.hi = *m.Cost.Lo, *m.Cost.Hi
			}
			l.points = append(l.points, pt)
		}
	}
	return l
}

// tick labels values of the group's cost: "100µs", "10M".
func (g *GroupReport) tick() func(float64) string {
	return func(v float64) string {
		scaler := benchunit.CommonScale([]float64{v * 1.0000001}, benchunit.Decimal)
		scaler.Prec = 0
		text := scaler.Format(v)
		if g.Clock == "insn" {
			return text
		}
		return text + "s"
	}
}

// speedupChart shows how many times the iterator is faster than each userspace
// method, on the workload of the heading.
func (h *heading) speedupChart() *chart {
	ch := &chart{
		heads: heads{
			fmt.Sprintf("How many times less %s costs than userspace methods", h.iterator),
			h.workload.workloadText() + ", " + h.group.Title,
			"userspace / " + h.iterator,
		},
		yTick:     func(v float64) string { return significantTick(v) + "×" },
		level:     1,
		levelName: "below: the iterator is slower",
	}
	lines := make(map[string]*line)
	for _, s := range h.group.Speedups {
		if s.Workload != h.workload || s.Iterator != h.iterator {
			continue
		}
		if lines[s.Legacy] == nil {
			lines[s.Legacy] = &line{style: styleOf(s.Legacy)}
		}
		pt := chartPoint{float64(s.N), s.Ratio.Value, s.Ratio.Value, s.Ratio.Value}
		if s.Ratio.Lo != nil && s.Ratio.Hi != nil {
			pt.lo, pt.hi = *s.Ratio.Lo, *s.Ratio.Hi
		}
		l := lines[s.Legacy]
		l.points = append(l.points, pt)
		l.label = fmt.Sprintf("%s: %s×", s.Legacy, significant(s.Ratio.Value))
	}
	for _, m := range slices.SortedFunc(maps.Keys(lines), compareWords) {
		ch.lines = append(ch.lines, *lines[m])
	}
	return ch
}

// significantTick is 0.5, 1, 1,000.
func significantTick(v float64) string {
	if v >= 1 {
		return thousands(int(v + 0.5))
	}
	return fmt.Sprintf("%.2g", v)
}
