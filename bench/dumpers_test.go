// SPDX-License-Identifier: MIT

package bench

import (
	"testing"

	"epbench"
)

// dumpers opens each method at most once, and closes it with owner: loading BPF
// takes longer than most dumps. What it costs is BenchmarkSetup's to tell.
type dumpers struct {
	owner  testing.TB
	opened map[string]opening
}

type opening struct {
	dumper epbench.Dumper
	err    error
}

func newDumpers(owner testing.TB) *dumpers {
	return &dumpers{owner, map[string]opening{}}
}

// get returns the dumper of a method. It skips t where the method cannot work.
func (d *dumpers) get(t testing.TB, m epbench.Method) epbench.Dumper {
	t.Helper()
	o, ok := d.opened[m.Name]
	if !ok {
		o.dumper, o.err = m.Open()
		d.opened[m.Name] = o
		if o.err == nil {
			d.owner.Cleanup(func() {
				if err := o.dumper.Close(); err != nil {
					d.owner.Errorf("closing %v: %v", m.Name, err)
				}
			})
		}
	}
	skipUnavailable(t, o.err)
	if o.err != nil {
		t.Fatalf("opening %v: %v", m.Name, o.err)
	}
	return o.dumper
}
