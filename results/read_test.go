// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestFilesThatWouldMakeAWrongTableAreRefused(t *testing.T) {
	native, guest := syntheticNative(), syntheticGuest()
	replaced := func(old, new string) string { return strings.Replace(native, old, new, 1) }
	for name, test := range map[string]struct {
		content string
		want    string // regular expression, in which FILE is the path
	}{
		"empty":        {"", `^FILE: the file is empty$`},
		"blank":        {" \n\n", `^FILE: the file is empty$`},
		"foreign text": {"# Title\n\nBenchmarks are fun.\n", `^FILE: no results of this suite's benchmarks in it$`},
		"foreign benchmarks": {"goos: linux\npkg: example.org/other\nBenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 5 ns/op\nPASS\n",
			`^FILE: no results`},
		"lines without end": {native + strings.Repeat("x", 100_000), `FILE:\d+: .*token too long`},
		"head missing":      {native[strings.Index(native, "BenchmarkDump"):], `^FILE:1: no "kernel" line is in force`},
		"kernel missing":    {replaced("kernel: 6.18.0-synthetic\n", ""), `^FILE:10: the configuration of this run has no "kernel" line`},
		"unknown lane":      {replaced("lane: native", "lane: cloud"), `^FILE:12: lane: "cloud" is not one of native, guest$`},
		"unknown clock":     {replaced("clock: time", "clock: sun"), `clock: "sun" is not one of`},
		"another commit": {native + replaced("suite: 0123456789ab", "suite: other"),
			`^FILE:\d+: suite is "other", but "0123456789ab" at FILE:12: such results do not mix`},
		"another processor": {native + replaced("cpu: Synthetic", "cpu: Other"), `cpu is "Other CPU", but "Synthetic CPU" at FILE:12`},
		"another GOMAXPROCS": {native + strings.ReplaceAll(native, "-2   \t", "-4   \t"),
			`GOMAXPROCS is "4", but "2" at FILE:12`},
		"further configuration": {native + replaced("cpu: S", "governor: powersave\ncpu: S"),
			`further configuration is "governor: powersave", but "" at`},
		"concatenated with itself":              {native + native, `^FILE:\d+ repeats FILE:12 exactly, and \d+ of \d+ results do the like`},
		"cut off in its head, then appended to": {native[:76] + guest, `^FILE:2: two lines in one, "kernel: .*kernel: `},
		"cut off, then appended to": {native[:2000] + guest,
			`^FILE:\d+: the configuration of this run has no "kernel" line: was it appended to a file that had been cut off`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "file.txt", test.content)
			data, err := Read(path)
			if err == nil {
				t.Fatalf("no error; warnings: %q", data.Warnings)
			}
			want := strings.ReplaceAll(test.want, "FILE", regexp.QuoteMeta(path))
			if !regexp.MustCompile(want).MatchString(err.Error()) {
				t.Errorf("error %q does not match %q", err, want)
			}
		})
	}
}

func TestTheSameMeasurementsInTwoFilesAreRefused(t *testing.T) {
	first := writeFile(t, "first.txt", syntheticNative())
	second := writeFile(t, "second.txt", syntheticNative())
	for _, paths := range [][]string{{first, first}, {first, second}} {
		if _, err := Read(paths...); err == nil || !strings.Contains(err.Error(), "has the same content as "+first) {
			t.Errorf("%v: %v", paths, err)
		}
	}
}

func TestAFileThatCannotBeReadIsAnError(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "absent"), t.TempDir()} {
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// TestWhatCannotBeUsedIsWarnedOf makes sure that the rest of the file means
// what it meant without that.
func TestWhatCannotBeUsedIsWarnedOf(t *testing.T) {
	native := syntheticNative()
	body := strings.TrimSuffix(native, "PASS\nok  \tepbench/bench\t123.4s\n")
	for name, test := range map[string]struct {
		content string
		want    string
	}{
		"no unit":        {body + "BenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 5\nPASS\n", `FILE:\d+: missing units: line not used`},
		"no number":      {body + "BenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 x ns/op\nPASS\n", `FILE:\d+: parsing measurement: .*: line not used`},
		"not a number":   {body + "BenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 NaN ns/op\nPASS\n", `NaN sec/op is no measurement`},
		"negative":       {body + "BenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 -5 ns/op\nPASS\n", `is no measurement`},
		"no time":        {body + "BenchmarkDump/shape=a/kind=b/n=1/method=criu-2 10 5 kcmp/op\nPASS\n", `no sec/op of Benchmark`},
		"time twice":     {body + "BenchmarkKcmp/n=7-2 10 5 ns/op 6 ns/op\nPASS\n", `two values of sec/op`},
		"no size":        {body + "BenchmarkDump/shape=a/kind=b/method=criu-2 10 5 ns/op\nPASS\n", `no n= in Benchmark.*: line not used`},
		"no such size":   {body + "BenchmarkKcmp/n=many-2 10 5 ns/op\nPASS\n", `n=many in .* is no number of registrations`},
		"other suite":    {body + "BenchmarkSort/n=5-2 10 5 ns/op\nBenchmarkSort/n=6-2 10 5 ns/op\nPASS\n", `FILE:\d+: 2 results, from here on, are not of this suite's`},
		"other package":  {native + "goos: linux\npkg: other\ncpu: X\nBenchmarkKcmp/n=7-2 10 5 ns/op\nPASS\n", `1 results, from here on, are not of this suite's`},
		"cut off":        {body + "BenchmarkKcmp/n=7-2 \t 10\t 123 ns/op\t 12", `FILE:\d+: the last line is cut off, and not used`},
		"no end":         {body, `FILE:\d+: no PASS or FAIL follows this result`},
		"failed":         {body + "--- FAIL: BenchmarkDump/shape=moved\nFAIL\n", `FILE:\d+: the run failed \(--- FAIL: BenchmarkDump/shape=moved\)`},
		"bad prediction": {body + "# not run: BenchmarkKcmp/n=7 soon\nPASS\n", `want "# not run: NAME predicted=13.2s budget=2s"`},
		"a note first": {strings.Replace(native, "goos: ", "# not run: BenchmarkKcmp/n=7 predicted=13.2s budget=2s\ngoos: ", 1),
			`^$`},
		"line endings": {strings.ReplaceAll(native, "\n", "\r\n"), `^$`},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, "file.txt", test.content)
			data, err := Read(path)
			if err != nil {
				t.Fatal(err)
			}
			want := regexp.MustCompile(strings.ReplaceAll(test.want, "FILE", regexp.QuoteMeta(path)))
			if !want.MatchString(strings.Join(data.Warnings, "\n")) {
				t.Errorf("warnings %q do not match %q", data.Warnings, want)
			}
			if diff := cmp.Diff(values(t, native), groupValues(data)); diff != "" {
				t.Errorf("the other results differ: %s", diff)
			}
		})
	}
}

// values reads content and returns all measurements.
func values(t rapid.TB, content string) map[string][]float64 {
	data, err := readContent(t, content)
	if err != nil {
		t.Fatal(err)
	}
	return groupValues(data)
}

func readContent(t rapid.TB, content string) (*Data, error) {
	t.Helper()
	file, err := os.CreateTemp("", "synthetic")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := file.WriteString(content); err != nil {
		t.Fatal(err)
	}
	return Read(file.Name())
}

func groupValues(data *Data) map[string][]float64 {
	all := make(map[string][]float64)
	for _, g := range data.Groups {
		for key, v := range g.values {
			all[fmt.Sprint(g.Lane, g.Kernel, g.Clock, key.Case, key.unit)] = v
		}
	}
	return all
}

