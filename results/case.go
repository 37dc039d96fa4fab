// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"
)

// Case is a benchmark's name, taken apart. Axes that it does not have are
// empty.
type Case struct {
	Bench   string `json:"bench"` // Dump, Floor, ...
	Floor   string `json:"floor,omitempty"`
	Shape   string `json:"shape,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Profile string `json:"profile,omitempty"`
	Program string `json:"program,omitempty"`
	Guard   string `json:"guard,omitempty"`
	Prog    string `json:"prog,omitempty"`
	Threads string `json:"threads,omitempty"`
	Resume  string `json:"resume,omitempty"`
	Buf     string `json:"buf,omitempty"`
	// Further holds the axes that have no meaning here, "/epolls=4/idle=9".
	Further string `json:"further,omitempty"`
	N       int    `json:"n,omitempty"`
	Method  string `json:"method,omitempty"`
}

// benches are the benchmarks of the suite, with the axes that each must have.
var benches = map[string][]string{
	"Dump":     {"shape", "kind", "n", "method"},
	"Profile":  {"profile", "n", "method"},
	"Real":     {"program", "n", "method"},
	"Scale":    {"n", "method"},
	"Floor":    {"floor", "shape", "kind", "n"},
	"Setup":    {"method"},
	"Fdinfo":   {"n"},
	"Kcmp":     {"n"},
	"FileRef":  {"guard", "prog", "n"},
	"Refcount": {"guard", "threads", "n"},
	"Resume":   {"resume", "buf", "n"},
}

// axes lists the fields of c between Bench and Further, in the order of a name.
func (c *Case) axes() []axis {
	return []axis{
		{"floor", &c.Floor}, {"shape", &c.Shape}, {"kind", &c.Kind},
		{"profile", &c.Profile}, {"program", &c.Program},
		{"guard", &c.Guard}, {"prog", &c.Prog},
		{"threads", &c.Threads}, {"resume", &c.Resume}, {"buf", &c.Buf},
	}
}

type axis struct {
	name  string
	value *string
}

// String is the benchmark's name as go test takes it.
func (c Case) String() string {
	var b strings.Builder
	b.WriteString("Benchmark" + c.Bench)
	for _, a := range c.axes() {
		if *a.value != "" {
			b.WriteString("/" + a.name + "=" + *a.value)
		}
	}
	b.WriteString(c.Further)
	if c.N != 0 {
		b.WriteString("/n=" + strconv.Itoa(c.N))
	}
	if c.Method != "" {
		b.WriteString("/method=" + c.Method)
	}
	return b.String()
}

// Compare orders by the fields in the order of their declaration; words that
// the project has an order for, such as methods, come in that.
func (c Case) Compare(d Case) int {
	ca, da := c.axes(), d.axes()
	order := cmp.Compare(c.Bench, d.Bench)
	for i := range ca {
		order = cmp.Or(order, compareWords(*ca[i].value, *da[i].value))
	}
	return cmp.Or(order,
		cmp.Compare(c.Further, d.Further),
		cmp.Compare(c.N, d.N),
		compareWords(c.Method, d.Method))
}

// wordOrder is the order of presentation.
var wordOrder = []string{
	"moved", "inplace", "reused", "shared", "closed", // shapes, the worst for kcmp first
	"eventfd",
	"naive", "criu", "inode", "merge", "taskfile", "epoll", // methods
	"empty", "count", "epoll-count", "full", // floors, programs
	"none", "peek", "fget", "rcu", // guards
	"tfd", "key", // resume
}

// compareWords orders by wordOrder; words without a place there follow, by
// number or alphabet.
func compareWords(a, b string) int {
	place := func(w string) int {
		if i := slices.Index(wordOrder, w); i >= 0 {
			return i
		}
		return len(wordOrder)
	}
	number := func(w string) int {
		n, _ := strconv.Atoi(w)
		return n
	}
	return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(number(a), number(b)), cmp.Compare(a, b))
}

// errForeign says that a benchmark is none of the suite's.
var errForeign = errors.New("not a benchmark of this suite")

// cases reads Cases off results.
type cases struct {
	known, further *benchproc.Projection
}

func newCases(p *benchproc.ProjectionParser) *cases {
	keys := []string{".name", "/n", "/method"}
	for _, a := range new(Case).axes() {
		keys = append(keys, "/"+a.name)
	}
	return &cases{known: mustProject(p, strings.Join(keys, ",")), further: mustProject(p, ".fullname")}
}

// of returns the case that res is of. The error is errForeign, or says what
// its name lacks.
func (cs *cases) of(res *benchfmt.Result) (Case, error) {
	values := fieldValues(cs.known.Project(res))
	c := Case{Bench: values[".name"], Method: values["/method"]}
	required, ok := benches[c.Bench]
	if pkg := res.GetConfig("pkg"); !ok || pkg != "" && pkg != "epbench/bench" {
		return c, errForeign
	}
	for _, name := range required {
		if values["/"+name] == "" {
			return c, fmt.Errorf("no %s= in Benchmark%s", name, res.Name)
		}
	}
	for _, a := range c.axes() {
		*a.value = values["/"+a.name]
	}
	// The name is normalized to "*" because it is in known.
	c.Further = strings.TrimPrefix(fieldValues(cs.further.Project(res))[".fullname"], "*")
	if text := values["/n"]; text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return c, fmt.Errorf("n=%s in Benchmark%s is no number of registrations", text, res.Name)
		}
		c.N = n
	}
	return c, nil
}
