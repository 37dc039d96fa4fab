// SPDX-License-Identifier: MIT

package results

// Overhead is how far an iterator is from the least it could cost.
type Overhead struct {
	Workload Case   `json:"workload"`
	N        int    `json:"n"`
	Iterator string `json:"iterator"`
	// Floor is the cost of the same iteration with a program that only counts,
	// Ratio the iterator's cost over it.
	Floor *Summary `json:"floor"`
	Ratio Ratio    `json:"ratio"`
	// Empty is the cost of the task_file iteration with an empty program; nil
	// if it was not measured.
	Empty *Summary `json:"empty"`
}

// overheads compares every iterator with the floor of its kind.
func (g *Group) overheads() (out []Overhead) {
	for _, c := range g.cases("Dump") {
		if !isIterator(c.Method) {
			continue
		}
		floor := g.floor(c, floorOf(c.Method))
		if floor == nil {
			continue
		}
		out = append(out, Overhead{
			Workload: c.workload(), N: c.N, Iterator: c.Method, Floor: floor,
			Ratio: ratio(g.summary(c, g.cost()), floor),
			Empty: g.floor(c, "empty"),
		})
	}
	return out
}

// floor returns the cost of the floor named on the workload of c, or nil.
func (g *Group) floor(c Case, name string) *Summary {
	f := c.workload()
	f.Bench, f.Floor, f.N = "Floor", name, c.N
	return g.summary(f, g.cost())
}
