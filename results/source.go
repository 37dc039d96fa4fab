// SPDX-License-Identifier: MIT

package results

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// A Source is a benchmark file that was read.
type Source struct {
	Path     string   `json:"path"`
	SHA256   string   `json:"sha256"`
	Results  int      `json:"results"`            // benchmark lines that were used
	Commands []string `json:"commands,omitempty"` // that produced it, if it says so
}

// A source is a benchmark file made ready for benchfmt.
//
// benchfmt passes over every line that it does not know, and so gives no
// access to the configuration in force at such a line. Therefore notes are
// handed to it disguised as results, "BenchmarkNote 1 7 note" for notes[7],
// and come back with their configuration and line number.
type source struct {
	Source
	text  []byte
	notes []note
}

// noteName is the benchmark name that notes are given for the reader.
const noteName = "Note"

func isNote(res *benchfmt.Result) bool { return string(res.Name.Base()) == noteName }

// maxSource bounds what is read into memory. The full suite writes about a
// megabyte.
const maxSource = 256 << 20

// readSource reads the file. The warnings are of lines that are left out.
func readSource(path string) (*source, []string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("can't read the benchmark file: %w", err)
	}
	if info.Size() > maxSource {
		return nil, nil, fmt.Errorf("%s: %d MiB is no benchmark file of this suite", path, info.Size()>>20)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("can't read the benchmark file: %w", err)
	}
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, nil, fmt.Errorf("%s: the file is empty", path)
	}
	sum := sha256.Sum256(content)
	s := &source{Source: Source{Path: path, SHA256: hex.EncodeToString(sum[:])}}
	warnings, err := s.prepare(strings.Split(string(content), "\n"))
	return s, warnings, err
}

// prepare sets text and notes from the lines of the file, the last of which is
// what follows the last line break.
func (s *source) prepare(lines []string) (warnings []string, err error) {
	if last := len(lines) - 1; strings.HasPrefix(lines[last], "Benchmark") {
		// Cut off inside a number or a unit it could still look complete.
		warnings = append(warnings, fmt.Sprintf("%s:%d: the last line is cut off, and not used", s.Path, last+1))
		lines[last] = ""
	}
	for i, line := range lines {
		line = strings.TrimSuffix(line, "\r")
		if command, ok := strings.CutPrefix(line, "# command: "); ok {
			s.Commands = append(s.Commands, command)
		}
		if n, ok := parseNote(line); ok {
			line = fmt.Sprintf("Benchmark%s 1 %d note", noteName, len(s.notes))
			s.notes = append(s.notes, n)
		}
		lines[i] = line
	}
	s.text = []byte(strings.Join(lines, "\n"))
	warnings = append(warnings, s.checkEnds(lines)...)
	return warnings, s.checkBlocks(lines)
}

// checkEnds warns of runs that failed, and of those that have results but never
// say how they ended.
func (s *source) checkEnds(lines []string) (warnings []string) {
	warn := func(line int, text string) {
		warnings = append(warnings, fmt.Sprintf("%s:%d: %s", s.Path, line, text))
	}
	open := 0 // the line of the last result of an unfinished run, or 0
	unfinished := func() {
		if open > 0 {
			warn(open, "no PASS or FAIL follows this result: the run was cut off, and cases may be missing")
		}
		open = 0
	}
	for i, line := range lines {
		key, _, isKey := strings.Cut(line, ":")
		switch {
		case strings.HasPrefix(line, "Benchmark") && !strings.HasPrefix(line, "Benchmark"+noteName+" "):
			open = i + 1
		case strings.HasPrefix(line, "--- FAIL: "), strings.HasPrefix(line, "panic: "), line == "FAIL":
			warn(i+1, "the run failed ("+line+"): what failed is not in the report")
			open = 0
		case line == "PASS":
			open = 0
		case isKey && slices.Contains(fileKeys, key):
			unfinished()
		}
	}
	unfinished()
	return warnings
}

// checkBlocks makes sure that wherever configuration of ours begins, all of it
// is there. Otherwise what was in force before would be taken for what is
// missing: a file that ends inside a line and has another one appended loses
// the first line of that one, and its results would pass for those of another
// kernel. If it ends inside its own configuration, keys are there twice.
func (s *source) checkBlocks(lines []string) error {
	var block []string // the keys of the lines up to here
	for i, line := range append(lines, "") {
		key, value, found := strings.Cut(line, ":")
		if found && slices.Contains(fileKeys, key) {
			for _, key := range fileKeys {
				if strings.Contains(value, key+": ") {
					return fmt.Errorf("%s:%d: two lines in one, %q: was this appended to a file that had been cut off?", s.Path, i+1, line)
				}
			}
			block = append(block, key)
			continue
		}
		if err := checkBlock(block); err != nil {
			return fmt.Errorf("%s:%d: %w", s.Path, i, err)
		}
		block = nil
	}
	return nil
}

func checkBlock(block []string) error {
	isOurs := func(key string) bool { return slices.Contains(requiredKeys, key) }
	if !slices.ContainsFunc(block, isOurs) {
		return nil
	}
	for i, key := range block {
		if slices.Contains(block[:i], key) {
			return fmt.Errorf("the configuration of this run has two %q lines: was it appended to a file that had been cut off?", key)
		}
	}
	for _, key := range requiredKeys {
		if !slices.Contains(block, key) {
			return fmt.Errorf("the configuration of this run has no %q line: was it appended to a file that had been cut off?", key)
		}
	}
	return nil
}
