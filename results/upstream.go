// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Upstream writes what belongs into the cover letter of a patch series: plain
// ASCII of at most 72 columns.
func (r *Report) Upstream() string {
	l := new(letter)
	l.heading("What it costs to find the files that epoll instances watch")
	for _, s := range r.Headline {
		l.item(s)
	}
	l.heading("Method")
	l.text("A registration is one struct epitem. A dump finds, for every registration of a process, a descriptor " +
		"that now refers to the watched file, from known PIDs to finished records. The watched processes are " +
		"live ones, and the result of each method is compared with what they say of themselves before it is timed.")
	for _, m := range r.methods() {
		if how := methodText[m]; how != "" {
			l.item(m + ": " + how)
		}
	}
	l.text("Shape moved: each file was dup'ed to another descriptor and the original closed. Figures are medians; " +
		"[brackets] and +- are distribution-free 95% confidence intervals.")
	for i := range r.Groups {
		r.Groups[i].upstream(l)
	}
	r.upstreamCaveats(l)
	r.upstreamRerun(l)
	return strings.TrimLeft(l.String(), "\n")
}

// letter is plain text under construction.
type letter struct{ strings.Builder }

func (l *letter) heading(title string) {
	title = ascii(title)
	fmt.Fprintf(l, "\n%s%s\n\n", wrap(title, ""), strings.Repeat("-", min(len(title), columns)))
}

func (l *letter) text(text string) { l.WriteString(wrap(ascii(text), "") + "\n") }

// item is a paragraph behind a dash.
func (l *letter) item(text string) {
	l.WriteString("- " + strings.TrimPrefix(wrap(ascii(text), "  "), "  "))
	l.WriteString("\n")
}

func (l *letter) table(title string, t *table) {
	if len(t.rows) > 0 {
		l.WriteString(wrap(ascii(title)+":", "") + "\n" + t.plain() + "\n")
	}
}

func (g *GroupReport) upstream(l *letter) {
	l.heading(g.Title)
	var conditions []string
	for _, f := range g.fields() {
		if f[1] != "" {
			conditions = append(conditions, f[0]+" "+f[1])
		}
	}
	l.text(strings.Join(conditions, ", ") + ".")
	for _, w := range g.Warnings {
		l.text(w)
	}
	if h := g.heading(); h != nil {
		h.upstream(l)
	}
	l.table("Real servers with n connections, "+g.per("dump"), g.likenessTable("Real"))
	l.table("Up to a million registrations", g.scaleTable())
	g.upstreamKernel(l)
	if n := len(g.NotRun); n > 0 {
		var cases []string
		for _, n := range g.NotRun {
			cases = append(cases, n.Case.Method+" "+n.Case.workloadText()+" n="+thousands(n.Case.N))
		}
		l.text(fmt.Sprintf("Not run, predicted to cost more than %s an operation: %s.", seconds(g.NotRun[0].Budget), strings.Join(cases, "; ")))
	}
}

// upstream writes of the workload that the report begins with.
func (h *heading) upstream(l *letter) {
	g, w := h.group, h.workload
	l.table(fmt.Sprintf("%s, %s registrations", capital(g.per("dump")), w.workloadText()), g.plainDumpTable(w))
	l.table("Growth, cost ~ n^b", g.growthTable(func(c Case) string {
		if c.Bench != "Dump" || c.workload() != w {
			return ""
		}
		return c.Method
	}).columns(0, 2, 4))
	compared := newTable(0, "n", "criu", "the fastest in userspace")
	for _, s := range g.Speedups {
		if s.Workload != w || s.Iterator != h.iterator || !s.BestLegacy {
			continue
		}
		criu := "-"
		for _, other := range g.speedupsAt(w, s.N, s.Iterator) {
			if other.Legacy == "criu" {
				criu = other.Ratio.String()
			}
		}
		compared.row(thousands(s.N), criu, s.Ratio.String()+" "+s.Legacy)
	}
	l.table("Cost of userspace over that of "+h.iterator, compared)
	l.table("The iterator is faster than the fastest userspace method from this n on", g.crossoverTable())
	for _, s := range g.noHelp() {
		l.item(s)
	}
}

// plainDumpTable is dumpTable without the intervals, which have no room; the
// widest is told below.
func (g *GroupReport) plainDumpTable(w Case) *table {
	t := g.dumpTable(w)
	for _, row := range t.rows {
		for i, cell := range row {
			row[i], _, _ = strings.Cut(cell, " ±")
		}
	}
	widest, unbounded := 0.0, false
	for _, m := range g.of("Dump") {
		if m.Case.workload() != w {
			continue
		}
		if m.Cost.Lo == nil || m.Cost.Hi == nil {
			unbounded = true
			continue
		}
		widest = max(widest, *m.Cost.Hi/m.Cost.Center-1, 1-*m.Cost.Lo/m.Cost.Center)
	}
	t.notes = []string{fmt.Sprintf("The intervals reach at most %.0f%% from the medians.", math.Ceil(100*widest))}
	if unbounded {
		t.notes = append(t.notes, "Some have too few samples for an interval.")
	}
	return t
}

// columns is t with only these.
func (t *table) columns(keep ...int) *table {
	pick := func(row []string) (out []string) {
		for _, i := range keep {
			out = append(out, row[i])
		}
		return out
	}
	c := &table{head: pick(t.head), notes: t.notes}
	for _, i := range keep {
		if i < t.left {
			c.left++
		}
	}
	for _, row := range t.rows {
		c.rows = append(c.rows, pick(row))
	}
	return c
}

// upstreamKernel writes of guards, at the largest sizes, and of resuming.
func (g *GroupReport) upstreamKernel(l *letter) {
	guards, prices := *g, *g
	guards.Guards = slices.DeleteFunc(slices.Clone(g.Guards), func(row Guard) bool {
		return slices.ContainsFunc(g.Guards, func(other Guard) bool { return other.N > row.N })
	})
	prices.Prices = slices.DeleteFunc(slices.Clone(g.Prices), func(row Price) bool {
		return slices.ContainsFunc(g.Prices, func(other Price) bool { return other.N > row.N })
	})
	l.table("Holding each file while the program runs, "+g.per("registration"), guards.guardTable(nil))
	l.table("The guards' operations on this hardware, "+g.per("file"), prices.priceTable())
	l.table("A whole iteration in partial reads, resumed by tfd and by key, "+g.per("iteration"), g.resumeTable())
	l.table("Growth of these", g.growthTable(func(c Case) string {
		if c.Bench != "Resume" {
			return ""
		}
		return c.Resume + ", " + bufferText(c.Buf)
	}).columns(0, 2, 4))
}

func (r *Report) upstreamCaveats(l *letter) {
	l.heading("Caveats")
	for _, c := range slices.Concat(r.limitations(), r.Warnings) {
		l.item(strings.ReplaceAll(c, "`", ""))
	}
}

func (r *Report) upstreamRerun(l *letter) {
	l.heading("How to rerun")
	for _, line := range r.reproductionSteps() {
		switch {
		case strings.HasPrefix(line, "#"):
			l.WriteString("  # " + strings.TrimPrefix(wrap(line[1:], "  # "), "  # "))
		case line != "```":
			l.WriteString(wrapCommand(line))
		}
	}
}

// wrapCommand breaks a shell command so that it can still be pasted.
func wrapCommand(command string) string {
	const indent = "  "
	lines := strings.Split(strings.TrimSuffix(wrapAt(command, indent, columns-2), "\n"), "\n")
	return strings.Join(lines, " \\\n  ") + "\n"
}
