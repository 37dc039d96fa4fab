// SPDX-License-Identifier: MIT

package bpf

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"epbench"

	"golang.org/x/sys/unix"
)

// stillVariable makes the test binary, which is all there is in a guest, wait
// before the Go runtime opens an epoll instance of its own.
const stillVariable = "EPBENCH_TEST_SIT_STILL"

func init() {
	if os.Getenv(stillVariable) != "" {
		unix.Read(0, make([]byte, 1))
		os.Exit(0)
	}
}

func TestProcessWithoutEpollHasNoRegistrations(t *testing.T) {
	d := open(t)
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), stillVariable+"=1")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer input.Close()
	got, _, err := d.Dump(t.Context(), []int{child.Process.Pid}, nil)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestKernelThreadHasNoRegistrations(t *testing.T) {
	const kthreadd = 2
	if comm, _ := os.ReadFile("/proc/2/comm"); strings.TrimSpace(string(comm)) != "kthreadd" {
		t.Skip("no kernel threads are to be seen in this PID namespace")
	}
	got, _, err := open(t).Dump(t.Context(), []int{kthreadd}, nil)
	if err != nil || len(got) != 0 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestGoneProcessIsAnError(t *testing.T) {
	d := open(t)
	w := start(t, "shape=inplace,kind=pipe,n=10")
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	dst := make([]epbench.Registration, 1, 10)
	got, _, err := d.Dump(t.Context(), []int{os.Getpid(), w.PIDs[0]}, dst)
	if !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("got %v, want ErrNoProcess", err)
	}
	if len(got) != 1 {
		t.Errorf("dst has become %d long", len(got))
	}
}

// A dump is of everything, or it is an error: also if the process is killed at
// any moment of it.
func TestKilledProcessIsNeverDumpedInPart(t *testing.T) {
	requireAllOrNothing(t, open(t), "shape=moved,kind=eventfd,n=4000", 20, 200*time.Microsecond)
}

// requireAllOrNothing dumps a workload until it is gone, and another one, each
// killed a step later than the one before: every dump is of everything, or says
// that there is no process.
func requireAllOrNothing(t *testing.T, d epbench.Dumper, spec string, tries int, step time.Duration) {
	t.Helper()
	gone := 0
	for try := range tries {
		w := start(t, spec)
		killer := time.AfterFunc(time.Duration(try)*step, func() {
			unix.Kill(w.PIDs[0], unix.SIGKILL)
		})
		for {
			got, _, err := d.Dump(t.Context(), w.PIDs, nil)
			if errors.Is(err, epbench.ErrNoProcess) {
				gone++
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := epbench.Diff(w.Truth, got); diff != "" {
				t.Fatal(diff)
			}
		}
		killer.Stop()
		w.Close()
	}
	t.Logf("%d of %d were found gone", gone, tries)
}

func TestCancelledDumpEnds(t *testing.T) {
	d := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := d.Dump(ctx, []int{os.Getpid()}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// /proc/PID/fd does not show them either.
func TestDescriptorsOfAnUnsharedThreadAreNotTheProcess(t *testing.T) {
	d := open(t)
	epoll := make(chan int)
	done := make(chan struct{})
	defer close(done)
	go onLaterThread(func() {
		if err := unix.Unshare(unix.CLONE_FILES); err != nil {
			t.Error(err)
		}
		fd, err := registerOwnPipe()
		if err != nil {
			t.Error(err)
		}
		epoll <- fd
		<-done
	})
	fd := <-epoll
	got, _, err := d.Dump(t.Context(), []int{os.Getpid()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got {
		if int(r.Epoll.FD) == fd && r.Data == ownPipeData {
			t.Errorf("got %v", r)
		}
	}
}

// onLaterThread calls f on a thread that is not the process's first one, and
// that ends with f: it is never unlocked.
func onLaterThread(f func()) {
	runtime.LockOSThread()
	if unix.Gettid() != os.Getpid() {
		f()
		return
	}
	// This goroutine has the first thread for itself, so f gets another.
	defer runtime.UnlockOSThread()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread()
		f()
	}()
	<-ended
}

const ownPipeData = 0x5eed

// registerOwnPipe makes an epoll instance and registers a pipe in it.
func registerOwnPipe() (epoll int, err error) {
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return -1, err
	}
	epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return -1, err
	}
	return epoll, unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, pipe[0],
		&unix.EpollEvent{Events: unix.EPOLLIN, Fd: ownPipeData})
}
