// SPDX-License-Identifier: MIT

package bench

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"epbench"
	"epbench/baseline"
	"epbench/bpf"
	"epbench/workloads"

	"golang.org/x/sys/unix"
)

var (
	sizes       = listFlag("sizes", "100,1000,10000", "numbers of registrations, ascending", parseSize)
	shapes      = listFlag("shapes", strings.Join(workloads.Shapes(), ","), "shapes", oneOf(workloads.Shapes()))
	kinds       = listFlag("kinds", "eventfd,unix", "kinds of target", oneOf(workloads.Kinds()))
	resumeSizes = listFlag("resume-sizes", "1000,10000,100000", "numbers of registrations of BenchmarkResume, ascending", parseSize)

	budget = flag.Duration("budget", 2*time.Second, "do not run cases of which one operation is predicted to cost more")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if benchmarking() {
		printConfiguration()
	}
	os.Exit(m.Run())
}

func benchmarking() bool {
	f := flag.Lookup("test.bench")
	return f != nil && f.Value.String() != ""
}

// printConfiguration prints the lines by which benchstat tells apart what must
// not be mixed. What cannot be seen from inside comes from the environment:
// who boots a guest sets the lane, make sets the commit.
func printConfiguration() {
	fmt.Println("kernel:", kernelRelease())
	fmt.Println("lane:", lane())
	fmt.Println("accel:", cmp.Or(os.Getenv("EPBENCH_ACCEL"), "none"))
	fmt.Println("clock:", clock())
	fmt.Println("patched:", patched())
	fmt.Println("suite:", cmp.Or(os.Getenv("EPBENCH_SUITE"), "unknown"))
}

func kernelRelease() string {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "unknown"
	}
	return unix.ByteSliceToString(u.Release[:])
}

func lane() string {
	return cmp.Or(os.Getenv("EPBENCH_LANE"), "native")
}

// clock is what the b.N loop's nanoseconds are: time, or guest instructions.
func clock() string {
	return cmp.Or(os.Getenv("EPBENCH_CLOCK"), "time")
}

// unit is what the clock counts.
func unit() string {
	if clock() == "insn" {
		return "insn"
	}
	return "ns"
}

// patched tells whether this kernel has the epoll iterator.
func patched() string {
	for _, m := range bpf.Methods() {
		if m.Name != "epoll" {
			continue
		}
		if d, err := m.Open(); err == nil {
			d.Close()
			return "yes"
		}
	}
	return "no"
}

func methods() []epbench.Method {
	return append(baseline.Methods(), bpf.Methods()...)
}

// list is a comma-separated flag.
type list[T any] struct {
	values []T
	text   string
	parse  func(string) (T, error)
}

func listFlag[T any](name, value, usage string, parse func(string) (T, error)) *list[T] {
	l := &list[T]{parse: parse}
	if err := l.Set(value); err != nil {
		panic(err)
	}
	flag.Var(l, name, usage+", separated by commas")
	return l
}

func (l *list[T]) String() string { return l.text }

func (l *list[T]) Set(text string) error {
	l.text, l.values = text, nil
	for word := range strings.SplitSeq(text, ",") {
		v, err := l.parse(word)
		if err != nil {
			return err
		}
		l.values = append(l.values, v)
	}
	return nil
}

func parseSize(word string) (int, error) {
	n, err := strconv.Atoi(word)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("%q is not a number of registrations", word)
	}
	return n, nil
}

func oneOf(words []string) func(string) (string, error) {
	return func(word string) (string, error) {
		if !slices.Contains(words, word) {
			return "", fmt.Errorf("%q is not one of %s", word, strings.Join(words, ", "))
		}
		return word, nil
	}
}
