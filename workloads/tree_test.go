// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"epbench"

	"golang.org/x/sys/unix"
)

const kcmpFiles = 2 // linux/kcmp.h

func TestTheTruthOfEveryTreeIsWhatTheKernelTells(t *testing.T) {
	for _, tree := range Trees() {
		for _, shape := range Shapes() {
			for _, kind := range []string{kindEventfd, kindUnix, kindMixed} {
				s := Spec{Tree: tree, Shape: shape, Kind: kind, N: 50, Epolls: 2, Idle: 5, Procs: 3}
				t.Run(s.String(), func(t *testing.T) {
					w := startWorkload(t, s)
					if len(w.Truth) != s.N {
						t.Errorf("%d registrations, want %d", len(w.Truth), s.N)
					}
					checkFdinfo(t, w)
					checkTargets(t, w)
					checkEpollNames(t, w)
					checkNames(t, w)
				})
			}
		}
	}
}

// checkNames asks the kernel whether Name tells the lowest descriptor of each
// file.
func checkNames(t *testing.T, w *Workload) {
	t.Helper()
	all, _ := openFiles(t, w.PIDs)
	for _, ref := range all {
		if ref.FD <= errorFD { // the tree's own
			continue
		}
		lowest := slices.IndexFunc(all, func(r epbench.Ref) bool { return sameFile(t, r, ref) })
		if got := w.Name(ref); got != all[lowest] && !got.IsNone() || got.IsNone() && isTarget(w, all[lowest]) {
			t.Errorf("%v is named %v, want %v", ref, got, all[lowest])
		}
	}
}

func isTarget(w *Workload, ref epbench.Ref) bool {
	return slices.ContainsFunc(w.Truth, func(r epbench.Registration) bool { return r.Target == ref })
}

func TestTreesKeepTheirPromise(t *testing.T) {
	for tree, check := range map[string]func(w *Workload, holders func(epbench.Ref) []epbench.Ref) error{
		treeForked: func(w *Workload, holders func(epbench.Ref) []epbench.Ref) error {
			makers := map[int32]int{}
			for _, r := range w.Truth {
				if n := len(holders(r.Epoll)); n != 3 {
					return fmt.Errorf("%d processes hold epoll %v", n, r.Epoll)
				}
				if len(holders(r.Target)) == 3 {
					makers[int32(w.PIDs[0])]++
				} else {
					makers[r.Target.PID]++
				}
			}
			for _, pid := range w.PIDs {
				if makers[int32(pid)] != 10 {
					return fmt.Errorf("registrations by process: %v", makers)
				}
			}
			return nil
		},
		treePrefork: func(w *Workload, holders func(epbench.Ref) []epbench.Ref) error {
			watchers := map[epbench.Ref]int{}
			for _, r := range w.Truth {
				if len(holders(r.Target)) == 3 {
					watchers[r.Epoll]++
				} else if r.Target.PID != r.Epoll.PID {
					return fmt.Errorf("%v is of another process", r)
				}
			}
			if len(watchers) != 2 || len(w.Epolls) != 2 || w.Epolls[0].PID == w.Epolls[1].PID {
				return fmt.Errorf("epoll instances %v, of which watch the shared socket: %v", w.Epolls, watchers)
			}
			return nil
		},
		treeHanded: func(w *Workload, holders func(epbench.Ref) []epbench.Ref) error {
			for _, r := range w.Truth {
				if int(r.Epoll.PID) != w.PIDs[0] || int(r.Target.PID) == w.PIDs[0] || len(holders(r.Target)) != 1 {
					return fmt.Errorf("%v: the target has %d holders", r, len(holders(r.Target)))
				}
			}
			return nil
		},
		treeRenumbered: func(w *Workload, holders func(epbench.Ref) []epbench.Ref) error {
			numbers := map[int32]bool{}
			for _, ref := range holders(w.Epolls[0]) {
				numbers[ref.FD] = true
			}
			if len(numbers) != 3 {
				return fmt.Errorf("%v is held as %v", w.Epolls[0], holders(w.Epolls[0]))
			}
			return nil
		},
		treeOnetable: func(w *Workload, _ func(epbench.Ref) []epbench.Ref) error {
			for _, pid := range w.PIDs[1:] {
				if r, err := kcmp(w.PIDs[0], pid, kcmpFiles, 0, 0); r != 0 || err != nil {
					return fmt.Errorf("process %d has a table of its own (%d, %v)", pid, r, err)
				}
			}
			return nil
		},
		treeThreads: func(w *Workload, _ func(epbench.Ref) []epbench.Ref) error {
			for deadline := time.Now().Add(5 * time.Second); sittingThreads(w.PIDs[0]) < 3; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					return fmt.Errorf("%d threads sit still", sittingThreads(w.PIDs[0]))
				}
			}
			if len(w.PIDs) != 1 {
				return fmt.Errorf("processes %v", w.PIDs)
			}
			return nil
		},
	} {
		w := startWorkload(t, Spec{Tree: tree, N: 30, Procs: 3})
		all, _ := openFiles(t, w.PIDs)
		holders := func(ref epbench.Ref) (refs []epbench.Ref) {
			for _, other := range all {
				if sameFile(t, ref, other) {
					refs = append(refs, other)
				}
			}
			return refs
		}
		if err := check(w, holders); err != nil {
			t.Errorf("tree %s: %v", tree, err)
		}
	}
}

// sittingThreads counts the threads of pid that wait for the end.
func sittingThreads(pid int) (count int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		if strings.HasPrefix(string(text), fmt.Sprintf("%d 0x%x ", unix.SYS_READ, controlFD)) {
			count++
		}
	}
	return count
}

// TestFilesAreInFlightBetweenProcesses: sent by the root, and queued at a
// socket that only a descendant holds.
func TestFilesAreInFlightBetweenProcesses(t *testing.T) {
	w := startWorkload(t, Spec{Tree: treeHanded, Shape: shapeClosed, N: 20, Procs: 3})
	all, _ := openFiles(t, w.PIDs)
	for _, ref := range all {
		var queued int
		for line := range strings.Lines(readFdinfo(t, ref)) {
			fmt.Sscanf(line, "scm_fds: %d", &queued)
		}
		if queued == 20 && int(ref.PID) != w.PIDs[0] {
			return
		}
	}
	t.Errorf("no descendant has a socket with 20 files in its queue")
}

func readFdinfo(t *testing.T, ref epbench.Ref) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", ref.PID, ref.FD))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryTreeSitsStillAndEnds(t *testing.T) {
	adopt(t)
	var all []*Workload
	var pids []int
	for _, tree := range Trees() {
		w := startWorkload(t, Spec{Tree: tree, N: 30, Procs: 3})
		all = append(all, w)
		pids = append(pids, w.PIDs...)
	}
	checkSitsStill(t, pids)
	pidfds := openPidfds(t, pids)
	for _, w := range all {
		if err := w.Close(); err != nil {
			t.Errorf("%v: %v", w.Spec, err)
		}
	}
	expectEnded(t, pidfds, 0)
	expectNoChild(t)
}

func TestADescendantsErrorIsTold(t *testing.T) {
	text := runLimited(t, Spec{Tree: treePrefork, Kind: kindInotify, Shape: shapeShared, N: 100_000, Procs: 2}, 1000)
	want := "process 1 of the tree: EMFILE from inotify_init1: raise fs.inotify.max_user_instances"
	if !strings.Contains(text, want) || strings.Contains(text, "\n") {
		t.Errorf("%q, want %q in one line", text, want)
	}
}
