// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"epbench"
	"epbench/workloads"

	"golang.org/x/sys/unix"
)

var soak = flag.Duration("soak", 2*time.Second, "race the methods with processes that change, for that long in all")

// TestMethodsSurviveAProcessThatChanges dumps processes that add, delete,
// duplicate and close as fast as they can. A dump may fail, and say so; it may
// be marked, by a warning, and then name targets that it should not. What it
// tells must have existed, and what stays must be in it once. Only taskfile,
// which takes no lock, may then also lack some.
func TestMethodsSurviveAProcessThatChanges(t *testing.T) {
	dumpers := newDumpers(t)
	specs := []string{
		"shape=inplace,n=100,epolls=2,churn=100",
		// Here what comes and goes gets the numbers of what stays.
		"shape=moved,n=100,epolls=2,churn=100",
		"shape=reused,n=100,churn=5",
		"tree=forked,shape=moved,n=100,procs=3,churn=50",
	}
	if testing.Short() { // as in guests, where each instruction is emulated
		specs = specs[1:3]
	}
	each := *soak / time.Duration(len(specs)*len(methods()))
	for _, spec := range specs {
		t.Run(spec, func(t *testing.T) {
			parsed, err := workloads.Parse(spec)
			if err != nil {
				t.Fatal(err)
			}
			w := start(t, t, parsed)
			for _, m := range methods() {
				t.Run(m.Name, func(t *testing.T) {
					r := race{w: w, method: m, dumper: dumpers.get(t, m), failures: map[string]int{}}
					for end := time.Now().Add(each); r.dumps == 0 || time.Now().Before(end); {
						r.dump(t)
					}
					t.Log(r.summary())
				})
			}
		})
	}
}

// TestMethodsAgreeOnAProcessThatIsStopped stops it in the middle of what it
// does, as a checkpoint would.
func TestMethodsAgreeOnAProcessThatIsStopped(t *testing.T) {
	dumpers := newDumpers(t)
	for _, shape := range []string{"inplace", "moved"} {
		spec, err := workloads.Parse("n=50,epolls=2,churn=100,shape=" + shape)
		if err != nil {
			t.Fatal(err)
		}
		w := start(t, t, spec)
		stopInTheMiddle(t, w)
		var first []epbench.Registration
		for _, m := range methods() {
			t.Run("shape="+shape+"/"+m.Name, func(t *testing.T) {
				r := race{w: w, method: m, dumper: dumpers.get(t, m)}
				got, stats, err := r.dumper.Dump(t.Context(), w.PIDs, nil)
				if unlessRefused(err) != nil {
					t.Fatal(err)
				}
				if err := r.check(got, false); err != nil {
					t.Error(err)
				}
				if first == nil {
					first = got
				}
				if diff := epbench.Diff(first, got); diff != "" {
					t.Errorf("%q: not what the first method finds: %s", stats.Warnings, diff)
				}
			})
		}
	}
}

// stopInTheMiddle stops w when something has come that does not stay.
func stopInTheMiddle(t *testing.T, w *workloads.Workload) {
	t.Helper()
	d := newDumpers(t).get(t, only([]string{"merge"})[0])
	for delay := 10 * time.Millisecond; ; delay *= 2 {
		time.Sleep(delay)
		stop(t, w.PIDs[0])
		regs, _, err := d.Dump(t.Context(), w.PIDs, nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(regs) > len(w.Truth) {
			return
		}
		if err := unix.Kill(w.PIDs[0], unix.SIGCONT); err != nil {
			t.Fatal(err)
		}
	}
}

// stop stops a process and waits until it is.
func stop(t *testing.T, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nState:\tT") {
			return
		}
	}
}

// race is dumps of one workload by one method.
type race struct {
	w        *workloads.Workload
	method   epbench.Method
	dumper   epbench.Dumper
	dumps    int
	failures map[string]int
	warned   int
}

func (r *race) summary() string {
	text := fmt.Sprintf("%d dumps, of which %d were marked", r.dumps, r.warned)
	for _, failure := range slices.Sorted(maps.Keys(r.failures)) {
		text += fmt.Sprintf("\n%d failed: %s", r.failures[failure], failure)
	}
	return text
}

// dump dumps once and checks the result.
func (r *race) dump(t *testing.T) {
	t.Helper()
	const patience = time.Minute // a dump that takes longer hangs
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r.dumps++
	regs, stats, err := r.dumper.Dump(ctx, r.w.PIDs, nil)
	switch err = unlessRefused(err); {
	case errors.Is(err, context.DeadlineExceeded):
		t.Fatalf("a dump has not ended after %v", patience)
	case errors.Is(err, epbench.ErrNoProcess):
		t.Fatal(err)
	case err != nil:
		for u := errors.Unwrap(err); u != nil; u = errors.Unwrap(u) {
			err = u // the cause, without the numbers that are others each time
		}
		r.failures[err.Error()]++
		return
	}
	if len(stats.Warnings) > 0 {
		r.warned++
	}
	if err := r.check(regs, len(stats.Warnings) > 0); err != nil {
		t.Fatalf("dump %d (warnings: %q): %v", r.dumps, stats.Warnings, err)
	}
}

// check returns an error if regs has something that never was, or not
// everything that stays exactly once, with its target unless it is marked.
func (r *race) check(regs []epbench.Registration, marked bool) error {
	var stay []epbench.Registration
	truth := map[uint64]epbench.Registration{}
	for _, want := range r.w.Truth {
		truth[want.Data] = want
	}
	for _, reg := range regs {
		if marked { // its target may be wrong
			reg.Target = truth[reg.Data].Target
		}
		if workloads.Transient(reg.Data) {
			if err := r.w.CheckTransient(reg); err != nil {
				return err
			}
			continue
		}
		want, ok := truth[reg.Data]
		if !ok || want != reg {
			return fmt.Errorf("%v never was, there is %v", reg, want)
		}
		stay = append(stay, reg)
	}
	if marked && r.method.Name == "taskfile" {
		return nil
	}
	if diff := epbench.Diff(r.w.Truth, stay); diff != "" {
		return errors.New(diff)
	}
	return nil
}
