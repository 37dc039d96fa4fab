// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"epbench"

	"golang.org/x/sys/unix"
)

// Arrays and runs that are as short as can be make pieces of a few thousand
// registrations, as the usual ones do of millions.
var small = []taskfileSize{
	{lengths{1, 4}, 0},
	{lengths{1, 1 << 16}, 6},
	{lengths{1 << 15, 16}, 1},
	{lengths{100, 256}, 3},
	{lengths{1000, 100}, 2},
}

func TestPiecesMakeTheWhole(t *testing.T) {
	n := 3000
	if testing.Short() {
		n = 600
	}
	var dumpers []*taskfile
	for _, size := range small {
		dumpers = append(dumpers, openSize(t, size))
	}
	for _, text := range []string{
		"shape=moved,kind=eventfd,n=%d",
		"shape=shared,kind=pipe,n=%d,epolls=3",
		"shape=reused,kind=tcp,n=%d,procs=3",
		"shape=inplace,kind=eventfd,n=%d,epolls=200",
	} {
		w := start(t, fmt.Sprintf(text, n))
		for k, d := range dumpers {
			t.Run(fmt.Sprintf("%v in %v", w.Spec, small[k]), func(t *testing.T) {
				for range 2 {
					if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
						t.Error(diff)
					}
				}
			})
		}
	}
}

// However many registrations there are, a run is not longer than its height
// allows.
func TestRunsAreBounded(t *testing.T) {
	n := 50_000
	if testing.Short() {
		n = 4000
	}
	w := start(t, fmt.Sprintf("shape=shared,kind=eventfd,n=%d", n))
	for _, size := range append(small, usualTaskfile) {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			d := openSize(t, size)
			if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
				t.Error(diff)
			}
			const paths = 128 // nodes that are only passed
			if most := int(d.state.Most); most >= size.run()+paths {
				t.Errorf("a run has read %d nodes, more than %d", most, size.run()+paths)
			}
			if runs := int(d.state.Runs); runs < n/size.run() {
				t.Errorf("only %d runs for %d registrations", runs, n)
			}
		})
	}
}

// between is a context that has something done between the runs of a program.
type between struct {
	context.Context
	do func()
}

func (b between) Err() error {
	b.do()
	return nil
}

func TestChangesBetweenRunsLoseAndRepeatNothing(t *testing.T) {
	d := openSize(t, taskfileSize{lengths{1000, 64}, 2})
	for _, layout := range layouts {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%s, seed %d", layout.name, seed), func(t *testing.T) {
				i := newItems(t)
				var stay, come []item
				for n := range 600 {
					if it := layout.add(t, i, n); n%2 == 0 {
						stay = append(stay, it)
					} else {
						come = append(come, it)
					}
				}
				c := changer{rand: rand.New(rand.NewPCG(seed, 0)), items: i, come: come, numbers: 2 * len(come)}
				ctx := between{t.Context(), func() { c.change(t, 10) }}
				got, _, err := d.Dump(ctx, []int{os.Getpid()}, nil)
				if err != nil {
					t.Fatal(err)
				}
				requireOnce(t, i, recordsOf(got, i.epoll), stay)
			})
		}
	}
}

// recordsOf are the registrations of one of this process's epoll instances.
func recordsOf(regs []epbench.Registration, epoll int) (of []record) {
	for _, r := range regs {
		if int(r.Epoll.FD) == epoll {
			of = append(of, record{data: r.Data, events: r.Events, tfd: r.TFD})
		}
	}
	return of
}

// A descriptor may be closed while its epoll instance is read, and may even
// come to be another instance's: then nothing of the old one is reported.
func TestEpollClosedBetweenRunsIsReadAnew(t *testing.T) {
	d := openSize(t, taskfileSize{lengths{1000, 64}, 2})
	i, other := newItems(t), newItems(t)
	for n := range 500 {
		i.add(t, n)
	}
	it := other.add(t, 1000)
	runs := 0
	ctx := between{t.Context(), func() {
		if runs++; runs == 10 {
			if err := unix.Dup3(other.epoll, i.epoll, unix.O_CLOEXEC); err != nil {
				t.Error(err)
			}
		}
	}}
	got, stats, err := d.Dump(ctx, []int{os.Getpid()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	of := recordsOf(got, i.epoll)
	if len(of) != 1 || of[0].data != it.data {
		t.Errorf("%d registrations, want one", len(of))
	}
	if !slices.ContainsFunc(stats.Warnings, func(w string) bool { return strings.Contains(w, "closed") }) {
		t.Errorf("warnings: %q", stats.Warnings)
	}
}

// The program remembers the epoll instances that it has walked in a table
// where they displace each other.
func TestEpollsOfSeveralProcessesAreDumpedOnce(t *testing.T) {
	d := open(t)
	w := start(t, "shape=inplace,kind=eventfd,n=6000,epolls=6000,procs=3")
	if diff := epbench.Diff(w.Truth, dump(t, d, w)); diff != "" {
		t.Error(diff)
	}
}

func TestDumpAppends(t *testing.T) {
	d := open(t)
	w := start(t, "shape=moved,kind=eventfd,n=100")
	before := epbench.Registration{TFD: 42}
	got, _, err := d.Dump(t.Context(), w.PIDs, []epbench.Registration{before})
	if err != nil {
		t.Fatal(err)
	}
	if got[0] != before {
		t.Errorf("what was there became %v", got[0])
	}
	if diff := epbench.Diff(w.Truth, got[1:]); diff != "" {
		t.Error(diff)
	}
}
