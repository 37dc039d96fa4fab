// SPDX-License-Identifier: MIT

package baseline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"epbench"
	"epbench/workloads"
)

// start starts a workload that ends with the test.
func start(t *testing.T, spec string) *workloads.Workload {
	t.Helper()
	s, err := workloads.Parse(spec)
	if err != nil {
		t.Fatal(err)
	}
	w, err := workloads.Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// dump dumps pids by the named method.
func dump(t *testing.T, name string, pids ...int) ([]epbench.Registration, epbench.Stats) {
	t.Helper()
	regs, stats, err := tryDump(t.Context(), name, pids...)
	if err != nil && !errors.Is(err, epbench.ErrRefused) {
		t.Fatalf("%s: %v", name, err)
	}
	return regs, stats
}

func tryDump(ctx context.Context, name string, pids ...int) ([]epbench.Registration, epbench.Stats, error) {
	i := slices.IndexFunc(Methods(), func(m epbench.Method) bool { return m.Name == name })
	d, err := Methods()[i].Open()
	if err != nil {
		return nil, epbench.Stats{}, err
	}
	defer d.Close()
	return d.Dump(ctx, pids, nil)
}

var (
	kinds  = []string{"eventfd", "pipe", "unix", "tcp", "udp", "timerfd", "signalfd", "inotify", "epoll", "mixed"}
	shapes = []string{"inplace", "moved", "reused", "shared", "closed"}
)

func TestEveryMethodFindsTheTruthOfEveryKindAndShape(t *testing.T) {
	for _, kind := range kinds {
		for _, shape := range shapes {
			for _, more := range []string{"", ",epolls=3,idle=20", ",procs=3,epolls=2,idle=5"} {
				parity(t, "n=60,kind="+kind+",shape="+shape+more, "naive", "criu", "inode", "merge")
			}
		}
	}
}

func TestMethodsFindTheTruthOfLargerWorkloads(t *testing.T) {
	parity(t, "n=300,shape=moved,idle=100", "naive", "inode")
	for _, shape := range shapes {
		parity(t, "n=1500,idle=500,shape="+shape, "criu", "merge")
		parity(t, "n=1000,kind=mixed,epolls=7,idle=500,shape="+shape, "criu", "merge")
	}
}

// parity compares what methods find with the truth, and the fdinfo of every
// epoll instance with what it was.
func parity(t *testing.T, spec string, methods ...string) {
	t.Run(spec, func(t *testing.T) {
		w := start(t, spec)
		before := fdinfos(t, w.PIDs...)
		for _, name := range methods {
			got, stats := dump(t, name, w.PIDs...)
			if d := epbench.Diff(w.Truth, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
			if name == "merge" && sievable(w.Spec) && strings.Contains(fmt.Sprint(stats.Warnings), "merged") {
				t.Errorf("merge could not merge: %q", stats.Warnings)
			}
		}
		if after := fdinfos(t, w.PIDs...); after != before {
			t.Errorf("fdinfo was\n%s\nand is\n%s", before, after)
		}
	})
}

// sievable tells whether merge needs no kcmp for s: nested instances and
// files with many registrations are beyond it.
func sievable(s workloads.Spec) bool {
	return s.Kind != "epoll" && s.Kind != "mixed" && s.Shape != "shared"
}
