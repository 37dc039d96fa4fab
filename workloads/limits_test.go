// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"strings"
	"testing"
)

// runLimited runs a workload in a process whose hard descriptor limit is
// lower, and returns what it said on standard error.
func runLimited(t *testing.T, s Spec, limit int) string {
	t.Helper()
	cmd := helperCommand(s.String(), limit)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil && stderr.Len() == 0 {
		t.Fatalf("%v: %v", s, err)
	}
	return strings.TrimSpace(stderr.String())
}

// most returns the largest N with which s fits.
func most(s Spec, limit int) int {
	low, high := 1, axes[0].max
	for low < high {
		s.N = (low + high + 1) / 2
		if s.fits(limit) == nil {
			low = s.N
		} else {
			high = s.N - 1
		}
	}
	return low
}

// TestWhatFitsTheLimitStarts shows that the check before the start is right:
// the largest workload that it lets through does start, every time.
func TestWhatFitsTheLimitStarts(t *testing.T) {
	const limit = 400
	for _, shape := range Shapes() {
		for _, kind := range Kinds() {
			s := Spec{Shape: shape, Kind: kind, Epolls: 3, Idle: 30, Procs: 2}.withDefaults()
			s.N = most(s, limit)
			if kind == kindInotify && shape == shapeShared {
				s.N = 1000 // one instance for each file is more than a user may have
			}
			if text := runLimited(t, s, limit); text != "" {
				t.Errorf("%v: %s", s, text)
			}
		}
	}
}

func TestALimitTooLowIsOneClearError(t *testing.T) {
	for _, test := range []struct {
		spec  Spec
		limit int
		want  []string
	}{
		{Spec{N: 30000}, 20000, []string{"descriptor limit 20000 is too low for n=30000", "use fewer n, or shape=shared"}},
		{Spec{N: 350, Idle: 300}, 400, []string{"descriptor limit 400", "n=350 idle=300", "use fewer"}},
		{Spec{Shape: shapeClosed, N: 1000}, 400, []string{"descriptor limit 400", "n=1000", "use fewer n"}},
		{Spec{Shape: shapeShared, N: 1_000_000}, 400, []string{"descriptor limit 400", "n=1000000", "use fewer n"}},
		{Spec{Shape: shapeShared, N: 10, Idle: 400}, 400, []string{"descriptor limit 400", "idle=400", "less idle"}},
		{Spec{Shape: shapeShared, N: 100_000, Kind: kindInotify}, 1000, []string{"EMFILE from inotify_init1: raise fs.inotify.max_user_instances"}},
	} {
		text := runLimited(t, test.spec, test.limit)
		for _, want := range test.want {
			if !strings.Contains(text, want) || strings.Contains(text, "\n") {
				t.Errorf("%v, limit %d: %q, want %q in one line", test.spec, test.limit, text, want)
			}
		}
	}
}

func TestSharedTakesNoMoreFilesThanItNeeds(t *testing.T) {
	for _, test := range []struct {
		n, epolls, limit int
		want             sharing
	}{
		{1, 1, 20000, sharing{1, 1}},
		{sharedNumbers, 1, 20000, sharing{1, sharedNumbers}},
		{sharedNumbers + 1, 1, 20000, sharing{2, sharedNumbers/2 + 1}},
		{1_000_000, 1, 20000, sharing{62, 16130}},
		{1_000_000, 4, 20000, sharing{16, 15625}},
		{1_000_000, 1, 1 << 20, sharing{62, 16130}},
	} {
		got, ok := Spec{Shape: shapeShared, N: test.n, Epolls: test.epolls}.planShared(test.limit)
		if !ok || got != test.want {
			t.Errorf("n=%d epolls=%d limit %d: %+v, want %+v", test.n, test.epolls, test.limit, got, test.want)
		}
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	for _, a := range advice {
		call := a.call
		if call == "" {
			call = "some_call"
		}
		text := failed(call, fmt.Errorf("wrapped: %w", a.err)).Error()
		if !strings.Contains(text, " from "+call+": ") || strings.HasPrefix(text, " ") {
			t.Errorf("%q does not name the error and the call", text)
		}
	}
}
