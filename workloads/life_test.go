// SPDX-License-Identifier: MIT

package workloads

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// helperVariable makes the test binary a helper: a program that starts the
// workload of that spec, prints its PIDs, and waits to be killed.
const helperVariable = "EPBENCH_WORKLOADS_TEST_HELPER"

// limitVariable lowers the helper's descriptor limit, the hard one, which
// cannot be undone.
const limitVariable = "EPBENCH_WORKLOADS_TEST_LIMIT"

func helper() {
	if text := os.Getenv(limitVariable); text != "" {
		limit, err := strconv.ParseUint(text, 10, 64)
		if err == nil {
			err = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit / 2, Max: limit})
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "lowering the limit:", err)
			os.Exit(3)
		}
	}
	s, err := Parse(os.Getenv(helperVariable))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	w, err := Start(context.Background(), s)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(w.PIDs)
	os.Stdin.Read(make([]byte, 1))
	w.Close()
	os.Exit(0)
}

func helperCommand(spec string, limit int) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), helperVariable+"="+spec)
	if limit > 0 {
		cmd.Env = append(cmd.Env, limitVariable+"="+strconv.Itoa(limit))
	}
	return cmd
}

// adopt makes this process the parent of every orphan below it, so that a
// process left over cannot hide.
func adopt(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) })
}

// expectNoChild fails if this process has a child, dead or alive.
func expectNoChild(t *testing.T) {
	t.Helper()
	var info unix.Siginfo
	err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if !errors.Is(err, unix.ECHILD) {
		t.Fatalf("a process is left: waitid: %v %+v, children %s", err, info, children())
	}
}

func children() string {
	files, _ := filepath.Glob("/proc/self/task/*/children")
	var pids []string
	for _, f := range files {
		text, _ := os.ReadFile(f)
		pids = append(pids, string(text))
	}
	return strings.Join(pids, " ")
}

// expectEveryChildEnds reaps what this process has adopted, and fails if
// something lives on.
func expectEveryChildEnds(t *testing.T) {
	t.Helper()
	const patience = 10 * time.Second
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		if errors.Is(err, unix.ECHILD) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there after %v: %s", patience, children())
		}
	}
}

// expectEnded fails if a process lives on for longer than patience.
func expectEnded(t *testing.T, pidfds []int, patience time.Duration) {
	t.Helper()
	for _, fd := range pidfds {
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := retry(func() (int, error) { return unix.Poll(poll, int(patience.Milliseconds())) })
		if n != 1 || err != nil {
			t.Errorf("a process is alive: %d %v", n, err)
		}
	}
}

func openPidfds(t *testing.T, pids []int) []int {
	t.Helper()
	var fds []int
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(fd) })
		fds = append(fds, fd)
	}
	return fds
}

func TestCloseLeavesNoProcess(t *testing.T) {
	adopt(t)
	for _, procs := range []int{1, 4} {
		w := startWorkload(t, Spec{N: 100, Procs: procs})
		pidfds := openPidfds(t, w.PIDs)
		for range 2 {
			if err := w.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			expectEnded(t, pidfds, 0)
		}
		expectNoChild(t)
	}
}

func TestCloseEndsAStoppedTree(t *testing.T) {
	adopt(t)
	w := startWorkload(t, Spec{N: 10, Procs: 3})
	pidfds := openPidfds(t, w.PIDs)
	for _, pid := range w.PIDs {
		if err := unix.Kill(pid, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
	}
	begin := time.Now()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if took := time.Since(begin); took >= grace {
		t.Errorf("took %v: it was killed, not continued", took)
	}
	expectEnded(t, pidfds, 0)
	expectNoChild(t)
}

func TestCloseTellsThatTheWorkloadWasKilled(t *testing.T) {
	adopt(t)
	for _, tree := range Trees() {
		t.Run(tree, func(t *testing.T) { checkKilledRoot(t, Spec{Tree: tree, N: 10, Procs: 3}) })
	}
}

func checkKilledRoot(t *testing.T, s Spec) {
	t.Helper()
	w, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	pidfds := openPidfds(t, w.PIDs)
	unix.Kill(w.PIDs[0], unix.SIGKILL)
	<-w.ended
	expectEnded(t, pidfds, time.Second)
	for range 2 {
		if err := w.Close(); err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("close: %v, want that it was killed", err)
		}
	}
	expectEveryChildEnds(t)
}

