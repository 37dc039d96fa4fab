// SPDX-License-Identifier: MIT

package results

import (
	"bufio"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// benchstatRow is "Dump/shape=...-2   1.044m ± 3%", perhaps with a footnote.
var benchstatRow = regexp.MustCompile(`^(\S+)-2 +(\S+) ± +(\S+)`)

// TestFiguresAreThoseOfBenchstat runs benchstat on the same file.
func TestFiguresAreThoseOfBenchstat(t *testing.T) {
	for name, content := range map[string]string{"native": syntheticNative(), "guest": syntheticGuest()} {
		t.Run(name, func(t *testing.T) {
			want := benchstat(t, writeFile(t, "file.txt", content))
			compared := 0
			for _, m := range analyze(t, content).Groups[0].Measurements {
				for _, s := range []*Summary{m.Cost, m.CostPerN, m.Kcmp, m.Syscalls, m.BytesRead, m.Refused, m.LongestRun, m.Memory} {
					if s == nil {
						continue
					}
					unit := ""
					if strings.HasPrefix(s.Unit, "sec") || strings.HasSuffix(s.Unit, "-sec") {
						unit = "s"
					} else if strings.HasPrefix(s.Unit, "B") {
						unit = "B"
					}
					name := strings.TrimPrefix(m.Case.String(), "Benchmark")
					center, interval, _ := strings.Cut(s.Text, " ± ")
					got := [2]string{strings.TrimSuffix(center, unit), interval}
					if got != want[name+" "+s.Unit] {
						t.Errorf("%s %s: %q, benchstat says %q", name, s.Unit, got, want[name+" "+s.Unit])
					}
					compared++
				}
			}
			if compared != len(want) {
				t.Errorf("%d figures, benchstat has %d", compared, len(want))
			}
		})
	}
}

// benchstat returns medians and intervals as it prints them, by name and unit.
func benchstat(t *testing.T, path string) map[string][2]string {
	t.Helper()
	output, err := exec.Command("go", "tool", "benchstat", path).Output()
	if err != nil {
		t.Fatalf("can't run benchstat: %v", err)
	}
	figures := make(map[string][2]string)
	unit := ""
	for line := range strings.Lines(string(output)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "│" {
			unit = fields[1]
		}
		if m := benchstatRow.FindStringSubmatch(line); m != nil {
			figures[m[1]+" "+unit] = [2]string{m[2], m[3]}
		}
	}
	return figures
}

func TestAllOutputsHaveTheSameFigures(t *testing.T) {
	r := analyze(t, syntheticNative(), syntheticGuest())
	markdown, upstream := r.Markdown(), r.Upstream()
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON Report
	if err := json.Unmarshal(b, &fromJSON); err != nil {
		t.Fatal(err)
	}
	flat := strings.Join(strings.Fields(upstream), " ")
	for _, sentence := range fromJSON.Headline {
		if !strings.Contains(markdown, sentence) {
			t.Errorf("report.md lacks %q", sentence)
		}
		if !strings.Contains(flat, ascii(sentence)) {
			t.Errorf("upstream.txt lacks %q", sentence)
		}
	}
	for _, g := range fromJSON.Groups {
		for _, m := range g.Measurements {
			if !strings.Contains(markdown, m.Cost.Text) && m.CostPerN != nil && !strings.Contains(markdown, m.CostPerN.Text) {
				t.Errorf("report.md lacks %v %s", m.Case, m.Cost.Text)
			}
			center, _, _ := strings.Cut(ascii(m.Cost.Text), " +-")
			if m.Case.Bench == "Dump" && m.Case.workload() == g.heading().workload && !strings.Contains(upstream, center) {
				t.Errorf("upstream.txt lacks %v %s", m.Case, center)
			}
		}
		for _, s := range g.Speedups {
			if !strings.Contains(markdown, s.Ratio.String()) {
				t.Errorf("report.md lacks %s", s.text())
			}
		}
	}
}

func TestUpstreamIsASCIIOf72Columns(t *testing.T) {
	few := &run{rng: newRand(""), samples: 2, noise: 0.5} // warnings, and nothing sure
	few.WriteString(syntheticNativeHead)
	few.dumps("moved", "eventfd", false)
	for name, r := range map[string]*Report{
		"native": analyze(t, syntheticNative()),
		"both":   analyze(t, syntheticNative(), syntheticGuest()),
		"few":    analyze(t, few.String()),
		"unsure": analyze(t, raceFile(0.3, linear(0, 1000), linear(2500e3, 500), 1e6)),
		"slower": analyze(t, raceFile(0.3, linear(0, 5), linear(0, 500), 1e9)),
	} {
		r.Sources[0].Path, r.Warnings = "native.txt", nil // temporary paths are long
		scanner := bufio.NewScanner(strings.NewReader(r.Upstream()))
		for line := 1; scanner.Scan(); line++ {
			text := scanner.Text()
			if len(text) > columns && !strings.Contains(text, "/synthetic-1.txt") {
				t.Errorf("%s:%d: %d columns: %s", name, line, len(text), text)
			}
			if i := strings.IndexFunc(text, func(c rune) bool { return c > unicode.MaxASCII }); i >= 0 {
				t.Errorf("%s:%d: not ASCII: %s", name, line, text[i:])
			}
			if strings.HasSuffix(text, " ") {
				t.Errorf("%s:%d: trailing space", name, line)
			}
		}
	}
}

func TestUpstreamAnswersAKernelEngineersQuestions(t *testing.T) {
	text := analyze(t, syntheticNative(), syntheticGuest()).Upstream()
	for question, want := range map[string]string{
		"what was measured":           "A registration is one struct epitem.",
		"on what":                     "kernel 6.12.57-synthetic",
		"on which machine":            "cpu Synthetic CPU",
		"how it grows":                "n^2 log n (100%)",
		"what holding a file costs":   "get_file_active() adds",
		"where it does not help":      "not shown to be faster in 1 of 58 comparisons",
		"how to rerun it":             "git checkout 0123456789ab",
		"what a guard's atomics cost": "The guards' operations on this hardware",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%s: no %q", question, want)
		}
	}
}

func TestWithoutAGuestTheReportSaysWhatHasNoData(t *testing.T) {
	r := analyze(t, syntheticNative())
	if want := "were not measured."; !strings.HasSuffix(r.Headline[2], want) {
		t.Errorf("headline: %s", r.Headline[2])
	}
	for _, want := range []string{"(BenchmarkFileRef)", "(BenchmarkResume)", "the epoll iterator itself"} {
		if !strings.Contains(r.Markdown(), want) {
			t.Errorf("report.md does not say that there is no data for %s", want)
		}
	}
}

func TestProgramsProfilesAndScaleHaveTheirTables(t *testing.T) {
	text := analyze(t, syntheticNative()).Markdown()
	for _, want := range []string{
		"| real nginx | 2,000 | 89.20ms ± 3% ¹ |",
		refusedNote,
		"| redis profile | 2,000 | ",
		"| taskfile | 1,000,000 | ",
		"| 2.500ms ± 0% | 77.00B ± 0% |",
		"| real nginx | 2,000 | – | 223× ", // criu / taskfile
	} {
		if !strings.Contains(text, want) {
			t.Errorf("report.md lacks %q", want)
		}
	}
	if n := strings.Count(text, refusedNote); n != 2 { // a table each
		t.Errorf("%d notes on what CRIU refuses, not 2", n)
	}
}

func TestAnyPartOfASuiteCanBeReported(t *testing.T) {
	guest := syntheticGuest()
	for _, bench := range benchOrder {
		var part strings.Builder
		part.WriteString(syntheticGuestHead)
		for line := range strings.Lines(guest) {
			if strings.HasPrefix(line, "Benchmark"+bench+"/") {
				part.WriteString(line)
			}
		}
		if bench == "Refcount" {
			part.WriteString("BenchmarkRefcount/guard=rcu/threads=1/n=1000-2 \t 5\t 9000 insn/op\t 9 insn/reg\n")
		}
		r := analyze(t, part.String()+"PASS\n")
		if _, err := r.JSON(); err != nil {
			t.Errorf("%s: %v", bench, err)
		}
		if _, err := r.Pictures(); err != nil {
			t.Errorf("%s: %v", bench, err)
		}
		if len(r.Headline) != 3 || r.Markdown() == "" || r.Upstream() == "" {
			t.Errorf("%s: headline %q", bench, r.Headline)
		}
	}
}

// outputs are all outputs by name.
func outputs(t *testing.T, r *Report) map[string]string {
	t.Helper()
	all := map[string]string{"report.md": r.Markdown(), "upstream.txt": r.Upstream()}
	b, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	all["report.json"] = string(b)
	pictures, err := r.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	for name, svg := range pictures {
		all[name] = string(svg)
	}
	return all
}

func TestTheSameFilesGiveTheSameReportOnAnyNumberOfCPUs(t *testing.T) {
	paths := []string{writeFile(t, "a.txt", syntheticNative()), writeFile(t, "b.txt", syntheticGuest())}
	report := func() map[string]string {
		data, err := Read(paths...)
		if err != nil {
			t.Fatal(err)
		}
		return outputs(t, Analyze(data))
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	first := report()
	runtime.GOMAXPROCS(4)
	if second := report(); !maps.Equal(first, second) {
		for name := range first {
			if first[name] != second[name] {
				t.Errorf("%s differs from one run to the next", name)
			}
		}
	}
}

func TestEveryPictureIsShownAndEveryShownPictureIsDrawn(t *testing.T) {
	r := analyze(t, syntheticNative(), syntheticGuest())
	pictures, err := r.Pictures()
	if err != nil {
		t.Fatal(err)
	}
	var shown []string
	for _, m := range regexp.MustCompile(`!\[[^\]]+\]\(([^)]+)\)`).FindAllStringSubmatch(r.Markdown(), -1) {
		shown = append(shown, m[1])
	}
	slices.Sort(shown)
	if drawn := slices.Sorted(maps.Keys(pictures)); !slices.Equal(shown, drawn) {
		t.Errorf("shown %q, drawn %q", shown, drawn)
	}
}

func TestPicturesAreXMLWithTitleTextAndColoursOfTheirMethods(t *testing.T) {
	pictures, err := analyze(t, syntheticNative(), syntheticGuest()).Pictures()
	if err != nil {
		t.Fatal(err)
	}
	for name, svg := range pictures {
		d := xml.NewDecoder(bytes.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		text := string(svg)
		if !strings.Contains(text, "<title>") || strings.Contains(text, "font-family:Liberation") {
			t.Errorf("%s has no title, or depends on one font", name)
		}
		if strings.HasPrefix(name, "growth-") {
			for _, want := range []string{"criu: ", "taskfile: ", "floor of taskfile", "registrations (n)", "per dump", "#D55E00", "#0072B2"} {
				if !strings.Contains(text, want) {
					t.Errorf("%s lacks %q", name, want)
				}
			}
		}
	}
}
