// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestVMPassesOnlyWhatConcernsTheProgram(t *testing.T) {
	here := []string{"HOME=/root", "EPBENCH_X=1", "GOGC=off", "GOFLAGS=-v", "SEEN=a=b", "UNSEEN=c"}
	got := passed(here, []string{"SEEN", "SET=x,y", "EPBENCH_X=2"})
	want := []string{"SET=x,y", "EPBENCH_X=2", "EPBENCH_X=1", "GOGC=off", "SEEN=a=b"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, wanted %q", got, want)
	}
}

func TestVMRefusesAnIncompleteCommandLine(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"vm -- x", `"kernel" not set`},
		{"vm -kernel k", "which program?"},
		{"vm -kernel k -none -- x", "not defined: -none"},
	} {
		var stderr bytes.Buffer
		status := run(t.Context(), append([]string{"epbench"}, strings.Fields(c.line)...), nil, nil, &stderr)
		if status != exitUsage || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: status %d: %s", c.line, status, stderr.String())
		}
	}
}

// What the guest does is told by the tests of internal/guest; this is about the
// way from go test to there and back.
func TestVMRunsGoTestInTheGuest(t *testing.T) {
	kernel := os.Getenv("EPBENCH_GUEST_KERNEL")
	if kernel == "" {
		cache, _ := os.UserCacheDir()
		found, _ := filepath.Glob(filepath.Join(cache, "epbench/stock/6.12*/boot/vmlinuz-*"))
		if len(found) == 0 {
			t.Skip("no kernel to boot: run internal/guest/fetch-debian-kernel.sh 6.12, or set EPBENCH_GUEST_KERNEL")
		}
		kernel = found[len(found)-1]
	}
	if _, err := exec.LookPath("qemu-system-x86_64"); err != nil {
		t.Skip("no QEMU: install Debian's package qemu-system-x86")
	}
	epbench := filepath.Join(t.TempDir(), "epbench")
	t.Setenv("CGO_ENABLED", "0")
	if out, err := exec.Command("go", "build", "-o", epbench, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":         "module inside\n",
		"testdata/hello": "hello from testdata",
		"inside_test.go": `package inside

import ("os"; "testing")

func TestInside(t *testing.T) {
	hello, err := os.ReadFile("testdata/hello")
	t.Logf("%s, %v, lane %s, word %s", hello, err, os.Getenv("EPBENCH_LANE"), os.Getenv("WORD"))
	t.Fail()
}
`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	goTest := exec.Command("go", "test", "-exec", epbench+" vm -kernel "+kernel+" -env WORD=given --", "-run", "Inside", ".")
	goTest.Dir = dir
	out, err := goTest.CombinedOutput()
	if err == nil {
		t.Error("the failure inside did not fail go test")
	}
	for _, want := range []string{"hello from testdata, <nil>, lane guest, word given", "--- FAIL: TestInside"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
}