func TestTheContextEndsAWorkload(t *testing.T) {
	adopt(t)
	ctx, cancel := context.WithCancel(t.Context())
	w, err := Start(ctx, Spec{N: 10, Procs: 3})
	if err != nil {
		t.Fatal(err)
	}
	pidfds := openPidfds(t, w.PIDs)
	cancel()
	<-w.ended
	expectEnded(t, pidfds, 0)
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	expectNoChild(t)
}

func TestStartCancelledMidwayLeavesNoProcess(t *testing.T) {
	adopt(t)
	s := Spec{Shape: shapeMoved, Kind: kindMixed, N: 3000, Procs: 4}
	begin := time.Now()
	startWorkload(t, s).Close()
	whole := time.Since(begin)
	cut := 0
	for range 20 {
		delay := rand.N(whole)
		ctx, cancel := context.WithTimeout(t.Context(), delay)
		w, err := Start(ctx, s)
		switch {
		case err == nil:
			w.Close()
		case errors.Is(err, context.DeadlineExceeded):
			cut++
		default:
			t.Errorf("cancelled after %v: %v", delay, err)
		}
		cancel()
		expectNoChild(t)
	}
	if cut == 0 {
		t.Error("no start was cut short")
	}
}

func TestCancellingALongStartIsPrompt(t *testing.T) {
	adopt(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := Start(ctx, Spec{Shape: shapeShared, N: axes[0].max})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if took := time.Since(begin); took >= grace {
		t.Errorf("took %v: it was killed, it did not notice by itself", took)
	}
	expectNoChild(t)
}

func TestAKilledParentLeavesNoProcess(t *testing.T) {
	adopt(t)
	for _, tree := range Trees() {
		t.Run(tree, func(t *testing.T) { checkKilledParent(t, "n=100,procs=3,tree="+tree) })
	}
}

func checkKilledParent(t *testing.T, spec string) {
	t.Helper()
	cmd := helperCommand(spec, 0)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	if err := json.Unmarshal(line, &pids); err != nil {
		t.Fatal(err)
	}
	pidfds := openPidfds(t, pids)
	cmd.Process.Kill()
	cmd.Wait()
	expectEveryChildEnds(t)
	expectEnded(t, pidfds, 0)
}

func TestAParentKilledAtAnyMomentLeavesNoProcess(t *testing.T) {
	adopt(t)
	for i := range 28 {
		cmd := helperCommand("shape=moved,kind=mixed,n=3000,procs=4,tree="+Trees()[i%len(Trees())], 0)
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(rand.N(150 * time.Millisecond))
		cmd.Process.Kill()
		cmd.Wait()
		expectEveryChildEnds(t)
	}
}

func TestAWorkloadSitsStill(t *testing.T) {
	checkSitsStill(t, startWorkload(t, Spec{N: 100, Procs: 2}).PIDs)
}

func checkSitsStill(t *testing.T, pids []int) {
	t.Helper()
	time.Sleep(300 * time.Millisecond) // the runtime's monitor thread goes to sleep
	before := activity(t, pids)
	time.Sleep(500 * time.Millisecond)
	if after := activity(t, pids); before != after {
		t.Errorf("a thread was switched to:\n%s\nlater\n%s", before, after)
	}
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("%d 0x%x ", syscall.SYS_READ, controlFD); !strings.HasPrefix(string(text), want) {
			t.Errorf("process %d is in system call %q, want %q", pid, text, want)
		}
	}
}

// activity is the context switch counts of every thread.
func activity(t *testing.T, pids []int) string {
	t.Helper()
	var lines strings.Builder
	for _, pid := range pids {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
		if err != nil || len(files) == 0 {
			t.Fatalf("threads of %d: %v", pid, err)
		}
		for _, f := range files {
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "ctxt_switches") {
					fmt.Fprintln(&lines, f, strings.TrimSpace(line))
				}
			}
		}
	}
	return lines.String()
}
