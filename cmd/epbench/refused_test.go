// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"context"
	"strconv"
	"strings"
	"testing"

	"epbench/workloads"
)

func TestDumpPrintsTheTableAndThenThatCRIUGivesUp(t *testing.T) {
	w, err := workloads.Start(context.WithoutCancel(t.Context()), workloads.Spec{Shape: "closed", N: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var stdout, stderr bytes.Buffer
	args := []string{"epbench", "dump", "-method", "criu", strconv.Itoa(w.PIDs[0])}
	status := run(t.Context(), args, nil, &stdout, &stderr)
	if strings.Contains(stderr.String(), "not supported") {
		t.Skip(stderr.String())
	}
	var told []string
	for line := range strings.Lines(stderr.String()) {
		// A process that has just begun may still have run.
		if !strings.HasPrefix(line, "epbench: warning: ") {
			told = append(told, line)
		}
	}
	if status != exitFailed || len(told) != 1 || !strings.Contains(told[0], "CRIU 4.2 would give up at epoll") {
		t.Errorf("status %d, and not one line that CRIU gives up: %q", status, told)
	}
	if lines := strings.Count(stdout.String(), "\n"); lines != 1+3 {
		t.Errorf("%d lines, want a heading and 3 registrations:\n%s", lines, stdout.String())
	}
}
