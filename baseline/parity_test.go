// SPDX-License-Identifier: MIT

package baseline

import (
	"context"
	"slices"
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
	if err != nil {
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
				parity(t, "n=60,kind="+kind+",shape="+shape+more)
			}
		}
	}
}

func parity(t *testing.T, spec string) {
	t.Run(spec, func(t *testing.T) {
		w := start(t, spec)
		for _, m := range Methods() {
			got, _ := dump(t, m.Name, w.PIDs...)
			if d := epbench.Diff(w.Truth, got); d != "" {
				t.Errorf("%s: %s", m.Name, d)
			}
		}
	})
}
