// SPDX-License-Identifier: MIT

package baseline

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"epbench"

	"golang.org/x/sys/unix"
)

// Of these the test binary makes another process: see TestMain.
const (
	dumpForever = "EPBENCH_BASELINE_DUMP_FOREVER" // PIDs: dump them by merge until killed
	dumpAs      = "EPBENCH_BASELINE_DUMP"         // "method PID": dump once, print the error
)

func TestMain(m *testing.M) {
	if pids := os.Getenv(dumpForever); pids != "" {
		mergeForever(pids)
	}
	if what := os.Getenv(dumpAs); what != "" {
		name, pid, _ := strings.Cut(what, " ")
		number, _ := strconv.Atoi(pid)
		_, _, err := tryDump(context.Background(), name, number)
		fmt.Println(err)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func mergeForever(pids string) {
	var numbers []int
	for pid := range strings.FieldsSeq(pids) {
		number, _ := strconv.Atoi(pid)
		numbers = append(numbers, number)
	}
	fmt.Println("started")
	for {
		if _, _, err := tryDump(context.Background(), "merge", numbers...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// fdinfos returns the fdinfo of every epoll descriptor of pids.
func fdinfos(t *testing.T, pids ...int) string {
	t.Helper()
	var all bytes.Buffer
	for _, pid := range pids {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			if name, _ := os.Readlink(link); name != "anon_inode:[eventpoll]" {
				continue
			}
			text, err := os.ReadFile(strings.Replace(link, "/fd/", "/fdinfo/", 1))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&all, "%s\n%s", link, text)
		}
	}
	return all.String()
}

// startProgram compiles and starts a program of testdata. It returns what
// writes a line to it and returns the line that it answers with.
func startProgram(t *testing.T, source string) (pid int, ask func(string) string) {
	t.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Skip("no C compiler (package gcc)")
	}
	program := filepath.Join(t.TempDir(), "program")
	if out, err := exec.Command(cc, "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	child := exec.CommandContext(t.Context(), program)
	child.Stderr = os.Stderr
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		child.Wait()
	})
	answers := bufio.NewReader(stdout)
	return child.Process.Pid, func(line string) string {
		t.Helper()
		if _, err := io.WriteString(stdin, line); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
}

// startHistory starts testdata/history.c.
func startHistory(t *testing.T) int {
	t.Helper()
	pid, ask := startProgram(t, "testdata/history.c")
	if answer := ask(""); answer != "ready" {
		t.Fatal(answer)
	}
	return pid
}

func TestMethodsAgreeOnAProgramWithAHistoryOfItsOwn(t *testing.T) {
	pid := startHistory(t)
	before := fdinfos(t, pid)
	want, _ := dump(t, "naive", pid)
	for _, name := range []string{"criu", "inode", "merge"} {
		got, stats := dump(t, name, pid)
		if d := epbench.Diff(want, got); d != "" {
			t.Errorf("%s, %q: %s", name, stats.Warnings, d)
		}
		for _, warning := range stats.Warnings {
			if !strings.HasSuffix(warning, "searched for with kcmp") && !strings.HasPrefix(warning, "the processes ran") {
				t.Errorf("%s: %s", name, warning)
			}
		}
	}
	if after := fdinfos(t, pid); after != before {
		t.Errorf("fdinfo was\n%s\nand is\n%s", before, after)
	}
	var none int
	for _, r := range want {
		if r.Target.IsNone() {
			none++
		}
	}
	if len(want) != 92 || none != 8 {
		t.Errorf("%d registrations, %d without target; want 92 and the 8 in flight", len(want), none)
	}
}

// The runtime never ends the first thread, and /proc/self/fd shows its table.
func TestNoPrivateTableIsOfTheFirstThread(t *testing.T) {
	const threads = 50 // at once, so that the first would be among them
	var arrived, ended sync.WaitGroup
	arrived.Add(threads)
	for range threads {
		ended.Go(func() {
			onNewThread(func() error {
				if unix.Gettid() == unix.Getpid() {
					t.Error("on the first thread")
				}
				arrived.Done()
				arrived.Wait()
				return nil
			})
		})
	}
	ended.Wait()
}

func TestMergeLeavesFdinfoAsItWasWhenCancelled(t *testing.T) {
	w := start(t, "n=600,shape=moved,kind=mixed,epolls=3,idle=200")
	before := fdinfos(t, w.PIDs...)
	var cancelled int
	for range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(20*time.Millisecond))))
		got, _, err := tryDump(ctx, "merge", w.PIDs...)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			cancelled++
		case err != nil:
			t.Fatal(err)
		case epbench.Diff(w.Truth, got) != "":
			t.Error(epbench.Diff(w.Truth, got))
		}
		if fdinfos(t, w.PIDs...) != before {
			t.Fatal("fdinfo has changed")
		}
	}
	if cancelled == 0 {
		t.Error("no dump was slow enough to be cancelled")
	}
}

