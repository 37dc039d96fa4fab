// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/urfave/cli/v3"
)

// syntheticResults is a small benchmark file. Nothing in it was measured.
const syntheticResults = `kernel: 6.18.0-synthetic
lane: native
accel: none
clock: time
patched: no
suite: 0123456789ab
goos: linux
goarch: amd64
pkg: epbench/bench
BenchmarkDump/shape=moved/kind=eventfd/n=100/method=criu-2 100 8000000 ns/op 80000 ns/reg
BenchmarkDump/shape=moved/kind=eventfd/n=100/method=taskfile-2 1000 300000 ns/op 3000 ns/reg
PASS
`

// report runs epbench report with the arguments.
func report(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, errOut bytes.Buffer
	root := &cli.Command{
		Commands:       []*cli.Command{reportCommand()},
		Writer:         &out,
		ErrWriter:      &errOut,
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
	}
	explainUsage(root)
	err = root.Run(t.Context(), append([]string{"epbench", "report"}, args...))
	return out.String(), errOut.String(), err
}

func syntheticFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "synthetic.txt")
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReportWritesFilesAndPrintsTheHeadline(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "directory")
	stdout, stderr, err := report(t, "-o", dir, syntheticFile(t, syntheticResults))
	if err != nil || stderr != "" {
		t.Fatal(err, stderr)
	}
	for _, name := range []string{"report.md", "upstream.txt", "growth-native-moved-eventfd.svg"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "- A dump of 100 moved eventfd registrations") ||
		lines[3] != "The report is "+filepath.Join(dir, "report.md") {
		t.Errorf("standard output: %s", stdout)
	}
}

func TestReportPrintsJSON(t *testing.T) {
	stdout, _, err := report(t, "-format", "json", syntheticFile(t, syntheticResults))
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Headline []string
		Groups   []struct{ Measurements []any }
	}
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Headline) != 3 || len(r.Groups) != 1 || len(r.Groups[0].Measurements) != 2 {
		t.Errorf("%+v", r)
	}
}

func TestReportTellsWarningsOnStandardError(t *testing.T) {
	path := syntheticFile(t, strings.Replace(syntheticResults, "PASS\n", "", 1))
	_, stderr, err := report(t, "-o", t.TempDir(), path)
	if want := "epbench: warning: " + path + ":11: no PASS or FAIL"; err != nil || !strings.HasPrefix(stderr, want) {
		t.Errorf("%v, %q, want %q", err, stderr, want)
	}
}

func TestReportOfBadFilesIsAnErrorAndWritesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "report")
	_, _, err := report(t, "-o", dir, syntheticFile(t, "no benchmarks\n"))
	var usage *usageError
	if err == nil || errors.As(err, &usage) {
		t.Errorf("error: %v", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s was made: %v", dir, err)
	}
}

func TestReportCalledWronglyIsAUsageError(t *testing.T) {
	for _, args := range [][]string{{}, {"-format", "html", "file"}, {"-nonsense", "file"}} {
		_, _, err := report(t, args...)
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
