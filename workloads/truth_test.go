// SPDX-License-Identifier: MIT

package workloads

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"epbench"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// The kernel is asked here in ways that the package itself does not use.

const (
	kcmpFile     = 0 // linux/kcmp.h
	kcmpEpollTFD = 7
)

type epollSlot struct{ efd, tfd, toff uint32 } // struct kcmp_epoll_slot

func kcmp(pid1, pid2, kind int, index1, index2 uintptr) (int, error) {
	r, _, errno := unix.Syscall6(unix.SYS_KCMP, uintptr(pid1), uintptr(pid2), uintptr(kind), index1, index2, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(r), nil
}

// sameFile says whether two descriptors refer to one open file.
func sameFile(t *testing.T, a, b epbench.Ref) bool {
	t.Helper()
	r, err := kcmp(int(a.PID), int(b.PID), kcmpFile, uintptr(a.FD), uintptr(b.FD))
	if err != nil {
		t.Fatalf("KCMP_FILE %v %v: %v", a, b, err)
	}
	return r == 0
}

// watches says whether the toff-th registration of epoll under tfd is of the
// file that ref names.
func watches(t *testing.T, epoll epbench.Ref, tfd int32, toff int, ref epbench.Ref) bool {
	t.Helper()
	slot := epollSlot{uint32(epoll.FD), uint32(tfd), uint32(toff)}
	r, err := kcmp(int(ref.PID), int(epoll.PID), kcmpEpollTFD, uintptr(ref.FD), uintptr(unsafe.Pointer(&slot)))
	if err != nil {
		t.Fatalf("KCMP_EPOLL_TFD %v in %v %+v: %v", ref, epoll, slot, err)
	}
	return r == 0
}

// openFiles lists the descriptors of the tree, and which are epoll instances.
func openFiles(t *testing.T, pids []int) (all, epolls []epbench.Ref) {
	t.Helper()
	for _, pid := range slices.Sorted(slices.Values(pids)) {
		dir := fmt.Sprintf("/proc/%d/fd", pid)
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var fds []int
		for _, e := range entries {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			fds = append(fds, fd)
		}
		slices.Sort(fds)
		for _, fd := range fds {
			ref := epbench.Ref{PID: int32(pid), FD: int32(fd)}
			all = append(all, ref)
			if link, _ := os.Readlink(fmt.Sprintf("%s/%d", dir, fd)); link == "anon_inode:[eventpoll]" {
				epolls = append(epolls, ref)
			}
		}
	}
	return all, epolls
}

// line is what fdinfo says of one registration.
type line struct {
	tfd    int32
	events uint32
	data   uint64
}

func fdinfo(t *testing.T, epoll epbench.Ref) []line {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/fdinfo/%d", epoll.PID, epoll.FD))
	if err != nil {
		t.Fatal(err)
	}
	var lines []line
	for s := range strings.Lines(string(text)) {
		if !strings.HasPrefix(s, "tfd:") {
			continue
		}
		f := strings.Fields(s)
		tfd, err1 := strconv.ParseInt(f[1], 10, 32)
		events, err2 := strconv.ParseUint(f[3], 16, 32)
		data, err3 := strconv.ParseUint(f[5], 16, 64)
		if err := errors.Join(err1, err2, err3); err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		lines = append(lines, line{int32(tfd), uint32(events), data})
	}
	return lines
}

func startWorkload(t testing.TB, s Spec) *Workload {
	t.Helper()
	w, err := Start(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

// forEveryKindAndShape runs f on one process with one epoll instance, and on a
// tree with several and with idle descriptors.
func forEveryKindAndShape(t *testing.T, n int, f func(t *testing.T, s Spec)) {
	for _, shape := range Shapes() {
		for _, kind := range Kinds() {
			for _, s := range []Spec{
				{Shape: shape, Kind: kind, N: n},
				{Shape: shape, Kind: kind, N: n + 1, Epolls: 3, Idle: 20, Procs: 3},
			} {
				t.Run(s.String(), func(t *testing.T) { f(t, s) })
			}
		}
	}
}

func TestTruthIsCanonicalAndFdinfoAgrees(t *testing.T) {
	forEveryKindAndShape(t, 400, func(t *testing.T, s Spec) {
		w := startWorkload(t, s)
		if len(w.Truth) != s.N || len(w.PIDs) != w.Spec.Procs || len(w.Epolls) != w.Spec.Epolls {
			t.Fatalf("%d registrations, %d processes, %d epoll instances",
				len(w.Truth), len(w.PIDs), len(w.Epolls))
		}
		if !slices.IsSortedFunc(w.Truth, epbench.Registration.Compare) {
			t.Error("the truth is not sorted")
		}
		if !slices.IsSortedFunc(w.Epolls, epbench.Ref.Compare) {
			t.Error("the epoll instances are not sorted")
		}
		checkFdinfo(t, w)
	})
}

// checkFdinfo compares the truth with the fdinfo of every instance.
func checkFdinfo(t *testing.T, w *Workload) {
	t.Helper()
	want := map[epbench.Ref][]line{}
	for _, r := range w.Truth {
		want[r.Epoll] = append(want[r.Epoll], line{r.TFD, r.Events, r.Data})
	}
	got := map[epbench.Ref][]line{}
	for _, epoll := range w.Epolls {
		got[epoll] = fdinfo(t, epoll)
	}
	for _, lines := range []map[epbench.Ref][]line{want, got} {
		for l := range maps.Values(lines) {
			slices.SortFunc(l, func(a, b line) int {
				return cmp.Or(cmp.Compare(a.tfd, b.tfd), cmp.Compare(a.data, b.data))
			})
		}
	}
	if diff := gocmp.Diff(want, got, gocmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("truth -, fdinfo +\n%s", diff)
	}
}

func TestKcmpConfirmsTargets(t *testing.T) {
	forEveryKindAndShape(t, 40, func(t *testing.T, s Spec) { checkTargets(t, startWorkload(t, s)) })
}

// checkTargets asks the kernel about every descriptor of the tree.
func checkTargets(t *testing.T, w *Workload) {
	t.Helper()
	all, _ := openFiles(t, w.PIDs)
	byData := map[uint64]epbench.Registration{}
	for _, r := range w.Truth {
		byData[r.Data] = r
	}
	for _, epoll := range w.Epolls {
		toffs := map[int32]int{}
		for _, l := range fdinfo(t, epoll) {
			toff := toffs[l.tfd]
			toffs[l.tfd]++
			want := byData[l.data].Target
			got := epbench.Ref{}
			for _, ref := range all { // in ascending order
				if watches(t, epoll, l.tfd, toff, ref) {
					got = ref
					break
				}
			}
			if got != want {
				t.Errorf("%v: kcmp finds target %v", byData[l.data], got)
			}
		}
	}
}

func TestEpollInstancesAreNamedByTheirLowestDescriptor(t *testing.T) {
	forEveryKindAndShape(t, 40, func(t *testing.T, s Spec) { checkEpollNames(t, startWorkload(t, s)) })
}

func checkEpollNames(t *testing.T, w *Workload) {
	t.Helper()
	_, epolls := openFiles(t, w.PIDs)
	var named []epbench.Ref
	for _, ref := range epolls { // in ascending order
		if !slices.ContainsFunc(named, func(n epbench.Ref) bool { return sameFile(t, n, ref) }) {
			named = append(named, ref)
		}
	}
	named = slices.DeleteFunc(named, func(ref epbench.Ref) bool { return len(fdinfo(t, ref)) == 0 })
	if !slices.Equal(named, w.Epolls) {
		t.Errorf("epoll instances with registrations: %v, want %v", named, w.Epolls)
	}
}

func TestShapesKeepTheirPromise(t *testing.T) {
	for shape, keeps := range map[string]func(w *Workload) error{
		shapeInplace: func(w *Workload) error {
			for _, r := range w.Truth {
				if r.Target != (epbench.Ref{PID: int32(w.PIDs[0]), FD: r.TFD}) {
					return fmt.Errorf("%v: the tfd does not name the target", r)
				}
			}
			return nil
		},
		shapeMoved: func(w *Workload) error {
			for _, r := range w.Truth {
				if r.Target.FD == r.TFD || r.Target.IsNone() {
					return fmt.Errorf("%v: not moved", r)
				}
			}
			return nil
		},
		shapeReused: func(w *Workload) error {
			groups := map[int32]map[epbench.Ref]bool{}
			inplace := 0
			for _, r := range w.Truth {
				if groups[r.TFD] == nil {
					groups[r.TFD] = map[epbench.Ref]bool{}
				}
				groups[r.TFD][r.Target] = true
				if r.Target.FD == r.TFD {
					inplace++
				}
			}
			if inplace != len(groups) {
				return fmt.Errorf("%d files stayed in place, want one for each of %d numbers", inplace, len(groups))
			}
			sizes := map[int]bool{}
			for _, files := range groups {
				sizes[len(files)] = true
			}
			if want := []int{4, 5, 6, 7, 8}; !slices.Equal(slices.Sorted(maps.Keys(sizes)), want) {
				return fmt.Errorf("numbers were used %v times, want %v", sizes, want)
			}
			return nil
		},
		shapeShared: func(w *Workload) error {
			for _, r := range w.Truth {
				if r.Target != w.Truth[0].Target || r.Target.IsNone() {
					return fmt.Errorf("%v: not the one file %v", r, w.Truth[0].Target)
				}
			}
			return nil
		},
		shapeClosed: func(w *Workload) error {
			for _, r := range w.Truth {
				if !r.Target.IsNone() {
					return fmt.Errorf("%v: has a target", r)
				}
			}
			return nil
		},
	} {
		w := startWorkload(t, Spec{Shape: shape, N: 300, Idle: 50})
		if err := keeps(w); err != nil {
			t.Errorf("shape %s: %v", shape, err)
		}
	}
}

func TestATreeHasFilesThatOnlyOneProcessHolds(t *testing.T) {
	w := startWorkload(t, Spec{N: 100, Procs: 3})
	all, _ := openFiles(t, w.PIDs)
	held := map[int]int{}
	for _, r := range w.Truth {
		holders := map[int32]bool{}
		for _, ref := range all {
			if ref.FD == r.Target.FD && sameFile(t, ref, r.Target) {
				holders[ref.PID] = true
			}
		}
		if len(holders) == 1 {
			held[slices.Index(w.PIDs, int(r.Target.PID))]++
		}
	}
	for p := range w.PIDs {
		if held[p] == 0 {
			t.Errorf("process %d of the tree holds no file alone", p)
		}
	}
}

func TestOtherProcessesAreChildrenOfTheFirst(t *testing.T) {
	w := startWorkload(t, Spec{N: 1, Procs: 4})
	for _, pid := range w.PIDs[1:] {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		if want := fmt.Sprintf("\nPPid:\t%d\n", w.PIDs[0]); !strings.Contains(string(status), want) {
			t.Errorf("process %d is not a child of %d:\n%s", pid, w.PIDs[0], status)
		}
	}
}

func TestTheRuntimeHasNoDescriptorsOfItsOwn(t *testing.T) {
	w := startWorkload(t, Spec{N: 10, Procs: 3})
	all, epolls := openFiles(t, w.PIDs)
	for _, ref := range epolls {
		if !sameFile(t, ref, w.Epolls[0]) {
			t.Errorf("%v is an epoll instance that is not the workload's", ref)
		}
	}
	for _, ref := range all {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", ref.PID, ref.FD))
		if err != nil {
			t.Fatal(err)
		}
		switch standard := ref.FD == controlFD || ref.FD == errorFD; {
		case standard && strings.HasPrefix(link, "pipe:"):
		case strings.HasPrefix(link, "anon_inode:"):
		default:
			t.Errorf("%v is %s", ref, link)
		}
	}
}

func TestEventsAndDataAreVaried(t *testing.T) {
	w := startWorkload(t, Spec{N: 200})
	masks := map[uint32]bool{}
	data := map[uint64]bool{}
	var high uint64
	for _, r := range w.Truth {
		masks[r.Events&^(unix.EPOLLERR|unix.EPOLLHUP)] = true
		data[r.Data] = true
		high |= r.Data
	}
	for _, want := range []uint32{
		0, unix.EPOLLIN, unix.EPOLLOUT, unix.EPOLLIN | unix.EPOLLET,
		unix.EPOLLIN | unix.EPOLLONESHOT,   // armed
		unix.EPOLLONESHOT,                  // fired
		unix.EPOLLONESHOT | unix.EPOLLET,   // fired
		unix.EPOLLIN | unix.EPOLLEXCLUSIVE, // exclusive
	} {
		if !masks[want] {
			t.Errorf("no registration has the mask %#x", want)
		}
	}
	if !data[0] || !data[allOnes] || len(data) != 200 {
		t.Errorf("data has 0: %t, all ones: %t, different values: %d", data[0], data[allOnes], len(data))
	}
}

func TestDataTellsItsIndexAndThatItStays(t *testing.T) {
	for i := range axes[0].max {
		if got := indexOf(data(i)); got != i {
			t.Fatalf("data(%d) = %#x, of which the index is %d", i, data(i), got)
		}
		if Transient(data(i)) {
			t.Fatalf("data(%d) = %#x is marked as transient", i, data(i))
		}
	}
}

// relative replaces the PIDs of truth by the processes' places in the tree.
func relative(w *Workload) []epbench.Registration {
	place := func(r *epbench.Ref) {
		r.PID = int32(slices.Index(w.PIDs, int(r.PID)))
	}
	truth := slices.Clone(w.Truth)
	for i := range truth {
		place(&truth[i].Epoll)
		place(&truth[i].Target)
	}
	epbench.Sort(truth)
	return truth
}

func TestTwoRunsHaveTheSameTruth(t *testing.T) {
	for _, shape := range Shapes() {
		s := Spec{Shape: shape, Kind: kindMixed, N: 500, Epolls: 3, Idle: 50, Procs: 3}
		var truths [2][]epbench.Registration
		for i := range truths {
			w := startWorkload(t, s)
			truths[i] = relative(w)
			w.Close()
		}
		if diff := epbench.Diff(truths[0], truths[1]); diff != "" {
			t.Errorf("%v: %s", s, diff)
		}
	}
}

func TestIdleDescriptorsLieBetweenTargets(t *testing.T) {
	w := startWorkload(t, Spec{N: 100, Idle: 50})
	all, _ := openFiles(t, w.PIDs)
	if want := 3 + 1 + 100 + 50 - 1; len(all) != want { // the report is closed
		t.Errorf("%d descriptors, want %d", len(all), want)
	}
	registered := map[epbench.Ref]bool{}
	for _, r := range w.Truth {
		registered[r.Target] = true
	}
	longest, run := 0, 0
	for _, ref := range all[3:] {
		if registered[ref] {
			run++
		} else {
			run = 0
		}
		longest = max(longest, run)
	}
	if longest > 3 {
		t.Errorf("%d targets in a row, although every third descriptor is idle", longest)
	}
}

func TestSharedReachesAMillion(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: takes seconds")
	}
	w := startWorkload(t, Spec{Shape: shapeShared, N: 1_000_000})
	lines := fdinfo(t, w.Epolls[0])
	if len(lines) != 1_000_000 || len(w.Truth) != 1_000_000 {
		t.Errorf("%d registrations, truth has %d", len(lines), len(w.Truth))
	}
}

func TestMain(m *testing.M) {
	if os.Getenv(helperVariable) != "" {
		helper()
	}
	os.Exit(m.Run())
}