func TestMergeLeavesFdinfoAsItWasWhenKilled(t *testing.T) {
	pids := []int{startHistory(t)}
	pids = append(pids, start(t, "n=600,shape=moved,epolls=3,idle=200").PIDs...)
	before := fdinfos(t, pids...)
	for range 25 {
		self := exec.Command("/proc/self/exe")
		self.Env = append(os.Environ(), dumpForever+"="+strings.Trim(fmt.Sprint(pids), "[]"))
		self.Stderr = os.Stderr
		stdout, err := self.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := self.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
			t.Fatal(line, err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(60 * time.Millisecond))))
		self.Process.Kill()
		var exit *exec.ExitError
		if err := self.Wait(); !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("it was not killed: %v", err)
		}
		if after := fdinfos(t, pids...); after != before {
			t.Fatalf("fdinfo was\n%s\nand is\n%s", before, after)
		}
	}
}

func TestMethodsLeaveEventsToTheProcess(t *testing.T) {
	pid, ask := startProgram(t, "testdata/events.c")
	if got := ask("?\n"); got != "1 2 3" {
		t.Fatalf("first told of %s", got)
	}
	// From here on only the level-triggered one is told again, and what is new
	// once: no dump may take an event or make one of what was told already.
	for i, m := range Methods() {
		ask("+\n")
		dump(t, m.Name, pid)
		if got, want := ask("?\n"), fmt.Sprint("1 ", 10+i); got != want {
			t.Errorf("%s: told of %s, want %s", m.Name, got, want)
		}
		dump(t, m.Name, pid)
		if got := ask("?\n"); got != "1" {
			t.Errorf("%s: told of %s, want 1", m.Name, got)
		}
	}
}

func TestProcessThatExitsHalfWayIsNoProcess(t *testing.T) {
	for _, m := range Methods() {
		w := start(t, "n=2000,shape=moved")
		time.AfterFunc(10*time.Millisecond, func() { w.Close() })
		got, _, err := tryDump(t.Context(), m.Name, w.PIDs...)
		for err == nil { // faster than that
			got, _, err = tryDump(t.Context(), m.Name, w.PIDs...)
		}
		if !errors.Is(err, epbench.ErrNoProcess) || got != nil {
			t.Errorf("%s: %d registrations, %v; want ErrNoProcess", m.Name, len(got), err)
		}
	}
}

func TestNothingIsDumpedOfProcessesWithoutEpoll(t *testing.T) {
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer stdin.Close()
	pids := []int{child.Process.Pid}
	if comm, _ := os.ReadFile("/proc/2/comm"); string(comm) == "kthreadd\n" && os.Geteuid() == 0 {
		pids = append(pids, 2)
	}
	for _, m := range Methods() {
		if got, _ := dump(t, m.Name, pids...); len(got) != 0 {
			t.Errorf("%s: %v", m.Name, got)
		}
	}
}

func TestWithoutPrivilegeTheErrorIsOneLineThatNamesTheCapability(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to start a process without privilege")
	}
	w := start(t, "n=10")
	// Where anyone may execute it.
	self := filepath.Join(os.TempDir(), fmt.Sprintf("epbench-baseline-%d.test", os.Getpid()))
	binary, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(self, binary, 0o755); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(self)
	for _, m := range Methods() {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", dumpAs, m.Name, w.PIDs[0]))
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		cmd.Dir = "/"
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		line := strings.TrimSuffix(string(out), "\n")
		if !strings.Contains(line, "CAP_SYS_PTRACE") || strings.Contains(line, "\n") {
			t.Errorf("%s: %s", m.Name, line)
		}
	}
}

func TestErrorsThatNoOtherTestReaches(t *testing.T) {
	for _, m := range Methods() {
		_, _, err := tryDump(t.Context(), m.Name, 1<<22+1)
		if !errors.Is(err, epbench.ErrNoProcess) {
			t.Errorf("%s: %v", m.Name, err)
		}
	}
	if _, err := FileName(epbench.Ref{PID: int32(os.Getpid()), FD: 1 << 20}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("name of a closed descriptor: %v", err)
	}
}

func TestDescendantsAreTheTree(t *testing.T) {
	w := start(t, "n=10,procs=3")
	got, err := Descendants(w.PIDs[:1])
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(w.PIDs))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if _, err := Descendants([]int{1<<22 + 1}); !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("of no process: %v", err)
	}
}
