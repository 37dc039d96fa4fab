// SPDX-License-Identifier: MIT

package workloads

import "golang.org/x/sys/unix"

// server makes what a server program has, in one process, and remembers the
// first error, so that a profile reads as a list. What it makes stays open, and
// is idle unless it is watched.
type server struct {
	*builder
	err error
}

// serve makes a step of a form of the steps of a profile.
func serve(steps func(*server)) func(*builder) error {
	return func(b *builder) error {
		s := &server{builder: b}
		steps(s)
		return s.err
	}
}

// try runs f unless something has failed already.
func (s *server) try(f func() error) {
	if s.err == nil {
		s.err = f()
	}
}

// epoll makes an epoll instance for registrations, and returns its index.
func (s *server) epoll() int {
	index := len(s.epolls)
	s.try(func() error {
		_, err := s.makeEpoll()
		return err
	})
	return index
}

// idleEpoll makes an epoll instance with which nothing is registered.
func (s *server) idleEpoll() { s.open(kindEpoll) }

// watch registers a file under its number.
func (s *server) watch(epoll int, t target, events uint32) {
	s.try(func() error { return s.add(epoll, t, t.fd, events) })
}

// connections makes n connections, each of so many sockets, that take turns at
// the instances.
func (s *server) connections(n, sockets int, events uint32, epolls ...int) {
	for i, t := range s.from(kindTCP, n*sockets) {
		s.watch(epolls[i/sockets%len(epolls)], t, events)
	}
}

// open makes a file of a kind that comes alone.
func (s *server) open(kind string) target { return s.from(kind, 1)[0] }

// pair makes two files that belong together: of a pipe, what is read from is
// the first.
func (s *server) pair(kind string) (a, b target) {
	both := s.from(kind, 2)
	return both[0], both[1]
}

// from makes count files of a kind.
func (s *server) from(kind string, count int) []target {
	source := newSource(kind, &s.files, 0)
	targets := make([]target, count)
	for i := range targets {
		s.try(func() (err error) {
			if err := cancelled(i); err != nil {
				return err
			}
			if targets[i], err = source.next(); err == nil {
				s.hold(targets[i].fd, targets[i].file)
			}
			return err
		})
	}
	for _, t := range source.spare {
		// The other end of the last connection. It must not be reset, or that
		// would be none any more.
		unix.SetsockoptLinger(t.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{})
		unix.Close(t.fd)
	}
	source.close()
	return targets
}

// listening makes a TCP socket that listens.
func (s *server) listening() target {
	var l listener
	s.try(l.listen)
	return s.made(l.fd)
}

// listeningUnix makes a unix socket that listens, under a name that the kernel
// finds: unix(7), autobind.
func (s *server) listeningUnix() target {
	fd := -1
	s.try(func() (err error) {
		if fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return failed("socket", err)
		}
		if err := unix.Bind(fd, &unix.SockaddrUnix{}); err != nil {
			return failed("bind", err)
		}
		if err := unix.Listen(fd, 1); err != nil {
			return failed("listen", err)
		}
		return nil
	})
	return s.made(fd)
}

// regular opens a regular file. A log is one, and which one does not matter.
func (s *server) regular() { s.openPath(self) }

func (s *server) devNull() { s.openPath("/dev/null") }

func (s *server) openPath(path string) {
	fd := -1
	s.try(func() (err error) {
		if fd, err = unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return failed("open of "+path, err)
		}
		return nil
	})
	s.made(fd)
}

// made records a file that is open.
func (s *server) made(fd int) target {
	t := target{fd: fd, file: s.newFile()}
	s.hold(t.fd, t.file)
	return t
}

// inherited is the i-th file of those that the process has inherited.
func (s *server) inherited(i int) target {
	d := s.descriptors[i]
	return target{fd: int(d.fd), file: d.file}
}
