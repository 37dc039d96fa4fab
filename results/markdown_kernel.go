// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"strings"
)

// The sections on the questions that the review of the iterator raised.

var guardText = map[string]string{
	"none": "no reference",
	"peek": "read f_count, skip files at zero",
	"fget": "raise unless zero, and put (get_file_rcu of 2021)",
	"rcu":  "get_file_active() of 6.7, which is get_file_rcu() but for its retry, and put",
}

func (g *GroupReport) guardSection(d *document) {
	if len(g.Guards) == 0 {
		return
	}
	d.heading(3, "Holding the file while the program runs")
	d.text("%s, by how the epoll iterator guards the file, with an empty program and with "+
		"the one that delivers full records. The share is of that row's cost.", capital(g.per("registration")))
	d.picture(g.guardPicture())
	d.table(g.guardTable(guardText))
}

// guardTable explains the guards by the text given, if any.
func (g *GroupReport) guardTable(explain map[string]string) *table {
	t := newTable(2, "program", "guard", "n", "cost", "more than none", "share")
	for _, row := range g.Guards {
		name := row.Guard
		if text := explain[name]; text != "" {
			name += ": " + text
		}
		extra, share := "", ""
		if row.Extra != nil {
			extra, share = row.Extra.String(), fmt.Sprintf("%.1f%%", 100*row.Share)
		}
		t.row(row.Prog, name, thousands(row.N), t.summary(row.Cost), extra, share)
	}
	return t
}

func (g *GroupReport) priceSection(d *document) {
	if len(g.Prices) == 0 {
		return
	}
	d.heading(3, "What the guards' atomic operations cost on this hardware")
	d.text("Instruction counts do not show it: the guard's operations on n reference counts, each in a cache " +
		"line of its own, by one thread, and with a second one at work on the same lines.")
	d.table(g.priceTable())
}

func (g *GroupReport) priceTable() *table {
	t := newTable(2, "operation", "threads", "n", g.per("file"), "more than none")
	for _, row := range g.Prices {
		extra := ""
		if row.Extra != nil {
			extra = row.Extra.String()
		}
		t.row(row.Guard, row.Threads, thousands(row.N), t.summary(row.Cost), extra)
	}
	return t
}

func (g *GroupReport) resumeSection(d *document) {
	if len(g.Resumes) == 0 {
		return
	}
	d.heading(3, "Resuming after a partial read")
	d.text("A read that fills its buffer stops the iteration; the next one has to find the place again: `tfd` by a " +
		"linear walk for the last descriptor's number (2021), `key` by descending the tree to the next item.")
	d.picture(g.resumePicture())
	d.table(g.resumeTable())
}

func (g *GroupReport) resumeTable() *table {
	t := newTable(0, "buffer", "n", "tfd", "key", "tfd / key")
	for _, row := range g.Resumes {
		r := "–"
		if row.Ratio != nil {
			r = row.Ratio.String()
		}
		t.row(bufferText(row.Buf), thousands(row.N), t.summary(row.TFD), t.summary(row.Key), r)
	}
	return t
}

// bufferText is "64 KiB" for "65536".
func bufferText(buf string) string {
	var n int
	if _, err := fmt.Sscan(buf, &n); err != nil || n%1024 != 0 {
		return buf + " B"
	}
	return fmt.Sprintf("%d KiB", n/1024)
}

func (g *GroupReport) notRunSection(d *document) {
	if len(g.NotRun) == 0 {
		return
	}
	d.heading(3, "What was not run")
	d.text("Cases whose cost per operation was predicted, from smaller sizes, to be over the budget. The " +
		"predictions are no measurements and are used for nothing.")
	t := newTable(1, "case", "predicted", "budget")
	for _, n := range g.NotRun {
		t.row("`"+strings.TrimPrefix(n.Case.String(), "Benchmark")+"`", seconds(n.Predicted), seconds(n.Budget))
	}
	d.table(t)
}

func seconds(s float64) string { return significant(s) + " s" }

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }
