// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"epbench"
	"epbench/baseline"
	"epbench/internal/servers"
	"epbench/internal/sockets"
)

var realSizes = listFlag("real-sizes", "2000", "numbers of connections of BenchmarkReal, ascending", parseSize)

// TestMethodsAgreeOnRealServers dumps servers that hold connections and are
// stopped, as a checkpoint would stop them. What they have registered is not
// known beforehand, so the methods are compared with each other: on many
// connections those that take no more than n log n calls, and all on few.
func TestMethodsAgreeOnRealServers(t *testing.T) {
	dumpers := newDumpers(t)
	cubic := []string{"naive"}
	for _, program := range servers.Programs() {
		t.Run("program="+program, func(t *testing.T) {
			loads := []realLoad{{200, methods()}, {2000, except(cubic)}}
			if testing.Short() { // as in guests, where there is the one program that brings itself
				loads = []realLoad{{20, methods()}}
			}
			for _, of := range loads {
				t.Run(fmt.Sprintf("n=%d", of.n), func(t *testing.T) {
					s := startServer(t, t, program, of.n)
					want := referenceDump(t, s)
					checkPlausible(t, s, want)
					for _, m := range of.methods {
						t.Run(m.Name, func(t *testing.T) {
							got, _, err := dumpers.get(t, m).Dump(t.Context(), s.PIDs, nil)
							if unlessRefused(err) != nil {
								t.Fatal(err)
							}
							if diff := epbench.Diff(want, got); diff != "" {
								t.Errorf("not what %s finds: %s", referenceMethod, diff)
							}
						})
					}
					// That it was dumped must be nothing to the server.
					if err := s.Continue(); err != nil {
						t.Fatal(err)
					}
					if err := s.Ask(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// realLoad is how many connections a server has, and who dumps it.
type realLoad struct {
	n       int
	methods []epbench.Method
}

// BenchmarkReal is BenchmarkDump on real servers with n connections.
func BenchmarkReal(b *testing.B) {
	if lane() != "native" {
		skipUnavailable(b, &epbench.UnavailableError{
			Err:  errors.New("a guest has no server programs"),
			Hint: "BenchmarkReal is for the native lane, BenchmarkProfile for both",
		})
	}
	dumpers := newDumpers(b)
	for _, program := range servers.Programs() {
		b.Run("program="+program, func(b *testing.B) {
			s := sharedServers(b, program)
			for _, n := range realSizes.values {
				s.n = n
				b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
					compareMethods(b, dumpers, s, func(b *testing.B) tree { return s.start(b, b, n) })
				})
			}
		})
	}
}

// sharedServers returns a program as a subject. Of each size one is started,
// which lives as long as owner.
func sharedServers(owner *testing.B, program string) subject {
	started := map[int]tree{}
	name := func(n int) string { return fmt.Sprintf("%s with %d connections", program, n) }
	return subject{name: name, start: func(t, _ testing.TB, n int) tree {
		t.Helper()
		if _, ok := started[n]; !ok {
			s := startServer(t, owner, program, n)
			started[n] = tree{name(n), s.PIDs, referenceDump(t, s)}
		}
		return started[n]
	}}
}

// startServer starts a server with n connections, for the duration of owner,
// and stops its processes. It skips t where there is no such program.
func startServer(t, owner testing.TB, program string, n int) *servers.Server {
	t.Helper()
	s, err := servers.Start(context.WithoutCancel(owner.Context()), program, n)
	skipUnavailable(t, err)
	if err != nil {
		t.Fatal(err)
	}
	owner.Cleanup(func() {
		if err := s.Close(); err != nil {
			owner.Error(err)
		}
	})
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

// referenceMethod is the one that the others are compared with: it has the
// kernel confirm each target, and sockets differ in their inodes.
const referenceMethod = "inode"

func referenceDump(t testing.TB, s *servers.Server) []epbench.Registration {
	t.Helper()
	m := only([]string{referenceMethod})[0]
	regs, _, err := newDumpers(t).get(t, m).Dump(t.Context(), s.PIDs, nil)
	if err != nil {
		t.Fatal(err)
	}
	return regs
}

// checkPlausible checks of what was dumped that every connection to the server
// is watched, as one of its sockets, and that no target is missing.
func checkPlausible(t *testing.T, s *servers.Server, regs []epbench.Registration) {
	t.Helper()
	all, err := sockets.Of(s.PIDs[0])
	if err != nil {
		t.Fatal(err)
	}
	watched := map[servers.Connection]int{}
	for _, r := range regs {
		if r.Target.IsNone() {
			t.Errorf("%v: a server that keeps its descriptors has a registration without target", r)
		}
		if socket, ok := all[inode(t, r.Target)]; ok {
			watched[servers.Connection{Client: socket.Remote, Server: socket.Local}]++
		}
	}
	missing := map[servers.Connection]int{}
	for _, c := range s.Connections {
		if watched[c] != 1 {
			missing[c] = watched[c]
		}
	}
	if len(missing) > 0 {
		t.Errorf("of %d connections, %d are not watched exactly once: %v", len(s.Connections), len(missing), missing)
	}
}

// inode returns the inode of a socket, and 0 of other files.
func inode(t *testing.T, file epbench.Ref) uint64 {
	t.Helper()
	name, err := baseline.FileName(file)
	if err != nil {
		t.Fatal(err)
	}
	var number uint64
	if strings.HasPrefix(name, "socket:") {
		if _, err := fmt.Sscanf(name, "socket:[%d]", &number); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return number
}
