// SPDX-License-Identifier: MIT

package results

import "slices"

// The sections on what a dump costs.

// workloads lists what a benchmark dumped, in order.
func (g *GroupReport) workloads(bench string) (out []Case) {
	for _, m := range g.of(bench) {
		if w := m.Case.workload(); !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

// dumps lists the dumps of workloads that were measured or not run, as both are
// in the tables.
func (g *GroupReport) dumps(workloads ...Case) (cases []Case) {
	add := func(c Case) {
		if c.isDump() && slices.Contains(workloads, c.workload()) {
			cases = append(cases, c)
		}
	}
	for _, m := range g.Measurements {
		add(m.Case)
	}
	for _, n := range g.NotRun {
		add(n.Case)
	}
	return cases
}

// methodsOf lists the methods of the dumps of workloads, in order.
func (g *GroupReport) methodsOf(workloads ...Case) (methods []string) {
	for _, c := range g.dumps(workloads...) {
		methods = appendNew(methods, c.Method)
	}
	slices.SortFunc(methods, compareWords)
	return methods
}

// sizesOf lists the sizes of the dumps of a workload.
func (g *GroupReport) sizesOf(w Case) (sizes []int) {
	for _, c := range g.dumps(w) {
		if !slices.Contains(sizes, c.N) {
			sizes = append(sizes, c.N)
		}
	}
	slices.Sort(sizes)
	return sizes
}

// dumpTable is one workload: sizes in rows, methods in columns.
func (g *GroupReport) dumpTable(w Case) *table {
	methods := g.methodsOf(w)
	t := newTable(0, append([]string{"n"}, methods...)...)
	for _, n := range g.sizesOf(w) {
		t.row(append([]string{thousands(n)}, g.dumpCells(t, w, n, methods)...)...)
	}
	return t
}

func (g *GroupReport) dumpCells(t *table, w Case, n int, methods []string) (cells []string) {
	for _, method := range methods {
		cells = append(cells, g.dumpCell(t, w.dump(n, method)))
	}
	return cells
}

// refusedNote is what is to be known of a cost of criu's.
const refusedNote = "CRIU itself then gives up: it refuses a target that no process, or only another one, has a descriptor of"

// dumpCell is the cost of c, or why there is none.
func (g *GroupReport) dumpCell(t *table, c Case) string {
	if m := g.measurement(c); m != nil {
		if m.Refused != nil && m.Refused.Center > 0 {
			return t.mark(t.summary(m.Cost), []string{refusedNote})
		}
		return t.summary(m.Cost)
	}
	if slices.ContainsFunc(g.NotRun, func(n NotRun) bool { return n.Case == c }) {
		return "not run"
	}
	return "–"
}

func (g *GroupReport) dumpSection(d *document) {
	workloads := g.workloads("Dump")
	if len(workloads) == 0 {
		return
	}
	d.heading(3, "Cost of a dump")
	for _, w := range workloads {
		d.text("**%s**, %s:", w.workloadText(), g.per("dump"))
		d.picture(g.growthPicture(w))
		d.table(g.dumpTable(w))
	}
}

// likenessSection is on workloads that are programs or like them: a row each.
func (g *GroupReport) likenessSection(d *document, bench, title, text string) {
	t := g.likenessTable(bench)
	if len(t.rows) == 0 {
		return
	}
	d.heading(3, title)
	d.text("%s %s:", text, capital(g.per("dump")))
	d.table(t)
}

func (g *GroupReport) likenessTable(bench string) *table {
	workloads := g.workloads(bench)
	methods := g.methodsOf(workloads...)
	t := newTable(1, append([]string{"", "n"}, methods...)...)
	for _, w := range workloads {
		for _, n := range g.sizesOf(w) {
			t.row(append([]string{w.workloadText(), thousands(n)}, g.dumpCells(t, w, n, methods)...)...)
		}
	}
	return t
}

func (g *GroupReport) scaleSection(d *document) {
	t := g.scaleTable()
	if len(t.rows) == 0 {
		return
	}
	d.heading(3, "Up to a million registrations")
	d.text("Of shape shared, so that descriptors are few. A BPF program that is to walk many registrations does " +
		"so in pieces, each of which is resumed by key: the longest run is the longest time that one held its CPU, or the lock of the epoll instance. " +
		"Memory is all that the dump has: maps, buffers and the result.")
	d.table(t)
}

func (g *GroupReport) scaleTable() *table {
	t := newTable(1, "", "n", g.per("dump"), g.per("registration"), "longest BPF run", "memory per registration")
	for _, m := range g.of("Scale") {
		t.row(m.Case.Method, thousands(m.Case.N), t.summary(m.Cost), t.summary(m.CostPerN), t.summary(m.LongestRun), t.summary(m.Memory))
	}
	return t
}
