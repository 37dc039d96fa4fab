// SPDX-License-Identifier: MIT

package baseline

import (
	"cmp"
	"errors"
	"fmt"

	"epbench"

	"golang.org/x/sys/unix"
)

// sieve tells whether an open file is registered with an epoll instance of
// another process, in constant time and without touching that instance's
// registrations.
//
// The kernel limits the paths on which one file's event can wake nested epoll
// instances: ten of the greatest length, five instances (path_limits in
// fs/eventpoll.c, the same since Linux 3.3). An EPOLL_CTL_ADD that would exceed
// this fails with EINVAL and leaves nothing behind, all under the kernel's
// locks. So the sieve builds chains of epoll instances of its own, hangs the
// other's instance E into one of them, which gives every file registered with E
// one such path, or as many as it is registered times, and has another
// instance of its own, the gauge, which gives a file all ten:
//
//	file - E     - a - b - c - d               1 path
//	file - gauge - a'- b'- c'- d1 ... d10     10 paths
//
// Adding a file to the gauge fails if and only if the file is registered with
// E. If it succeeds, it is undone at once, because meanwhile the file is at its
// limit and the other process, if it runs, could not register it.
//
// By the same means a file can be brought to its limit exactly (see fill).
// Adding it to E is then certain to fail: with EEXIST if it is there under that
// number, with EINVAL if not.
//
// E itself only sees that something waits for it. That ends when it is taken
// out of the chain, or when our process ends in whatever way.
type sieve struct {
	table *privateTable
	hook  int // first of the chain that E is hung into
	gauge int
	pads  []pad // those that fill uses, largest first
	// flat says that instances that watch others cannot be hung, nor be added
	// to the gauge.
	flat bool
}

// pad gives a file that is added to it so many paths.
type pad struct {
	epoll, paths int
}

const (
	maxPaths   = 10 // path_limits[4] in fs/eventpoll.c
	chainLinks = 4  // EP_MAX_NESTS
)

func newSieve(table *privateTable) (*sieve, error) {
	s := &sieve{table: table}
	var err error
	if s.hook, err = s.chain(1); err != nil {
		return nil, fmt.Errorf("nesting epoll instances: %w", err)
	}
	if s.gauge, err = s.hung(maxPaths); err != nil {
		return nil, fmt.Errorf("nesting epoll instances: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	return s, nil
}

// chain makes chainLinks instances of which each watches the one before, but
// for the last, which exists paths times. It returns the first.
func (s *sieve) chain(paths int) (int, error) {
	first, err := s.table.newEpoll()
	if err != nil {
		return -1, err
	}
	links := []int{first}
	for len(links) < chainLinks-1 {
		link, err := s.table.newEpoll()
		if err != nil {
			return -1, err
		}
		links = append(links, link)
	}
	// From the far end, where every check that the kernel makes is short.
	for range paths {
		last, err := s.table.newEpoll()
		if err != nil {
			return -1, err
		}
		if err := s.table.add(last, links[len(links)-1], 0); err != nil {
			return -1, err
		}
	}
	for i := len(links) - 1; i > 0; i-- {
		if err := s.table.add(links[i], links[i-1], 0); err != nil {
			return -1, err
		}
	}
	return first, nil
}

// hung makes an instance at the start of a chain.
func (s *sieve) hung(paths int) (int, error) {
	first, err := s.chain(paths)
	if err != nil {
		return -1, err
	}
	epoll, err := s.table.newEpoll()
	if err != nil {
		return -1, err
	}
	return epoll, s.table.add(first, epoll, 0)
}

// hang hangs epoll into the chain. It reports false if that is not possible,
// because one of its files is registered more than maxPaths times, or because
// it watches epoll instances or is watched by some.
func (s *sieve) hang(epoll int) (bool, error) {
	err := s.table.add(s.hook, epoll, 0)
	switch {
	case err == nil:
		return true, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ELOOP):
		return false, nil
	}
	return false, fmt.Errorf("watching the epoll instance: %w", err)
}

func (s *sieve) unhang(epoll int) { s.table.remove(s.hook, epoll) }

// registered tells whether the file fd is registered with any of the instances
// that are hung. The error is of a file that cannot be registered at all, or
// of a limit, and errInstance of an epoll instance.
func (s *sieve) registered(fd int) (bool, error) {
	if !s.flat && s.table.isEpoll(fd, s.gauge) {
		return false, errInstance
	}
	switch err := s.table.add(s.gauge, fd, 0); {
	case err == nil:
		return false, s.table.remove(s.gauge, fd)
	case errors.Is(err, unix.EINVAL):
		return true, nil
	case errors.Is(err, unix.ELOOP):
		return false, errInstance // as the gauge is at the end of a chain
	default:
		return false, err
	}
}

// errInstance says that a file is an epoll instance.
var errInstance = errors.New("an epoll instance")

// fill brings the file fd to its limit, until empty.
func (s *sieve) fill(fd int) error {
	if s.pads == nil {
		for _, paths := range []int{8, 4, 2, 1} {
			epoll, err := s.hung(paths)
			if err != nil {
				return err
			}
			s.pads = append(s.pads, pad{epoll, paths})
		}
	}
	for _, pad := range s.pads {
		if err := s.table.add(pad.epoll, fd, 0); err != nil && !errors.Is(err, unix.EINVAL) {
			return err
		}
	}
	return nil
}

// empty undoes fill.
func (s *sieve) empty(fd int) {
	for _, pad := range s.pads {
		s.table.remove(pad.epoll, fd) // from those that took it
	}
}

// errLimit says that this kernel does not limit paths as the sieve needs it.
var errLimit = &epbench.UnavailableError{
	Err:  fmt.Errorf("telling registered files by the limit of wakeup paths: %w", epbench.ErrNotSupported),
	Hint: "use another method, and report this kernel's version",
}

// check tries the sieve on instances and a file of our own.
func (s *sieve) check() error {
	file, err := s.table.call(unix.SYS_EVENTFD2, 0, unix.EFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer s.table.close(file)
	inner, err := s.table.newEpoll()
	if err != nil {
		return err
	}
	defer s.table.close(inner)
	for _, want := range []bool{false, true} {
		if want {
			if err := s.table.add(inner, file, 0); err != nil {
				return err
			}
		}
		if hung, err := s.hang(inner); err != nil || !hung {
			return cmp.Or(err, error(errLimit))
		}
		if is, err := s.registered(file); err != nil || is != want {
			return cmp.Or(err, error(errLimit))
		}
		s.unhang(inner)
	}
	// Linux 6.17, and stable kernels that have the same change, check the depth
	// of nesting in both directions.
	outer, err := s.table.newEpoll()
	if err != nil {
		return err
	}
	defer s.table.close(outer)
	if err := s.table.remove(inner, file); err != nil {
		return err
	}
	if err := s.table.add(outer, inner, 0); err != nil {
		return err
	}
	hung, err := s.hang(outer)
	s.flat = !hung && err == nil
	return err
}
