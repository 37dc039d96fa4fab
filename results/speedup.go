// SPDX-License-Identifier: MIT

package results

// Speedup is what an iterator saves over a userspace method.
type Speedup struct {
	Workload Case   `json:"workload"`
	N        int    `json:"n"`
	Iterator string `json:"iterator"`
	Legacy   string `json:"legacy"`
	// BestLegacy tells that no userspace method measured here is faster.
	BestLegacy bool `json:"best_legacy"`
	// Ratio is the legacy method's cost over the iterator's.
	Ratio Ratio `json:"ratio"`
}

// helps reports whether the iterator is shown to be faster.
func (s Speedup) helps() bool { return s.Ratio.above(1) }

// speedups compares every iterator with every userspace method that dumped the
// same in the same group.
func (g *Group) speedups() (out []Speedup) {
	for _, iterator := range g.iterators() {
		workloads, sizes := g.dumps(func(m string) bool { return m == iterator })
		for _, w := range workloads {
			for _, n := range sizes[w] {
				out = append(out, g.speedupsOf(w, n, iterator)...)
			}
		}
	}
	return out
}

func (g *Group) speedupsOf(w Case, n int, iterator string) (out []Speedup) {
	cost := g.summary(w.dump(n, iterator), g.cost())
	best := 0
	for i, m := range g.legacyOf(w, n) {
		r := ratio(g.summary(w.dump(n, m), g.cost()), cost)
		out = append(out, Speedup{Workload: w, N: n, Iterator: iterator, Legacy: m, Ratio: r})
		if r.Value < out[best].Ratio.Value {
			best = i
		}
	}
	if len(out) > 0 {
		out[best].BestLegacy = true
	}
	return out
}
