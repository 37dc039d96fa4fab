// SPDX-License-Identifier: MIT

package workloads

import (
	"cmp"
	"fmt"
	"strings"
)

// profile is what a server program has open and registered at n connections.
//
// The profiles are of idle servers: every connection has been answered on and
// waits. What the processes share, the events that are asked for, and what is
// open and not registered are those of the real program. Standard input, output
// and error are not part of a profile, and data is not the program's: it tells
// registrations apart and nothing more.
//
// Both ends of a loopback connection stand for a connection of the server each,
// so that no descriptors of clients lie between those of the server.
type profile struct {
	name string
	form form // of its processes; without a name
	// processes is how many there are by default, and leastProcesses how many
	// there must be where the spec may say how many; otherwise 0.
	processes, leastProcesses int
	// descriptors is how many the process with the most has, but for a few.
	descriptors func(s Spec) int
}

// profiles is a function because profiles refer to what looks at them.
func profiles() []profile {
	return []profile{nginx(), redis(), haproxy(), node(), netty(), golang()}
}

// Profiles returns the names of all profiles.
func Profiles() []string {
	var names []string
	for _, p := range profiles() {
		names = append(names, p.name)
	}
	return names
}

// profile returns the profile that a spec names, if there is one.
func (s Spec) profile() (p profile, ok bool) {
	for _, p := range profiles() {
		if p.name == s.Profile {
			return p, true
		}
	}
	return profile{}, false
}

func (s Spec) withProfileDefaults() Spec {
	p, _ := s.profile()
	s.N = cmp.Or(s.N, axes[0].def)
	s.Procs = cmp.Or(s.Procs, p.processes)
	return s
}

// checkProfile checks a spec with a profile, which has to leave out what the
// profile decides.
func (s Spec) checkProfile() error {
	p, ok := s.profile()
	if !ok {
		return checkName("profile", s.Profile, Profiles())
	}
	var given []string
	for _, key := range []struct {
		name  string
		given bool
	}{
		{"shape", s.Shape != ""},
		{"kind", s.Kind != ""},
		{"tree", s.Tree != ""},
		{"epolls", s.Epolls != 0},
		{"idle", s.Idle != 0},
		{"churn", s.Churn != 0},
		{"procs", p.leastProcesses == 0 && s.Procs != p.processes},
	} {
		if key.given {
			given = append(given, key.name)
		}
	}
	if len(given) > 0 {
		return fmt.Errorf("profile=%s decides %s: leave that out", s.Profile, strings.Join(given, ", "))
	}
	if s.Procs < p.leastProcesses {
		return fmt.Errorf("profile=%s needs procs=%d or more", s.Profile, p.leastProcesses)
	}
	return nil
}

// fitsProfile returns an error when a process with limit descriptors cannot
// hold s, which has a profile.
func (s Spec) fitsProfile(limit int) error {
	p, _ := s.profile()
	if need := p.descriptors(s) + reserve; need > limit {
		return fmt.Errorf("descriptor limit %d is too low for profile=%s n=%d (%d descriptors); use fewer n", limit, s.Profile, s.N, need)
	}
	return nil
}

// alone is the form of a program of one process.
func alone(steps func(*server)) form { return form{root: serve(steps)} }

// oneEach is what a process has that holds each connection once, and few files
// beside them.
func oneEach(s Spec) int { return s.N }
