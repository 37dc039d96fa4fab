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
	told := strings.TrimSuffix(stderr.String(), "\n")
	if status != exitFailed || !strings.Contains(told, "CRIU 4.2 would give up at epoll") || strings.Contains(told, "\n") {
		t.Errorf("status %d, and not one line that CRIU gives up: %q", status, told)
	}
	if lines := strings.Count(stdout.String(), "\n"); lines != 1+3 {
		t.Errorf("%d lines, want a heading and 3 registrations:\n%s", lines, stdout.String())
	}
}
