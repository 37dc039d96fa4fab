// SPDX-License-Identifier: MIT

package bpf

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
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

// peakVariable makes the test binary dump a process, and tell its own peak of
// memory.
const peakVariable = "EPBENCH_TEST_PEAK_OF"

// A dump, the first one too, takes less than a hundred bytes a registration:
// the records, their order, and the result.
func TestPeakMemoryIsBounded(t *testing.T) {
	if pid := os.Getenv(peakVariable); pid != "" {
		printPeak(t, pid)
		return
	}
	open(t).Close()
	n := 1_000_000
	if testing.Short() {
		n = 100_000
	}
	w := start(t, fmt.Sprintf("shape=shared,kind=eventfd,n=%d", n))
	child := exec.Command("/proc/self/exe", "-test.run=^TestPeakMemoryIsBounded$")
	child.Env = append(os.Environ(), peakVariable+"="+strconv.Itoa(w.PIDs[0]))
	out, err := child.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got, more int
	if _, err := fmt.Sscanf(string(out), "%d registrations, %d bytes", &got, &more); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got != n {
		t.Errorf("%d registrations, want %d", got, n)
	}
	limit := 8<<20 + 80*n // arrays of the usual lengths, and Go's heap
	t.Logf("%d KiB, %d bytes a registration", more>>10, more/n)
	if more > limit {
		t.Errorf("%d bytes, more than %d", more, limit)
	}
}

// printPeak tells by how much a dump makes this process larger. The BPF arrays
// are counted, since they are mapped.
func printPeak(t *testing.T, text string) {
	pid, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	before := statusBytes(t, "VmRSS")
	got, _, err := open(t).Dump(t.Context(), []int{pid}, nil)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%d registrations, %d bytes\n", len(got), statusBytes(t, "VmHWM")-before)
}

// statusBytes is a line of /proc/self/status, proc(5).
func statusBytes(t *testing.T, name string) int {
	t.Helper()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	defer status.Close()
	for lines := bufio.NewScanner(status); lines.Scan(); {
		var kib int
		if _, err := fmt.Sscanf(lines.Text(), name+": %d kB", &kib); err == nil {
			return kib << 10
		}
	}
	t.Fatalf("no %s in /proc/self/status", name)
	return 0
}