// However a file is cut, and whatever is then appended to it: either Read
// refuses, or all that it reads was in one of the files, under its conditions.
func TestCuttingAndAppendingNeverMovesAResult(t *testing.T) {
	native, guest := syntheticNative(), syntheticGuest()
	wholeNative, wholeGuest := values(t, native), values(t, guest)
	rapid.Check(t, func(t *rapid.T) {
		cut := rapid.OneOf(
			rapid.IntRange(0, len(syntheticNativeHead)),
			rapid.IntRange(0, len(native)),
		).Draw(t, "cut")
		content, want := native[:cut], map[string][]float64{}
		if rapid.Bool().Draw(t, "append") {
			content, want = content+guest, wholeGuest
		}
		data, err := readContent(t, content)
		if err != nil {
			return
		}
		for key, got := range groupValues(data) {
			if guestValues, ok := want[key]; ok {
				if !slices.Equal(got, guestValues) {
					t.Fatalf("%s: %v, want %v", key, got, guestValues)
				}
				continue
			}
			whole := wholeNative[key]
			if len(got) > len(whole) || !slices.Equal(got, whole[:len(got)]) {
				t.Fatalf("%s: %v is no beginning of %v", key, got, whole)
			}
		}
	})
}

func TestLanesKernelsAndClocksAreKeptApart(t *testing.T) {
	native := syntheticNative()
	// Two runs of 16 samples each, on two kernels.
	other := strings.ReplaceAll(native, "6.18.0-synthetic", "6.1.0-synthetic")
	r := analyze(t, native, other, syntheticGuest())
	var slugs []string
	for _, g := range r.Groups {
		slugs = append(slugs, g.Slug)
		for _, m := range g.Measurements {
			if want := map[string]int{"native": 8, "guest": 6}[g.Lane]; m.Cost.Samples != want {
				t.Fatalf("%s: %v has %d samples, want %d", g.Slug, m.Case, m.Cost.Samples, want)
			}
		}
	}
	want := []string{"native-6.1.0-synthetic", "native-6.18.0-synthetic", "guest-insn"}
	if !slices.Equal(slugs, want) {
		t.Errorf("groups %q, want %q", slugs, want)
	}
}

func TestFurtherAxesAreKeptApart(t *testing.T) {
	native := syntheticNative()
	more := strings.ReplaceAll(native, "/n=", "/epolls=4/idle=9/n=")
	path := writeFile(t, "more.txt", more[strings.Index(more, "BenchmarkDump"):])
	content, _ := os.ReadFile(path)
	r := analyze(t, strings.TrimSuffix(native, "PASS\nok  \tepbench/bench\t123.4s\n")+string(content))
	for _, m := range r.Groups[0].Measurements {
		if m.Case.Bench == "Dump" && m.Cost.Samples != 8 {
			t.Fatalf("%v has %d samples, want 8", m.Case, m.Cost.Samples)
		}
	}
	if w := r.Groups[0].workloads("Dump"); len(w) != 6 || w[1].workloadText() != "moved eventfd epolls=4 idle=9" {
		t.Errorf("workloads: %+v", w)
	}
}

func TestWhatWasMeasuredAfterAllIsNotListedAsNotRun(t *testing.T) {
	name := "BenchmarkDump/shape=moved/kind=eventfd/n=3000/method=naive"
	extra := strings.Replace(syntheticNativeHead, "# command", "# other command", 1) + name + "-2 \t 1\t 18900000000 ns/op\nPASS\n"
	r := analyze(t, syntheticNative(), extra)
	for _, n := range r.Groups[0].NotRun {
		if n.Case.String() == name {
			t.Errorf("%s was measured, and is listed as not run", name)
		}
	}
	if len(r.Groups[0].NotRun) == 0 {
		t.Error("nothing is listed as not run")
	}
}

func TestCommandsAndReasonsAreKept(t *testing.T) {
	reason := "loading the epoll program: not supported by this kernel"
	r := analyze(t, strings.Replace(syntheticNative(), "PASS", "# not available: "+reason+"\n# not available: "+reason+"\nPASS", 1))
	if got := r.Groups[0].NotAvailable; !slices.Equal(got, []string{reason}) {
		t.Errorf("not available: %q", got)
	}
	if got := r.Sources[0].Commands; !slices.Equal(got, []string{"go test -run '^$' -bench . -count 8 ./bench"}) {
		t.Errorf("commands: %q", got)
	}
}
