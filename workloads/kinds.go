// SPDX-License-Identifier: MIT

package workloads

import (
	"golang.org/x/sys/unix"
)

const (
	kindEventfd  = "eventfd"
	kindPipe     = "pipe"
	kindUnix     = "unix"
	kindTCP      = "tcp"
	kindUDP      = "udp"
	kindTimerfd  = "timerfd"
	kindSignalfd = "signalfd"
	kindInotify  = "inotify"
	kindEpoll    = "epoll"
	kindMixed    = "mixed"
)

// plainKinds are all but mixed, in the order in which mixed goes through them.
var plainKinds = []string{
	kindEventfd, kindPipe, kindUnix, kindTCP, kindUDP,
	kindTimerfd, kindSignalfd, kindInotify, kindEpoll,
}

// How many inotify instances a workload makes before it uses them again: as
// many as shape reused has files under one number, and a few to be idle.
const (
	inotifyTargets = mostReuses
	inotifyIdle    = 2
)

// fileID numbers the open files of a workload.
type fileID = int32

// target is an open file and the descriptor that it was made with.
type target struct {
	fd     int
	file   fileID
	nested bool // an epoll instance
}

// source makes open files of one kind. All of its descriptors are
// close-on-exec.
type source struct {
	make   func() (fds []int, err error)
	nested bool
	files  *fileID  // the last number given to a file
	spare  []target // made with another, and not yet asked for
	pool   []target // files to use again, each under a descriptor of the source's own
	limit  int      // of the pool; 0 for none
	turn   int      // in the pool
	close  func()   // releases what making files needed
}

// newSource returns the source of a plain kind. Where instances are scarce, it
// makes that many and no more.
func newSource(kind string, files *fileID, scarce int) *source {
	s := &source{files: files, close: func() {}}
	switch kind {
	case kindEventfd:
		s.make = one("eventfd", func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) })
	case kindPipe:
		s.make = two("pipe2", func() (p [2]int, err error) { return p, unix.Pipe2(p[:], unix.O_CLOEXEC) })
	case kindUnix:
		s.make = two("socketpair", func() ([2]int, error) {
			return unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		})
	case kindTCP:
		l := &listener{fd: -1}
		s.make, s.close = l.pair, l.close
	case kindUDP:
		s.make = one("socket", func() (int, error) {
			return unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		})
	case kindTimerfd:
		s.make = one("timerfd_create", func() (int, error) {
			return unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
		})
	case kindSignalfd:
		s.make = one("signalfd4", func() (int, error) {
			mask := unix.Sigset_t{}
			mask.Val[0] = 1 << (unix.SIGUSR1 - 1)
			return unix.Signalfd(-1, &mask, unix.SFD_CLOEXEC)
		})
	case kindInotify:
		s.make = one("inotify_init1", func() (int, error) { return unix.InotifyInit1(unix.IN_CLOEXEC) })
		s.limit = scarce
		s.close = s.closePool
	case kindEpoll:
		s.make = one("epoll_create1", func() (int, error) { return unix.EpollCreate1(unix.EPOLL_CLOEXEC) })
		s.nested = true
	}
	return s
}

// next returns a file, a new one unless the source's limit is reached.
func (s *source) next() (target, error) {
	if s.limit > 0 {
		return s.fromPool()
	}
	if len(s.spare) == 0 {
		if err := s.more(); err != nil {
			return target{}, err
		}
	}
	t := s.spare[0]
	s.spare = s.spare[1:]
	return t, nil
}

// more makes one file, or two that belong together.
func (s *source) more() error {
	fds, err := s.make()
	if err != nil {
		return err
	}
	s.spare = s.spare[:0]
	for _, fd := range fds {
		*s.files++
		s.spare = append(s.spare, target{fd: fd, file: *s.files, nested: s.nested})
	}
	return nil
}

func (s *source) fromPool() (target, error) {
	if len(s.pool) < s.limit {
		if err := s.more(); err != nil {
			return target{}, err
		}
		s.pool = append(s.pool, s.spare...)
	}
	t := s.pool[s.turn%s.limit]
	s.turn++
	fd, err := duplicate(t.fd, 0)
	t.fd = fd
	return t, err
}

func (s *source) closePool() {
	for _, t := range s.pool {
		unix.Close(t.fd)
	}
}

// cycle draws from several sources in turn.
type cycle struct {
	sources []*source
	turn    int
}

// newCycle returns the sources of a kind, of which only mixed has several.
func newCycle(kind string, files *fileID, scarce int) *cycle {
	kinds := []string{kind}
	if kind == kindMixed {
		kinds = plainKinds
	}
	c := &cycle{}
	for _, kind := range kinds {
		c.sources = append(c.sources, newSource(kind, files, scarce))
	}
	return c
}

func (c *cycle) next() (target, error) {
	s := c.sources[c.turn%len(c.sources)]
	c.turn++
	return s.next()
}

func (c *cycle) close() {
	for _, s := range c.sources {
		s.close()
	}
}

// one adapts a system call that returns a descriptor.
func one(call string, f func() (int, error)) func() ([]int, error) {
	return func() ([]int, error) {
		fd, err := f()
		if err != nil {
			return nil, failed(call, err)
		}
		return []int{fd}, nil
	}
}

// two adapts a system call that returns two descriptors.
func two(call string, f func() ([2]int, error)) func() ([]int, error) {
	return func() ([]int, error) {
		fds, err := f()
		if err != nil {
			return nil, failed(call, err)
		}
		return fds[:], nil
	}
}

// listener makes connected pairs of TCP sockets on the loopback interface.
type listener struct {
	fd      int
	address unix.Sockaddr
}

// abort makes close(2) reset the connection instead of leaving a port in
// TIME_WAIT, of which a few workloads would use up all. An accepted socket has
// it from its listener.
var abort = unix.Linger{Onoff: 1}

func (l *listener) listen() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return failed("socket", err)
	}
	l.fd = fd
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &abort); err != nil {
		return failed("setsockopt", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return failed("bind", err)
	}
	if err := unix.Listen(fd, 1); err != nil {
		return failed("listen", err)
	}
	if l.address, err = unix.Getsockname(fd); err != nil {
		return failed("getsockname", err)
	}
	return nil
}

func (l *listener) pair() ([]int, error) {
	if l.fd < 0 {
		if err := l.listen(); err != nil {
			return nil, err
		}
	}
	client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, failed("socket", err)
	}
	if err := unix.SetsockoptLinger(client, unix.SOL_SOCKET, unix.SO_LINGER, &abort); err != nil {
		return nil, failed("setsockopt", err)
	}
	if err := unix.Connect(client, l.address); err != nil {
		return nil, failed("connect", err)
	}
	server, _, err := unix.Accept4(l.fd, unix.SOCK_CLOEXEC)
	if err != nil {
		return nil, failed("accept4", err)
	}
	return []int{client, server}, nil
}

func (l *listener) close() {
	if l.fd >= 0 {
		unix.Close(l.fd)
	}
}
