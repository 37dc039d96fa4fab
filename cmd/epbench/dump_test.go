// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"epbench"
	"epbench/internal/servers"
)

// dumpTable runs epbench dump and returns the lines of its table, each with
// what is between two columns as one space.
func dumpTable(t *testing.T, pids []int) []string {
	t.Helper()
	args := []string{"epbench", "dump"}
	for _, pid := range pids {
		args = append(args, strconv.Itoa(pid))
	}
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), args, nil, &stdout, &stderr); status != 0 {
		if strings.Contains(stderr.String(), "no method works here") {
			t.Skip(stderr.String())
		}
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	var lines []string
	for line := range strings.Lines(stdout.String()) {
		lines = append(lines, strings.Join(strings.Fields(line), " "))
	}
	return lines
}

func TestDumpTellsTheConnectionsOfNginx(t *testing.T) {
	s, err := servers.Start(context.WithoutCancel(t.Context()), "nginx", 20)
	var unavailable *epbench.UnavailableError
	if errors.As(err, &unavailable) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	lines := dumpTable(t, s.PIDs)
	count := func(file string) (count int) {
		for _, line := range lines {
			if strings.HasPrefix(line, "nginx: worker process ") && strings.HasSuffix(line, " "+file) {
				count++
			}
		}
		return count
	}
	for _, c := range s.Connections {
		if file := fmt.Sprintf("tcp %v -> %v", c.Server, c.Client); count(file) != 1 {
			t.Errorf("%d lines of a worker's connection %q, want 1", count(file), file)
		}
	}
	if file := fmt.Sprintf("tcp %v listening", s.Connections[0].Server); count(file) != servers.Workers {
		t.Errorf("%d lines of %q, want one of each of %d workers", count(file), file, servers.Workers)
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
}

// A process and its files may be named to look like something else.
func TestTheTableStaysATable(t *testing.T) {
	cat := exec.Command("cat")
	stdin, err := cat.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cat.Args[0] = "cat: \x1b[31mred\n1 2\t3 and more than fits into a column"
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	defer cat.Wait()
	defer stdin.Close()
	got := newDescriber().process(int32(cat.Process.Pid))
	if want := "cat: ?[31mred 1 2 3 and"; got != want {
		t.Errorf("process %q, want %q", got, want)
	}

	file, err := os.Create(t.TempDir() + "/a\tb\n\x1b[31m")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	got = newDescriber().file(epbench.Ref{PID: int32(os.Getpid()), FD: int32(file.Fd())})
	if !strings.HasSuffix(got, "/a?b??[31m") {
		t.Errorf("file %q", got)
	}
}

func TestWhatIsGoneIsNotDescribed(t *testing.T) {
	d := newDescriber()
	gone := epbench.Ref{PID: 1<<22 + 1, FD: 3}
	if got := []string{d.process(gone.PID), d.file(gone), d.file(epbench.Ref{})}; !slices.Equal(got, []string{"-", "-", "-"}) {
		t.Errorf("described as %q", got)
	}
}
