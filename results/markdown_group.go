// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"slices"
	"strings"
)

// markdown writes the sections of one group; those without data are left out,
// and listed once for all groups.
func (g *GroupReport) markdown(d *document) {
	d.heading(2, strings.ToUpper(g.Title[:1])+g.Title[1:])
	g.dumpSection(d)
	g.likenessSection(d, "Real", "The real programs", "Servers from their Debian packages, each with n "+
		"connections open, stopped while they are dumped. No ground truth is known of them: all methods gave the "+
		"same answer.")
	g.likenessSection(d, "Profile", "Profiles of programs", "Imitations with the mix of kinds, events, epoll "+
		"instances, processes and unregistered descriptors that a program has at n connections.")
	g.scaleSection(d)
	g.growthSection(d)
	g.speedupSection(d)
	g.noHelpSection(d)
	g.crossoverSection(d)
	g.floorSection(d)
	g.workSection(d)
	g.setupSection(d)
	g.guardSection(d)
	g.priceSection(d)
	g.resumeSection(d)
	g.notRunSection(d)
}

// per is what costs are of: "time per dump".
func (g *GroupReport) per(what string) string {
	if g.Clock == "insn" {
		return "instructions per " + what
	}
	return "time per " + what
}

// of lists the measurements of bench.
func (g *GroupReport) of(bench string) (out []Measurement) {
	for _, m := range g.Measurements {
		if m.Case.Bench == bench {
			out = append(out, m)
		}
	}
	return out
}

// local writes exponents between neighbouring sizes.
func local(g Growth) string {
	var out []string
	for _, l := range g.Local {
		out = append(out, fmt.Sprintf("%.2f", l.Value))
	}
	return strings.Join(out, ", ")
}

// growthTable is of the series for which name is not empty.
func (g *GroupReport) growthTable(name func(Case) string) *table {
	t := newTable(1, "", "sizes", "exponent", "between neighbours", "best law")
	for _, growth := range g.Growth {
		series := name(growth.Case)
		if series == "" || len(growth.Sizes) < 2 {
			continue
		}
		sizes := make([]string, len(growth.Sizes))
		for i, n := range growth.Sizes {
			sizes[i] = thousands(n)
		}
		exponent := "–"
		if growth.Exponent != nil {
			exponent = growth.Exponent.String()
		}
		t.row(series, strings.Join(sizes, " "), t.mark(exponent, growth.Warnings), local(growth), growth.Law.String())
	}
	return t
}

// seriesText names a series for people.
func (c Case) seriesText() string {
	var words []string
	switch {
	case c.isDump():
		return c.workloadText() + ", " + c.Method
	case c.Bench == "Floor":
		return c.workloadText() + ", floor " + c.Floor
	}
	for _, a := range c.axes() {
		switch {
		case a.name == "buf" && *a.value != "":
			words = append(words, bufferText(*a.value))
		case *a.value != "":
			words = append(words, *a.value)
		}
	}
	if c.Method != "" {
		words = append(words, c.Method)
	}
	return strings.Join(append([]string{c.Bench}, words...), ", ")
}

func (g *GroupReport) growthSection(d *document) {
	t := g.growthTable(func(c Case) string {
		if c.Bench == "FileRef" || c.Bench == "Refcount" {
			return "" // measured for what they cost, not for how they grow
		}
		return c.seriesText()
	})
	if len(t.rows) == 0 {
		return
	}
	d.heading(3, "Growth")
	d.text("The exponent b of cost ~ n^b over all sizes, and from each size to the next. The law is the one of " +
		"n, n log n, n², n² log n and n³ that, with a constant added, fits best, and the share of resamples in " +
		"which it does. For laws with a logarithm the exponent is the slope over these sizes: 1.15 for n log n " +
		"from 100 to 10,000.")
	d.table(t)
}

func (g *GroupReport) speedupSection(d *document) {
	if len(g.Speedups) == 0 {
		return
	}
	d.heading(3, "What the iterators save")
	d.text("Cost of the userspace method over that of the iterator, on the same workload in the same run. Bold is " +
		"the fastest userspace method there; ≈ marks intervals that contain 1: no difference is shown.")
	d.picture(g.speedupPicture())
	for _, iterator := range g.iterators() {
		t := g.speedupTable(iterator)
		d.table(t)
	}
}

// iterators lists those that are compared.
func (g *GroupReport) iterators() (out []string) {
	for _, s := range g.Speedups {
		out = appendNew(out, s.Iterator)
	}
	return out
}

func (g *GroupReport) speedupTable(iterator string) *table {
	var legacy []string
	rows := make(map[Case]map[string]Speedup)
	var order []Case
	for _, s := range g.Speedups {
		if s.Iterator != iterator {
			continue
		}
		legacy = appendNew(legacy, s.Legacy)
		c := s.Workload.dump(s.N, iterator)
		if rows[c] == nil {
			rows[c] = make(map[string]Speedup)
			order = append(order, c)
		}
		rows[c][s.Legacy] = s
	}
	slices.SortFunc(legacy, compareWords)
	head := []string{"", "n"}
	for _, m := range legacy {
		head = append(head, m+" / "+iterator)
	}
	t := newTable(1, head...)
	for _, c := range order {
		row := []string{c.workloadText(), thousands(c.N)}
		for _, m := range legacy {
			row = append(row, speedupCell(rows[c], m))
		}
		t.row(row...)
	}
	return t
}

func speedupCell(row map[string]Speedup, legacy string) string {
	s, ok := row[legacy]
	if !ok {
		return "–"
	}
	text := s.Ratio.String()
	if s.BestLegacy {
		text = "**" + text + "**"
	}
	if !s.Ratio.above(1) && !s.Ratio.below(1) {
		text = "≈ " + text
	}
	return text
}

