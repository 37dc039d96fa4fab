// SPDX-License-Identifier: MIT

package bpf

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// Nothing is pinned, so what no descriptor and no mapping holds is gone.
func TestDumpsLeaveNothingBehind(t *testing.T) {
	w := start(t, "shape=moved,kind=eventfd,n=100")
	open(t).Close() // whatever is opened once for all
	before := settled(t)
	d, err := newTaskfile(taskfileSize{lengths{1, 4}, 0})
	if err != nil {
		t.Fatal(err)
	}
	dump(t, d, w)
	during := settled(t)
	for range 100 {
		dump(t, d, w)
	}
	if after := settled(t); !slices.Equal(after, during) {
		t.Errorf("100 dumps: holds %q, held %q", after, during)
	}
	d.Close()
	if after := settled(t); !slices.Equal(after, before) {
		t.Errorf("after Close: holds %q, held %q", after, before)
	}
}

// settled is what is held when the garbage collector has undone the mappings
// of global variables, which it does some time after it has run.
func settled(t *testing.T) []string {
	t.Helper()
	last := held(t)
	for same := 0; same < 10; same++ {
		runtime.GC()
		time.Sleep(time.Millisecond)
		if now := held(t); !slices.Equal(now, last) {
			last, same = now, 0
		}
	}
	return last
}

// held lists this process's BPF and pidfd descriptors and its BPF mappings.
func held(t *testing.T) (names []string) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name, _ := os.Readlink("/proc/self/fd/" + e.Name())
		if strings.Contains(name, "bpf-") || strings.Contains(name, "btf") || strings.Contains(name, "pidfd") {
			names = append(names, name)
		}
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(maps)) {
		if fields := strings.Fields(line); len(fields) > 5 && strings.Contains(fields[5], "bpf-map") {
			names = append(names, fields[5])
		}
	}
	slices.Sort(names)
	return names
}
