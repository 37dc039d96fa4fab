// SPDX-License-Identifier: MIT

package bench

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"
	"time"

	"epbench"
	"epbench/bpf"
	"epbench/workloads"
)

var scaleSizes = listFlag("scale-sizes", "10000,100000,1000000", "numbers of registrations of BenchmarkScale", parseSize)

// bounded is a dumper that tells how long it has kept others waiting: the
// processor that a BPF program ran on, or whoever wanted the epoll's lock.
type bounded interface {
	epbench.Dumper
	LongestRun() time.Duration
}

// BenchmarkScale is what becomes of the iterators where registrations are many:
// what each costs, for how long the longest run of a BPF program goes on or
// holds the epoll's lock (max-run-ns, or -insn: the longest of a dump, the median
// of all dumps, since what interrupts a run counts as well), and by how much the
// first dump makes a process larger (B-mem/reg).
func BenchmarkScale(b *testing.B) {
	dumpers := newDumpers(b)
	for _, n := range scaleSizes.values {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			spec, err := workloads.Parse(fmt.Sprintf("shape=shared,kind=eventfd,n=%d", n))
			if err != nil {
				b.Fatal(err)
			}
			get := sharedWorkload(b, spec)
			for _, m := range bpf.Methods() {
				b.Run("method="+m.Name, func(b *testing.B) {
					d := dumpers.get(b, m).(bounded)
					skipOtherLanes(b, m, n)
					w := get(b)
					checkMethod(b, treeOf(w), m, d)
					benchmarkScale(b, w, d)
					if clock() == "time" { // in a guest it is the same
						b.ReportMetric(float64(memoryOf(b, m.Name, w))/float64(n), "B-mem/reg")
					}
				})
			}
		})
	}
}

// skipOtherLanes skips what takes long in a guest and is measured natively.
func skipOtherLanes(b *testing.B, m epbench.Method, n int) {
	if clock() == "insn" && m.Name == "taskfile" && n > 100_000 {
		b.Skip("is measured natively")
	}
}

func benchmarkScale(b *testing.B, w *workloads.Workload, d bounded) {
	regs := make([]epbench.Registration, 0, len(w.Truth))
	var longest []time.Duration
	for b.Loop() {
		var err error
		if regs, _, err = d.Dump(b.Context(), w.PIDs, regs[:0]); err != nil {
			b.Fatal(err)
		}
		longest = append(longest, d.LongestRun())
	}
	reportTime(b, len(w.Truth))
	slices.Sort(longest)
	b.ReportMetric(float64(longest[len(longest)/2].Nanoseconds()), "max-run-"+unit())
}

// A million registrations are dumped right by every method that can, and take
// less than a hundred bytes each: the records, their order, and the result.
func TestMillionRegistrationsAreDumped(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	spec, err := workloads.Parse(fmt.Sprintf("shape=shared,kind=eventfd,n=%d", n))
	if err != nil {
		t.Fatal(err)
	}
	w := start(t, t, spec)
	dumpers := newDumpers(t)
	for _, m := range bpf.Methods() {
		t.Run(m.Name, func(t *testing.T) {
			began := time.Now()
			got, stats, err := dumpers.get(t, m).Dump(t.Context(), w.PIDs, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%v", time.Since(began))
			if diff := epbench.Diff(w.Truth, got); diff != "" {
				t.Error(diff)
			}
			if len(stats.Warnings) > 0 {
				t.Errorf("warnings: %q", stats.Warnings)
			}
			memory, limit := memoryOf(t, m.Name, w), 12<<20+80*n // the kernel's types when read, and arrays of the usual length
			t.Logf("%d bytes of memory a registration", memory/n)
			if memory > limit {
				t.Errorf("%d bytes of memory, more than %d", memory, limit)
			}
		})
	}
}

// The names of what a child is told.
const (
	memoryMethod  = "EPBENCH_MEMORY_METHOD"
	memoryProcess = "EPBENCH_MEMORY_PID"
)

// memoryOf is by how much opening a method and the first dump make a process
// larger, Go's heap and mapped BPF arrays included.
func memoryOf(b testing.TB, method string, w *workloads.Workload) (bytes int) {
	b.Helper()
	child := exec.Command("/proc/self/exe", "-test.run=^TestMemoryOfADump$")
	child.Env = append(os.Environ(), memoryMethod+"="+method, memoryProcess+"="+strconv.Itoa(w.PIDs[0]))
	out, err := child.Output()
	if err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	if _, err := fmt.Sscanf(string(out), "%d bytes", &bytes); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	return bytes
}

// TestMemoryOfADump is what memoryOf runs in a process of its own.
func TestMemoryOfADump(t *testing.T) {
	pid, err := strconv.Atoi(os.Getenv(memoryProcess))
	if err != nil {
		t.Skip("is run by BenchmarkScale")
	}
	for _, m := range bpf.Methods() {
		if m.Name != os.Getenv(memoryMethod) {
			continue
		}
		before := statusBytes(t, "VmRSS")
		d := newDumpers(t).get(t, m)
		if _, _, err := d.Dump(t.Context(), []int{pid}, nil); err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%d bytes\n", statusBytes(t, "VmHWM")-before)
	}
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
