// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The files of this suite's tests are synthetic: drawn from laws like those
// that the methods follow, in the format that go test prints. No figure in
// them was measured.

// A run is a benchmark file in the making.
type run struct {
	strings.Builder
	rng     *rand.Rand
	insn    bool
	samples int
	noise   float64
}

const syntheticNativeHead = `# command: go test -run '^$' -bench . -count 8 ./bench
kernel: 6.18.0-synthetic
lane: native
accel: none
clock: time
patched: no
suite: 0123456789ab
goos: linux
goarch: amd64
pkg: epbench/bench
cpu: Synthetic CPU
`

const syntheticGuestHead = `kernel: 6.12.57-synthetic
lane: guest
accel: tcg
clock: insn
patched: yes
suite: 0123456789ab
goos: linux
goarch: amd64
pkg: epbench/bench
cpu: QEMU synthetic
`

// result prints the samples of one benchmark of cost ns (or instructions).
func (r *run) result(name string, n int, cost float64, metrics ...float64) {
	for range r.samples {
		v := cost * math.Abs(1+r.noise*r.rng.NormFloat64())
		iterations := max(1, int(1e9/v))
		unit := "ns"
		if r.insn {
			unit = "insn"
		}
		fmt.Fprintf(r, "Benchmark%s-2   \t%8d\t%s %s/op", name, iterations, goFloat(v), unit)
		if n > 0 {
			fmt.Fprintf(r, "\t%s %s/reg", goFloat(v/float64(n)), unit)
		}
		for i, m := range metrics {
			fmt.Fprintf(r, "\t%s %s", goFloat(m), []string{"kcmp/op", "syscalls/op", "B-read/op", "refused/op", "max-run-" + unit, "B-mem/reg"}[i])
		}
		r.WriteString("\n")
	}
}

