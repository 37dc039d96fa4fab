// SPDX-License-Identifier: MIT

package results

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"
)

// Read reads benchmark files. What cannot be used is a warning; what would
// make a table wrong is an error: both say where, as "file:line".
func Read(paths ...string) (*Data, error) {
	r := newReader()
	for _, path := range paths {
		if err := r.read(path); err != nil {
			return nil, err
		}
	}
	if len(r.groups) == 0 {
		return nil, fmt.Errorf("%s: no benchmark results", strings.Join(paths, ", "))
	}
	return r.finish(), nil
}

// reader collects Data.
type reader struct {
	data   Data
	groups map[groupKey]*Group
	benchfmt.Reader
	*environments
	*cases

	seen map[string]string // positions of results by content, to find copies
	used int               // results of the file at hand
}

// foreign counts the results of other benchmarks in a file.
type foreign struct {
	count int
	first string
}

func newReader() *reader {
	p := new(benchproc.ProjectionParser)
	return &reader{
		groups:       make(map[groupKey]*Group),
		environments: newEnvironments(p),
		cases:        newCases(p),
		seen:         make(map[string]string),
	}
}

func (r *reader) warn(format string, args ...any) {
	r.data.Warnings = append(r.data.Warnings, fmt.Sprintf(format, args...))
}

// read adds the results of one file.
func (r *reader) read(path string) error {
	s, warnings, err := readSource(path)
	if err != nil {
		return err
	}
	r.data.Warnings = append(r.data.Warnings, warnings...)
	for _, other := range r.data.Sources {
		if other.SHA256 == s.SHA256 {
			return fmt.Errorf("%s has the same content as %s: counting measurements twice would make them look surer than they are", path, other.Path)
		}
	}
	r.used = 0
	copies, err := r.scan(s)
	if err != nil {
		return err
	}
	if r.used == 0 {
		return fmt.Errorf("%s: no results of this suite's benchmarks in it", path)
	}
	if err := copies.check(r.used); err != nil {
		return err
	}
	s.Results = r.used
	r.data.Sources = append(r.data.Sources, s.Source)
	return nil
}

// scan adds the records of s.
func (r *reader) scan(s *source) (*copies, error) {
	var others foreign
	var dup copies
	r.Reset(bytes.NewReader(s.text), s.Path)
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.SyntaxError:
			r.warn("%v: line not used", rec)
		case *benchfmt.Result:
			if isNote(rec) {
				if err := r.addNote(rec, s); err != nil {
					return nil, err
				}
				continue
			}
			switch err := r.addResult(rec, &dup); {
			case errors.Is(err, errForeign):
				others.add(rec)
			case err != nil:
				return nil, err
			}
		}
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("can't read the benchmark file: %w", err)
	}
	if others.count > 0 {
		r.warn("%s: %d results, from here on, are not of this suite's benchmarks, and not used", others.first, others.count)
	}
	return &dup, nil
}

func (f *foreign) add(res *benchfmt.Result) {
	if f.count == 0 {
		f.first = position(res)
	}
	f.count++
}

// group returns the group that res belongs to.
func (r *reader) group(res *benchfmt.Result) (*Group, error) {
	env, err := r.environments.of(res)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", position(res), err)
	}
	g := r.groups[env.groupKey()]
	if g == nil {
		g = newGroup(env, r.Units())
		r.groups[env.groupKey()] = g
		r.data.Groups = append(r.data.Groups, g)
	}
	if isNote(res) {
		env.complete(g.Environment)
	}
	if len(g.values) == 0 { // known from notes only
		g.complete(env)
	}
	return g, g.mustMatch(env)
}

// addResult adds res to its group. The error is errForeign, or final.
func (r *reader) addResult(res *benchfmt.Result, dup *copies) error {
	c, err := r.cases.of(res)
	if errors.Is(err, errForeign) {
		return err
	}
	if err != nil {
		r.warn("%s: %v: line not used", position(res), err)
		return nil
	}
	g, err := r.group(res)
	if err != nil {
		return err
	}
	if err := checkValues(res, g.cost()); err != nil {
		r.warn("%s: %v: line not used", position(res), err)
		return nil
	}
	for _, v := range res.Values {
		key := sampleKey{c, v.Unit}
		g.values[key] = append(g.values[key], v.Value)
	}
	r.used++
	if g.Clock == "time" { // counts of instructions do repeat
		dup.add(r.seen, res)
	}
	return nil
}

// checkValues makes sure that res has a cost, and no value that is no
// measurement.
func checkValues(res *benchfmt.Result, cost string) error {
	for i, v := range res.Values {
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value < 0 {
			return fmt.Errorf("%v %s is no measurement", v.Value, v.Unit)
		}
		if slices.ContainsFunc(res.Values[:i], func(w benchfmt.Value) bool { return w.Unit == v.Unit }) {
			return fmt.Errorf("two values of %s", v.Unit)
		}
	}
	if v, ok := res.Value(cost); !ok || v == 0 {
		return fmt.Errorf("no %s of Benchmark%s", cost, res.Name)
	}
	return nil
}

// addNote adds what a note says to the group in whose run it stands.
func (r *reader) addNote(res *benchfmt.Result, s *source) error {
	g, err := r.group(res)
	if err != nil {
		return err
	}
	index, _ := res.Value("note")
	n := s.notes[int(index)]
	if !n.notRun {
		g.NotAvailable = appendNew(g.NotAvailable, n.text)
		return nil
	}
	if err := r.addNotRun(res, g, n.text); err != nil {
		r.warn("%s: %v: line not used", position(res), err)
	}
	return nil
}

func (r *reader) addNotRun(res *benchfmt.Result, g *Group, text string) error {
	name, n, err := parseNotRun(text)
	if err != nil {
		return err
	}
	named := res.Clone()
	named.Name = benchfmt.Name(name)
	if n.Case, err = r.cases.of(named); err != nil {
		return err
	}
	g.NotRun = append(g.NotRun, n)
	return nil
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// finish puts everything in order.
func (r *reader) finish() *Data {
	slices.SortFunc(r.data.Groups, compareGroups)
	for _, g := range r.data.Groups {
		slices.SortStableFunc(g.NotRun, func(a, b NotRun) int { return a.Case.Compare(b.Case) })
		g.NotRun = slices.CompactFunc(g.NotRun, func(a, b NotRun) bool { return a.Case == b.Case })
		// With a larger budget, in another file, it may have been run.
		g.NotRun = slices.DeleteFunc(g.NotRun, func(n NotRun) bool { return g.has(n.Case) })
		if g.Suite != r.data.Groups[0].Suite {
			r.warn("%s: suite %s, but %s at %s: the lanes were measured with different versions of the suite",
				g.at, g.Suite, r.data.Groups[0].Suite, r.data.Groups[0].at)
		}
		if strings.HasSuffix(g.Suite, "-dirty") || g.Suite == "unknown" {
			r.warn("%s: suite %s: no commit has exactly the code that measured this", g.at, g.Suite)
		}
	}
	return &r.data
}
