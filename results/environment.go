// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"
)

// Environment is what a group of results has in common.
type Environment struct {
	Lane       string `json:"lane"`   // native, or guest
	Kernel     string `json:"kernel"` // as uname -r prints it
	Clock      string `json:"clock"`  // time, or insn: counts of guest instructions
	Accel      string `json:"accel"`  // how the guest ran: none (native), kvm, tcg
	Patched    string `json:"patched"`
	Suite      string `json:"suite"` // the commit of the suite that measured
	CPU        string `json:"cpu,omitempty"`
	GOOS       string `json:"goos,omitempty"`
	GOARCH     string `json:"goarch,omitempty"`
	GOMAXPROCS string `json:"gomaxprocs"`
	// Other holds further configuration, "key: value" each.
	Other []string `json:"other,omitempty"`

	at string // where it was first seen, "file:line"
}

var (
	// requiredKeys are the configuration lines of the suite's own.
	requiredKeys = []string{"kernel", "lane", "accel", "clock", "patched", "suite"}
	// fileKeys are those and package testing's.
	fileKeys = append([]string{"goos", "goarch", "pkg", "cpu"}, requiredKeys...)
)

// environments reads Environments off results.
type environments struct {
	known, gomaxprocs, other *benchproc.Projection
}

func newEnvironments(p *benchproc.ProjectionParser) *environments {
	return &environments{
		known:      mustProject(p, strings.Join(fileKeys, ",")),
		gomaxprocs: mustProject(p, "/gomaxprocs"),
		other:      mustProject(p, ".config"),
	}
}

// of returns the environment of res, or an error when configuration is missing
// or has a value without meaning.
func (e *environments) of(res *benchfmt.Result) (Environment, error) {
	values := fieldValues(e.known.Project(res))
	for _, key := range requiredKeys {
		if values[key] == "" {
			return Environment{}, fmt.Errorf("no %q line is in force: this is no output of the suite, or its head is missing", key)
		}
	}
	env := Environment{
		Lane: values["lane"], Kernel: values["kernel"], Clock: values["clock"],
		Accel: values["accel"], Patched: values["patched"], Suite: values["suite"],
		CPU: values["cpu"], GOOS: values["goos"], GOARCH: values["goarch"],
		GOMAXPROCS: cmp.Or(fieldValues(e.gomaxprocs.Project(res))["/gomaxprocs"], "1"),
	}
	if isNote(res) {
		env.GOMAXPROCS = "" // it is in results' names only
	}
	for key, value := range fieldValues(e.other.Project(res)) {
		env.Other = append(env.Other, key+": "+value)
	}
	slices.Sort(env.Other)
	env.at = position(res)
	return env, env.validate()
}

func (e Environment) validate() error {
	for _, c := range []struct {
		key, value string
		allowed    []string
	}{
		{"lane", e.Lane, []string{"native", "guest"}},
		{"clock", e.Clock, []string{"time", "insn"}},
		{"accel", e.Accel, []string{"none", "kvm", "tcg"}},
	} {
		if !slices.Contains(c.allowed, c.value) {
			return fmt.Errorf("%s: %q is not one of %s", c.key, c.value, strings.Join(c.allowed, ", "))
		}
	}
	return nil
}

// complete takes from other what is not known of e, of a note: GOMAXPROCS is in
// results' names, and what package testing tells of the machine stands before
// the first result, which a note may come before.
func (e *Environment) complete(other Environment) {
	for _, f := range []struct{ of, from *string }{
		{&e.CPU, &other.CPU}, {&e.GOOS, &other.GOOS}, {&e.GOARCH, &other.GOARCH},
		{&e.GOMAXPROCS, &other.GOMAXPROCS},
	} {
		*f.of = cmp.Or(*f.of, *f.from)
	}
}

// fields lists e as key and value, for comparison and display.
func (e Environment) fields() [][2]string {
	return [][2]string{
		{"lane", e.Lane}, {"kernel", e.Kernel}, {"clock", e.Clock},
		{"accel", e.Accel}, {"patched", e.Patched}, {"suite", e.Suite},
		{"cpu", e.CPU}, {"goos", e.GOOS}, {"goarch", e.GOARCH},
		{"GOMAXPROCS", e.GOMAXPROCS}, {"further configuration", strings.Join(e.Other, ", ")},
	}
}

// groupKey is what results of different values of are kept apart, not refused.
type groupKey struct{ lane, kernel, clock string }

func (e Environment) groupKey() groupKey { return groupKey{e.Lane, e.Kernel, e.Clock} }

// mustMatch returns an error naming the first difference between e, of a
// group, and later, which would join it.
func (e Environment) mustMatch(later Environment) error {
	want, got := e.fields(), later.fields()
	for i := range want {
		if want[i] != got[i] {
			return fmt.Errorf("%s: %s is %q, but %q at %s: such results do not mix; report on them separately, or compare them with benchstat",
				later.at, got[i][0], got[i][1], want[i][1], e.at)
		}
	}
	return nil
}

// fieldValues returns the non-empty fields of a key by name.
func fieldValues(key benchproc.Key) map[string]string {
	values := make(map[string]string)
	for _, f := range key.Projection().FlattenedFields() {
		if v := key.Get(f); v != "" {
			values[f.Name] = v
		}
	}
	return values
}

// mustProject parses a projection that is a constant of this package.
func mustProject(p *benchproc.ProjectionParser, projection string) *benchproc.Projection {
	proj, err := p.Parse(projection, nil)
	if err != nil {
		panic(err)
	}
	return proj
}

// position returns where rec was read, "file:line".
func position(rec benchfmt.Record) string {
	file, line := rec.Pos()
	return fmt.Sprintf("%s:%d", file, line)
}