// noHelpSection says where an iterator is not, or hardly, faster.
func (g *GroupReport) noHelpSection(d *document) {
	if len(g.Speedups) == 0 {
		return
	}
	d.heading(3, "Where the iterators do not help")
	for _, s := range slices.Concat(g.noHelp(), g.onceTooSmall()) {
		d.line("- %s", s)
	}
	d.line("")
}

// noHelp lists, per iterator, the comparisons that it does not win, or the
// closest that it does.
func (g *GroupReport) noHelp() (out []string) {
	const hardly = 2
	for _, iterator := range g.iterators() {
		var lost, close []string
		var nearest Speedup
		count := 0
		for _, s := range g.Speedups {
			if s.Iterator != iterator {
				continue
			}
			count++
			if nearest.Iterator == "" || s.Ratio.Value < nearest.Ratio.Value {
				nearest = s
			}
			text := s.text()
			switch {
			case !s.helps():
				lost = append(lost, text)
			case s.Ratio.Value < hardly:
				close = append(close, text)
			}
		}
		if len(lost) == 0 {
			out = append(out, fmt.Sprintf("%s is shown to be faster in all %d comparisons of repeated dumps; the closest is %s.", iterator, count, nearest.text()))
		} else {
			out = append(out, fmt.Sprintf("%s is not shown to be faster in %d of %d comparisons of repeated dumps: %s.", iterator, len(lost), count, strings.Join(lost, "; ")))
		}
		if len(close) > 0 {
			out = append(out, fmt.Sprintf("%s is faster by less than twice at: %s.", iterator, strings.Join(close, "; ")))
		}
	}
	return out
}

// text is "merge at moved eventfd, n = 100: 0.92× [0.90, 0.94]".
func (s Speedup) text() string {
	return fmt.Sprintf("%s at %s, n = %s: %v", s.Legacy, s.Workload.workloadText(), thousands(s.N), s.Ratio)
}

// onceTooSmall lists the workloads whose single dumps do not repay loading BPF
// at every size.
func (g *GroupReport) onceTooSmall() (out []string) {
	for _, c := range g.Crossovers {
		if c.Once == nil || c.Once.N != nil && *c.Once.N == 0 {
			continue
		}
		out = append(out, fmt.Sprintf("For a single dump of %s registrations, loading included, %s is faster %s.",
			c.Workload.workloadText(), c.Iterator, c.Once.phrase()))
	}
	return out
}

func (g *GroupReport) crossoverSection(d *document) {
	if len(g.Crossovers) == 0 {
		return
	}
	d.heading(3, "From which size on an iterator is faster")
	d.text("Than the fastest userspace method at each size: for repeated dumps, and for a single one that pays " +
		"for loading, verifying and attaching BPF as well. Between measured sizes the crossing is interpolated; " +
		"beyond them nothing is claimed. In parentheses, the 95%% interval.")
	d.table(g.crossoverTable())
}

func (g *GroupReport) crossoverTable() *table {
	t := newTable(2, "", "iterator", "repeated dumps", "single dump")
	for _, c := range g.Crossovers {
		once := "–"
		if c.Once != nil {
			once = t.mark(c.Once.String(), c.Once.Warnings)
		}
		t.row(c.Workload.workloadText(), c.Iterator, t.mark(c.Repeated.String(), c.Repeated.Warnings), once)
	}
	return t
}

func (g *GroupReport) floorSection(d *document) {
	if len(g.Overheads) == 0 {
		return
	}
	d.heading(3, "Distance from the floor")
	d.text("The floor is the same kernel iteration with a BPF program that only counts; below it, for " +
		"orientation, the task_file iteration with an empty program.")
	t := newTable(1, "", "n", "iterator", "floor", "dump / floor", "empty iteration")
	for _, o := range g.Overheads {
		t.row(o.Workload.workloadText(), thousands(o.N), o.Iterator, t.summary(o.Floor), o.Ratio.String(), t.summary(o.Empty))
	}
	d.table(t)
}

// workSection shows what methods do, not what it costs.
func (g *GroupReport) workSection(d *document) {
	h := g.heading()
	if h == nil {
		return
	}
	t := newTable(1, "method", "kcmp calls", "other system calls", "read")
	for _, m := range g.of("Dump") {
		if m.Case.workload() == h.workload && m.Case.N == h.n && m.Kcmp != nil && m.Syscalls != nil && m.BytesRead != nil {
			t.row(m.Case.Method, m.Kcmp.count(), m.Syscalls.count(), m.BytesRead.count())
		}
	}
	if len(t.rows) == 0 {
		return
	}
	d.heading(3, "What a dump does")
	d.text("Calls and bytes of one dump of %s %s registrations:", thousands(h.n), h.workload.workloadText())
	d.table(t)
}

func (g *GroupReport) setupSection(d *document) {
	t := newTable(1, "", "n", g.per("operation"))
	for _, bench := range []string{"Setup", "Fdinfo", "Kcmp"} {
		for _, m := range g.of(bench) {
			name := map[string]string{
				"Setup":  "make " + m.Case.Method + " ready (load, verify, attach)",
				"Fdinfo": "read the whole fdinfo of an epoll",
				"Kcmp":   "one KCMP_EPOLL_TFD call about the last registration",
			}[bench]
			n := ""
			if m.Case.N != 0 {
				n = thousands(m.Case.N)
			}
			t.row(name, n, t.summary(m.Cost))
		}
	}
	if len(t.rows) == 0 {
		return
	}
	d.heading(3, "Set-up, and the primitives of userspace")
	d.table(t)
}
