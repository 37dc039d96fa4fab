// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"math"

	"golang.org/x/sys/unix"
)

// reserve is what a workload needs of descriptors beside epoll instances,
// targets and idle files: the standard three, the kinds' listeners, spare ends
// and inotify instances, for targets and for idle files, and a few pipes while
// processes are started.
const reserve = 64

// sharedNumbers is how many numbers shape shared registers one file under
// before it takes a second file. A constant rather than the descriptor limit,
// so that machines with a limit above it have the same workload.
const sharedNumbers = 16384

// descriptorLimit returns how many descriptors a process may have if it raises
// its soft limit to the hard one.
func descriptorLimit() (int, error) {
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return 0, fmt.Errorf("reading the descriptor limit: %w", err)
	}
	return int(min(lim.Max, math.MaxInt32)), nil
}

// fits returns an error when a process with limit descriptors cannot hold s.
func (s Spec) fits(limit int) error {
	switch free := s.free(limit); {
	case s.Profile != "":
		return s.fitsProfile(limit)
	case s.Shape == shapeShared:
		if _, ok := s.planShared(limit); !ok {
			return fmt.Errorf("descriptor limit %d is too low for %s; use fewer n, more epolls or less idle, or raise the hard limit of open files", limit, s.counts())
		}
	case free < s.N:
		return fmt.Errorf("descriptor limit %d is too low for %s (%d descriptors); use fewer n, or shape=shared", limit, s.counts(), limit-free+s.N)
	}
	return nil
}

// counts formats the axes that take descriptors.
func (s Spec) counts() string {
	text := fmt.Sprintf("n=%d", s.N)
	if s.Epolls > 1 {
		text += fmt.Sprintf(" epolls=%d", s.Epolls)
	}
	if s.Idle > 0 {
		text += fmt.Sprintf(" idle=%d", s.Idle)
	}
	if s.Churn > 0 {
		text += fmt.Sprintf(" churn=%d", s.Churn)
	}
	return text
}

// free returns how many descriptors limit leaves for targets.
func (s Spec) free(limit int) int {
	free := limit - reserve - s.Idle - s.Churn - s.Epolls - s.Epolls/2
	if s.Tree == treeRenumbered {
		free -= s.Epolls
	}
	return free
}

// sharing is how shape shared makes its registrations: files times numbers in
// each epoll instance.
type sharing struct{ files, numbers int }

// planShared takes as few files as it can, and reports whether any number of
// them will do. A file needs a second descriptor while it is made.
func (s Spec) planShared(limit int) (sharing, bool) {
	each := (s.N + s.Epolls - 1) / s.Epolls
	free := s.free(limit)
	for files := 1; 2*files < free; files++ {
		if files*min(sharedNumbers, free-2*files) >= each {
			return sharing{files, (each + files - 1) / files}, true
		}
	}
	return sharing{}, false
}
