// SPDX-License-Identifier: MIT

package history

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"epbench"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// anyHistory draws a history of 60 operations, which rapid is not to print
// choice by choice.
func anyHistory(t *rapid.T) History {
	return rapid.Custom(func(t *rapid.T) (h History) {
		m := NewModel()
		for range 60 {
			op := Next(m, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
			if _, err := m.Do(op); err != nil {
				t.Fatal(err)
			}
			h = append(h, op)
		}
		return h
	}).Draw(t, "history")
}

func nothing([]int, []epbench.Registration) error { return nil }

func parse(t *testing.T, text string) History {
	t.Helper()
	h, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// What the model predicts of each call is compared in Run.
func TestTheKernelDoesWhatTheModelPredicts(t *testing.T) {
	fails := func(h History) bool { return Run(h, nothing) != nil }
	var failing History
	defer func() {
		if failing != nil {
			failing = Reduce(failing, fails)
			t.Errorf("%v, in\n%v", Run(failing, nothing), failing)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		if h := anyHistory(t); fails(h) {
			failing = h
			t.Fatal("it does something else")
		}
	})
}

func TestTextIsReadAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHistory(t)
		again, err := Parse(h.String())
		if err != nil {
			t.Fatal(err)
		}
		if again.String() != h.String() {
			t.Fatalf("%v\nis read as\n%v", h, again)
		}
	})
}

func TestTextThatIsNoHistoryIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"p0":                        "line 1: no operation",
		"p0 epoll\n\np4 eventfd":    `line 3: "p4" is not a process: p0 to p3 are`,
		"eventfd":                   `line 1: "eventfd" is not a process: p0 to p3 are`,
		"p0 open":                   `line 1: "open" is no operation`,
		"p0 dup":                    "line 1: dup: 0 arguments, want 1",
		"p0 dup three":              `line 1: dup: strconv.Atoi: parsing "three": invalid syntax`,
		"p0 add 3 4":                `line 1: "3" is no event`,
		"p0 add 3 4 IN|WAKEUP 1":    `line 1: "WAKEUP" is no event`,
		"p0 add 3 4 IN one":         `line 1: data: strconv.ParseUint: parsing "one": invalid syntax`,
		"p0 fork 1":                 `line 1: fork: "1" is not a process: p0 to p3 are`,
		"dump # whatever there is ": "line 1: dump: 0 arguments, want 1",
	} {
		_, err := Parse(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestWhatKernelsDoInTheirOwnTimeIsUndefined(t *testing.T) {
	for name, text := range map[string]string{
		"a socket in its own queue": "p0 socketpair\n p0 send 3 4",
		"a socket in a queue that is in its own": `p0 socketpair
			p0 socketpair
			p0 send 3 6
			p0 send 5 4`,
		"nesting of four": `p0 epoll
			p0 epoll
			p0 epoll
			p0 epoll
			p0 epoll
			p0 add 3 4 IN 1
			p0 add 4 5 IN 1
			p0 add 6 7 IN 1
			p0 add 5 6 IN 1`,
		"data that is there":        "p0 epoll\n p0 eventfd\n p0 dup 4\n p0 add 3 4 IN 1\n p0 add 3 5 IN 1",
		"a descriptor of the child": "p0 close 2",
		"no process left":           "p0 exit",
		"a process that has exited": "p0 fork p1\n p1 exit\n p1 eventfd",
		"a name that was used":      "p0 fork p1\n p1 exit\n p0 fork p1",
		"a dump of a process twice": "dump p0 p0",
	} {
		h := parse(t, text)
		m := NewModel()
		for i, op := range h {
			_, err := m.Do(op)
			if last := i == len(h)-1; errors.Is(err, ErrUndefined) != last {
				t.Errorf("%s: %v: %v", name, op, err)
			}
		}
		if err := Run(h, nothing); !errors.Is(err, ErrUndefined) {
			t.Errorf("%s: Run: %v", name, err)
		}
	}
}

// The truth is written out by hand for once.
func TestTruthNamesFilesByTheLowestDescriptor(t *testing.T) {
	h := parse(t, `
		p0 epoll            # 3
		p0 eventfd          # 4
		p0 dup 3            # 5
		p0 eventfd          # 6
		p0 add 5 6 IN|ET 7
		p0 add 3 4 OUT|ONESHOT 8
		p0 wait 3           # an eventfd is writable
		p0 fork p1
		p0 close 4
		p0 close 3
		dump p0
		dump p1
		dump p1 p0
		p0 exit
	`)
	const always, et, oneshot = unix.EPOLLERR | unix.EPOLLHUP, 1 << 31, 1 << 30
	at := func(epoll, target, other epbench.Ref) []epbench.Registration {
		return []epbench.Registration{
			{Epoll: epoll, TFD: 4, Events: oneshot, Data: 8, Target: target},
			{Epoll: epoll, TFD: 6, Events: unix.EPOLLIN | et | always, Data: 7, Target: other},
		}
	}
	var p0, p1 int32
	dumps := 0
	err := Run(h, func(pids []int, got []epbench.Registration) error {
		ref := func(pid, fd int32) epbench.Ref { return epbench.Ref{PID: pid, FD: fd} }
		var want []epbench.Registration
		switch dumps++; dumps {
		case 1:
			p0 = int32(pids[0])
			want = at(ref(p0, 5), epbench.Ref{}, ref(p0, 6))
		case 2, 4: // 4 is the end, without p0
			p1 = int32(pids[0])
			want = at(ref(p1, 3), ref(p1, 4), ref(p1, 6))
		case 3:
			if p0 > p1 {
				t.Skip("the PIDs have started anew from below")
			}
			want = at(ref(p0, 5), ref(p1, 4), ref(p0, 6))
		}
		if !slices.Equal(got, want) {
			t.Errorf("dump %d:\n%v, want\n%v", dumps, got, want)
		}
		return nil
	})
	if err != nil || dumps != 4 {
		t.Errorf("%d dumps: %v", dumps, err)
	}
}

func TestReduceLeavesOnlyWhatFails(t *testing.T) {
	h := parse(t, `
		p0 directory
		p0 eventfd       # 4
		p0 fork p1
		p1 directory
		p1 epoll         # 6
		p0 close 3
		p1 add 6 4 IN 1
		p1 socketpair
		p1 dup 4
		dump p1 p0
		p0 exit
	`)
	// It fails if a process has two descriptors of a registered file.
	fails := func(h History) bool {
		m := NewModel()
		for _, op := range h {
			if _, err := m.Do(op); err != nil {
				t.Errorf("an undefined operation: %v", err)
			}
		}
		for _, p := range m.living() {
			seen := map[*file]bool{}
			for _, fd := range m.processes[p].descriptors() {
				f := m.processes[p].files[fd]
				if seen[f] && m.paths(f) > 0 {
					return true
				}
				seen[f] = true
			}
		}
		return false
	}
	if !fails(h) {
		t.Fatal("it does not fail as it is")
	}
	const want = "p0 eventfd\np0 epoll\np0 add 4 3 IN 0x1\np0 dup 3\n"
	if got := Reduce(h, fails).String(); got != want {
		t.Errorf("reduced to\n%swant\n%s", got, want)
	}
}

func TestAnErrorEndsEveryProcess(t *testing.T) {
	failed := errors.New("failed")
	var pids []int
	err := Run(parse(t, "p0 fork p1\n p1 fork p2\n p0 exit"), func(alive []int, _ []epbench.Registration) error {
		pids = alive
		return failed
	})
	if !errors.Is(err, failed) {
		t.Errorf("Run: %v", err)
	}
	if len(pids) != 2 {
		t.Fatalf("%d processes, want p1 and p2", len(pids))
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); !errors.Is(err, unix.ESRCH) {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

// helperVariable makes the test binary run a history that does not end.
const helperVariable = "EPBENCH_HISTORY_TEST_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) == "" {
		flag.Set("rapid.nofailfile", "true")
		os.Exit(m.Run())
	}
	h, _ := Parse("p0 fork p1\n p1 fork p2\n p1 exit")
	Run(h, func([]int, []epbench.Registration) error {
		os.Stdout.WriteString("running\n")
		time.Sleep(time.Hour)
		return nil
	})
}

func TestProcessesEndWithTheirParent(t *testing.T) {
	helper := exec.Command("/proc/self/exe")
	helper.Env = append(os.Environ(), helperVariable+"=1")
	// Every process of the history holds the standard error of its parent.
	stderr, err := helper.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := helper.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := helper.Start(); err != nil {
		t.Fatal(err)
	}
	running := make([]byte, 16)
	n, err := stdout.Read(running)
	if err != nil || !strings.HasPrefix(string(running[:n]), "running") {
		t.Fatalf("the helper says %q, %v", running[:n], err)
	}
	helper.Process.Kill()
	ended := make(chan error, 1)
	go func() {
		_, err := stderr.Read(running)
		ended <- err
	}()
	select {
	case err := <-ended:
		if err == nil {
			t.Errorf("they say %q", running)
		}
	case <-time.After(10 * time.Second):
		t.Error("they live on")
	}
	helper.Wait()
}