// goFloat prints as package testing does.
func goFloat(v float64) string {
	switch a := math.Abs(v); {
	case v == 0 || a >= 999.95:
		return fmt.Sprintf("%.0f", v)
	case a >= 99.995:
		return fmt.Sprintf("%.1f", v)
	case a >= 9.9995:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}

var syntheticSizes = []int{100, 300, 1000, 3000, 10000}

// dumps prints a workload. factor is how hard the shape is for kcmp.
func (r *run) dumps(shape, kind string, inplace bool) {
	perItem := 1.0
	if r.insn {
		perItem = 0.3
	}
	for _, n := range syntheticSizes {
		x := float64(n)
		costs := map[string]float64{
			"naive":    0.7 * x * x * x,
			"criu":     18 * x * x * math.Log(x),
			"inode":    0.3 * x * x * x,
			"merge":    30e3 + 2200*x*math.Log(x),
			"taskfile": 180e3 + 1080*x,
		}
		if inplace {
			costs["naive"], costs["criu"], costs["inode"] = 12*x*x+3000*x, 12.4*x*x+3100*x, 12.2*x*x+3050*x
		}
		if r.insn {
			costs["epoll"] = 30e3 + 1200*x
		}
		for _, m := range []string{"naive", "criu", "inode", "merge", "taskfile", "epoll"} {
			name := fmt.Sprintf("Dump/shape=%s/kind=%s/n=%d/method=%s", shape, kind, n, m)
			cost := costs[m] * perItem
			if cost > 2e9 {
				fmt.Fprintf(r, "# not run: Benchmark%s predicted=%.3gs budget=2s\n", name, cost/1e9)
			} else if cost > 0 {
				r.result(name, n, cost, math.Sqrt(cost), x/50+10, 90*x)
			}
		}
		r.result(fmt.Sprintf("Floor/floor=empty/shape=%s/kind=%s/n=%d", shape, kind, n), n, (20e3+235*x)*perItem)
		r.result(fmt.Sprintf("Floor/floor=count/shape=%s/kind=%s/n=%d", shape, kind, n), n, (21e3+900*x)*perItem)
		if r.insn {
			r.result(fmt.Sprintf("Floor/floor=epoll-count/shape=%s/kind=%s/n=%d", shape, kind, n), n, (12e3+1020*x)*perItem)
		}
	}
}

// likenesses prints dumps of programs and of their profiles, and large ones.
func (r *run) likenesses() {
	for _, program := range []string{"nginx", "redis"} {
		for _, m := range []string{"criu", "merge", "taskfile"} {
			cost := map[string]float64{"criu": 9e7, "merge": 9e6, "taskfile": 4e5}[m]
			refused := 0.0
			if m == "criu" && program == "nginx" {
				refused = 1
			}
			r.result(fmt.Sprintf("Real/program=%s/n=2000/method=%s", program, m), 2000, cost, 100, 50, 1e5, refused)
			r.result(fmt.Sprintf("Profile/profile=%s/n=2000/method=%s", program, m), 2000, cost, 100, 50, 1e5, refused)
		}
	}
	for _, n := range []int{10_000, 1_000_000} {
		r.result(fmt.Sprintf("Scale/n=%d/method=taskfile", n), n, 400*float64(n), 0, 20, 24*float64(n), 0, 2.5e6, 77)
	}
}

func (r *run) setups(methods ...string) {
	for _, m := range methods {
		cost := 4100.0
		if isIterator(m) {
			cost = 6.1e6
		}
		r.result("Setup/method="+m, 0, cost)
	}
	for _, n := range syntheticSizes {
		r.result(fmt.Sprintf("Fdinfo/n=%d", n), 0, 9e3+2100*float64(n))
		r.result(fmt.Sprintf("Kcmp/n=%d", n), 0, 250+11*float64(n))
	}
}

func syntheticNative() string {
	r := &run{rng: newRand("native"), samples: 8, noise: 0.02}
	r.WriteString(syntheticNativeHead)
	r.dumps("moved", "eventfd", false)
	r.dumps("moved", "unix", false)
	r.dumps("inplace", "eventfd", true)
	r.likenesses()
	r.setups("naive", "criu", "inode", "merge", "taskfile")
	for _, threads := range []int{1, 2} {
		for i, op := range []string{"none", "peek", "fget", "rcu"} {
			for _, n := range []int{1000, 100000} {
				cost := (2 + []float64{0, 0.7, 9, 9.6}[i]*float64(threads*threads)) * float64(n)
				r.result(fmt.Sprintf("Refcount/guard=%s/threads=%d/n=%d", op, threads, n), n, cost)
			}
		}
	}
	r.WriteString("PASS\nok  \tepbench/bench\t123.4s\n")
	return r.String()
}

func syntheticGuest() string {
	r := &run{rng: newRand("guest"), samples: 6, noise: 0.0005, insn: true}
	r.WriteString(syntheticGuestHead)
	r.dumps("moved", "eventfd", false)
	r.likenesses()
	r.setups("merge", "taskfile", "epoll")
	for _, prog := range []string{"empty", "full"} {
		base := map[string]float64{"empty": 228, "full": 346}[prog]
		for i, guard := range []string{"none", "peek", "fget", "rcu"} {
			for _, n := range []int{1000, 10000} {
				r.result(fmt.Sprintf("FileRef/guard=%s/prog=%s/n=%d", guard, prog, n), n,
					9000+(base+[]float64{0, 4, 23, 25}[i])*float64(n))
			}
		}
	}
	for _, buf := range []int{4096, 65536} {
		for _, n := range []int{1000, 10000, 100000} {
			x := float64(n)
			r.result(fmt.Sprintf("Resume/resume=key/buf=%d/n=%d", buf, n), 0, 9000+430*x)
			r.result(fmt.Sprintf("Resume/resume=tfd/buf=%d/n=%d", buf, n), 0, 9000+430*x+x*x*570/float64(buf))
		}
	}
	r.WriteString("PASS\n")
	return r.String()
}

// writeFile writes a file that exists as long as the test.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// analyze reads and analyzes files with the given contents.
func analyze(t testing.TB, contents ...string) *Report {
	t.Helper()
	var paths []string
	for i, content := range contents {
		paths = append(paths, writeFile(t, fmt.Sprintf("synthetic-%d.txt", i), content))
	}
	data, err := Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return Analyze(data)
}
