// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"epbench"
	"epbench/baseline"
	"epbench/internal/servers"
	"epbench/internal/sockets"
	"epbench/workloads"

	"github.com/google/go-cmp/cmp"
)

var profileSizes = listFlag("profile-sizes", "1000", "numbers of connections of BenchmarkProfile, ascending", parseSize)

// BenchmarkProfile is BenchmarkDump on what server programs have open and
// registered at n connections.
func BenchmarkProfile(b *testing.B) {
	dumpers := newDumpers(b)
	for _, profile := range workloads.Profiles() {
		b.Run("profile="+profile, func(b *testing.B) {
			for _, n := range profileSizes.values {
				b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
					spec, err := workloads.Parse(fmt.Sprintf("profile=%s,n=%d", profile, n))
					if err != nil {
						b.Fatal(err)
					}
					get := sharedWorkload(b, spec)
					compareMethods(b, dumpers, subjectOf(spec), func(b *testing.B) tree { return treeOf(get(b)) })
				})
			}
		})
	}
}

// TestEveryMethodTellsTheTruthOfProfiles is the comparison with the ground
// truth on the profiles.
func TestEveryMethodTellsTheTruthOfProfiles(t *testing.T) {
	dumpers := newDumpers(t)
	for _, profile := range workloads.Profiles() {
		checkTruth(t, fmt.Sprintf("profile=%s,n=20", profile), dumpers, methods())
		if !testing.Short() {
			checkTruth(t, fmt.Sprintf("profile=%s,n=2000", profile), dumpers, except([]string{"naive"}))
		}
	}
}

// TestProfilesAreThoseOfTheRealPrograms compares, at the same number of
// connections, all that a profile promises with the program: processes, epoll
// instances, registrations by what is watched and for which events, and idle
// descriptors by what they are.
func TestProfilesAreThoseOfTheRealPrograms(t *testing.T) {
	for _, program := range servers.Programs() {
		t.Run("program="+program, func(t *testing.T) {
			for _, n := range []int{1, 100} {
				t.Run(fmt.Sprintf("n=%d", n), func(t *testing.T) {
					s := startServer(t, t, program, n)
					w := start(t, t, workloads.Spec{Profile: program, N: n})
					got := inventory(t, w.PIDs, w.Truth)
					want := inventory(t, s.PIDs, referenceDump(t, s))
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s -, its profile +\n%s", program, diff)
					}
				})
			}
		})
	}
}

// inventory counts what the processes have but for their standard input, output
// and error. Which of several processes or instances has what, and under which
// number, is left out.
func inventory(t *testing.T, pids []int, regs []epbench.Registration) map[string]int {
	t.Helper()
	all, err := sockets.Of(pids[0]) // of the others, too: they share the network namespace
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{"processes": len(pids)}
	watched := map[epbench.Ref]bool{}
	for _, r := range regs {
		// By the number in the process that watches it, whoever else has it.
		file := epbench.Ref{PID: r.Epoll.PID, FD: r.TFD}
		watched[file] = true
		counts[fmt.Sprintf("watches %s for %#x", kindOf(t, file, all), r.Events)]++
	}
	for _, pid := range pids {
		entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			fd, err := strconv.Atoi(e.Name())
			if err != nil {
				t.Fatal(err)
			}
			file := epbench.Ref{PID: int32(pid), FD: int32(fd)}
			switch kind := kindOf(t, file, all); {
			case fd <= 2, watched[file], kind == "cgroup":
			default:
				counts["has "+kind]++
			}
		}
	}
	return counts
}

// kindOf tells what an open file is, without its name or address.
func kindOf(t *testing.T, file epbench.Ref, all map[uint64]sockets.Socket) string {
	t.Helper()
	name, err := baseline.FileName(file)
	if err != nil {
		t.Fatal(err)
	}
	switch before, within, _ := strings.Cut(strings.TrimSuffix(name, "]"), ":["); {
	case before == "socket":
		s := all[inode(t, file)]
		if s.Listening {
			return "listening " + s.Protocol
		}
		return s.Protocol
	case before == "anon_inode":
		return within
	case before == "pipe", before == os.DevNull:
		return before
	case strings.HasPrefix(name, "/sys/fs/cgroup/"):
		return "cgroup"
	}
	return "file"
}
