// SPDX-License-Identifier: MIT

package results

import (
	"slices"
	"strings"
)

// The methods, as far as the analysis tells them apart. A method of another
// name is shown in the tables and pictures, and compared with nothing.

// legacyMethods are those of userspace: procfs and kcmp(2).
var legacyMethods = []string{"naive", "criu", "inode", "merge"}

// isIterator reports whether the method runs a BPF iterator. Variants have a
// suffix.
func isIterator(method string) bool {
	return strings.HasPrefix(method, "taskfile") || strings.HasPrefix(method, "epoll")
}

// floorOf is the least that an iterator of that kind could cost.
func floorOf(iterator string) string {
	if strings.HasPrefix(iterator, "epoll") {
		return "epoll-count"
	}
	return "count"
}

// methodText says what a method is, in a line.
var methodText = map[string]string{
	"naive":    "userspace: fdinfo, then kcmp against every descriptor until one matches",
	"criu":     "userspace: what CRIU does, kcmp in a tree ordered by file",
	"inode":    "userspace: candidates by (device, inode), confirmed by kcmp",
	"merge":    "userspace: the best known; a scratch epoll lists candidates in file order",
	"taskfile": "BPF, stock kernel: the task_file iterator, walking epoll trees it meets",
	"epoll":    "BPF, patched kernel: the epoll iterator, joined with task_file",
}

// dumpBenches are the benchmarks that compare methods, each on workloads of its
// own: synthetic ones, imitations of programs, and the programs.
var dumpBenches = []string{"Dump", "Profile", "Real"}

func (c Case) isDump() bool { return slices.Contains(dumpBenches, c.Bench) }

// workload is the part of c that says what is dumped, but for its size. That of
// a floor is the one that BenchmarkDump dumps.
func (c Case) workload() Case {
	w := Case{Bench: "Dump", Shape: c.Shape, Kind: c.Kind, Profile: c.Profile, Program: c.Program, Further: c.Further}
	if c.isDump() {
		w.Bench = c.Bench
	}
	return w
}

// dump is the case of dumping n registrations of workload w by the method.
func (c Case) dump(n int, method string) Case {
	w := c.workload()
	w.N, w.Method = n, method
	return w
}

// workloadText is w for people, "moved eventfd".
func (c Case) workloadText() string {
	text := c.Shape + " " + c.Kind
	switch {
	case c.Program != "":
		text = "real " + c.Program
	case c.Profile != "":
		text = c.Profile + " profile"
	}
	if c.Further != "" {
		text += " " + strings.ReplaceAll(strings.TrimPrefix(c.Further, "/"), "/", " ")
	}
	return text
}

// legacyOf lists the userspace methods that dumped n registrations of w.
func (g *Group) legacyOf(w Case, n int) (methods []string) {
	for _, m := range legacyMethods {
		if g.has(w.dump(n, m)) {
			methods = append(methods, m)
		}
	}
	return methods
}

// dumpCases lists the cases of dumpBenches.
func (g *Group) dumpCases() (cases []Case) {
	for _, bench := range dumpBenches {
		cases = append(cases, g.cases(bench)...)
	}
	return cases
}

// dumps lists what was dumped by one of the methods, in order: each workload,
// with its sizes.
func (g *Group) dumps(want func(method string) bool) (workloads []Case, sizes map[Case][]int) {
	sizes = make(map[Case][]int)
	for _, c := range g.dumpCases() {
		if !want(c.Method) {
			continue
		}
		w := c.workload()
		if sizes[w] == nil {
			workloads = append(workloads, w)
		}
		if s := sizes[w]; len(s) == 0 || s[len(s)-1] != c.N {
			sizes[w] = append(s, c.N)
		}
	}
	return workloads, sizes
}

// iterators lists the iterators that dumped anything.
func (g *Group) iterators() (methods []string) {
	for _, c := range g.dumpCases() {
		if isIterator(c.Method) {
			methods = appendNew(methods, c.Method)
		}
	}
	return methods
}
