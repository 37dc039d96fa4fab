// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"slices"
	"strings"
)

// headline is three sentences: what a dump costs, how that grows, and what the
// epoll iterator and its file reference cost. A sentence without data says so.
func (r *Report) headline() []string {
	h := r.heading()
	if h == nil {
		return []string{
			"No iterator was measured beside a userspace method, so nothing is said of what it saves.",
			"How each method grows is in the tables below.",
			r.guardSentence(),
		}
	}
	return []string{h.costSentence(), h.growthSentence(), r.guardSentence()}
}

// heading is the comparison that the report begins with.
type heading struct {
	group    *GroupReport
	workload Case
	n        int
	iterator string
	speedups []Speedup // at n
}

// heading picks the first group that compares an iterator with userspace and
// takes from it the workload that comes first, moved eventfds if there are
// any, and the largest size at which the most methods were measured.
func (r *Report) heading() *heading {
	for i := range r.Groups {
		if h := r.Groups[i].heading(); h != nil {
			return h
		}
	}
	return nil
}

func (g *GroupReport) heading() *heading {
	if len(g.Speedups) == 0 {
		return nil
	}
	first := slices.MinFunc(g.Speedups, func(a, b Speedup) int { return a.Workload.Compare(b.Workload) })
	h := &heading{group: g, workload: first.Workload, iterator: g.bestIterator()}
	for _, s := range g.Speedups {
		if s.Workload != h.workload || s.Iterator != h.iterator {
			continue
		}
		at := g.speedupsAt(s.Workload, s.N, s.Iterator)
		if hasCriu(at) && !hasCriu(h.speedups) || hasCriu(at) == hasCriu(h.speedups) && s.N >= h.n {
			h.n, h.speedups = s.N, at
		}
	}
	return h
}

func hasCriu(speedups []Speedup) bool {
	return slices.ContainsFunc(speedups, func(s Speedup) bool { return s.Legacy == "criu" })
}

// bestIterator is the epoll iterator where it was measured.
func (g *GroupReport) bestIterator() string {
	best := g.Speedups[0].Iterator
	for _, s := range g.Speedups {
		if compareWords(s.Iterator, best) > 0 && slices.Contains(wordOrder, s.Iterator) {
			best = s.Iterator
		}
	}
	return best
}

// speedupsAt lists those of one case.
func (g *GroupReport) speedupsAt(w Case, n int, iterator string) (out []Speedup) {
	for _, s := range g.Speedups {
		if s.Workload == w && s.N == n && s.Iterator == iterator {
			out = append(out, s)
		}
	}
	return out
}

func (h *heading) costSentence() string {
	cost := func(method string) string {
		return h.group.cost(h.group.measurement(h.workload.dump(h.n, method)).Cost)
	}
	var userspace []string
	for _, s := range h.speedups {
		if s.Legacy != "criu" && !s.BestLegacy {
			continue
		}
		what := "the fastest userspace method, " + s.Legacy
		if s.Legacy == "criu" {
			what = "CRIU's method"
			if s.BestLegacy {
				what += ", the fastest in userspace"
			}
		}
		userspace = append(userspace, fmt.Sprintf("%s with %s (%v the iterator's)", cost(s.Legacy), what, s.Ratio))
	}
	return fmt.Sprintf("A dump of %s %s registrations (%s) costs %s, and %s with the BPF iterator %s.",
		thousands(h.n), h.workload.workloadText(), h.group.Title,
		strings.Join(userspace, ", "), cost(h.iterator), h.iterator)
}

// cost is s with its unit in words.
func (g *GroupReport) cost(s *Summary) string {
	text, _, _ := strings.Cut(s.Text, " ±")
	if g.Clock == "insn" {
		return text + " instructions"
	}
	return text
}

func (h *heading) growthSentence() string {
	methods := []string{h.iterator}
	for _, s := range h.speedups {
		if s.BestLegacy || s.Legacy == "criu" {
			methods = append(methods, s.Legacy)
		}
	}
	var grow []string
	for _, m := range methods {
		if g := h.group.growth(h.workload.dump(0, m)); g != nil && g.Exponent != nil {
			grow = append(grow, g.phrase()+" for "+m)
		}
	}
	text := "The cost was measured at one size, so nothing is said of its growth"
	if len(grow) > 0 {
		text = "The cost grows " + strings.Join(grow, ", ")
	}
	return text + h.crossoverClause() + "."
}

// phrase is "as n log n (exponent 1.15 ± 0.01 from n = 100 to 10,000)".
func (g *Growth) phrase() string {
	span := fmt.Sprintf("from n = %s to %s", thousands(g.Sizes[0]), thousands(g.Sizes[len(g.Sizes)-1]))
	if g.Law.Name == "" {
		return fmt.Sprintf("with exponent %v %s", g.Exponent, span)
	}
	return fmt.Sprintf("as %s (exponent %v %s)", g.Law.Name, g.Exponent, span)
}

func (h *heading) crossoverClause() string {
	for _, c := range h.group.Crossovers {
		if c.Workload != h.workload || c.Iterator != h.iterator {
			continue
		}
		text := fmt.Sprintf("; %s is faster than the fastest userspace method %s when dumps are repeated", h.iterator, c.Repeated.phrase())
		if c.Once != nil {
			text += ", and " + c.Once.phrase() + " when a single dump pays for loading BPF"
		}
		return text
	}
	return ""
}

// guardSentence tells of the epoll iterator and of holding the file.
func (r *Report) guardSentence() string {
	var parts []string
	for i := range r.Groups {
		g := &r.Groups[i]
		if at := g.epollCost(); at != "" {
			parts = append(parts, at)
		}
		if guard := g.guard("rcu"); guard != nil {
			parts = append(parts, fmt.Sprintf("holding each file with get_file_active() adds %v %s a registration, %.1f%% of the iterator's cost (n = %s, %s program, %s)",
				guard.Extra, g.unitWord(), 100*guard.Share, thousands(guard.N), guard.Prog, g.Title))
		}
	}
	if len(parts) == 0 {
		return "The epoll iterator, which needs a patched kernel, and what holding the file costs it, were not measured."
	}
	text := strings.Join(parts, "; ") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// unitWord is what a cost is counted in.
func (g *GroupReport) unitWord() string {
	if g.Clock == "insn" {
		return "instructions"
	}
	return "of time"
}

// epollCost tells the cost of the epoll iterator per registration.
func (g *GroupReport) epollCost() string {
	var best *Measurement
	for i := range g.Measurements {
		m := &g.Measurements[i]
		if m.Case.Bench == "Dump" && m.Case.Method == "epoll" && m.CostPerN != nil &&
			(best == nil || m.Case.workload() == best.Case.workload()) {
			best = m // the first workload's largest
		}
	}
	if best == nil {
		return ""
	}
	return fmt.Sprintf("the epoll iterator's dump costs %s a registration (%s, n = %s, %s)",
		g.cost(best.CostPerN), best.Case.workloadText(), thousands(best.Case.N), g.Title)
}

// guard returns the guard's row for the full program and the largest size, or
// nil.
func (g *GroupReport) guard(name string) *Guard {
	var best *Guard
	for i := range g.Guards {
		row := &g.Guards[i]
		if row.Guard == name && row.Extra != nil &&
			(best == nil || compareWords(row.Prog, best.Prog) > 0 || row.Prog == best.Prog && row.N >= best.N) {
			best = row
		}
	}
	return best
}
