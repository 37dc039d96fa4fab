// SPDX-License-Identifier: MIT

package workloads

import (
	"errors"
	"slices"

	"golang.org/x/sys/unix"
)

// inplace registers files and leaves them where they are.
func (b *builder) inplace() error {
	targets, err := b.registerAll()
	for _, t := range targets {
		b.hold(t.fd, t.file)
	}
	return err
}

// registerAll makes n targets, each registered under its own number, and spreads
// them over the epoll instances.
func (b *builder) registerAll() ([]target, error) {
	targets := make([]target, b.spec.N)
	for i := range targets {
		t, err := b.nextTarget(i, len(targets))
		if err != nil {
			return nil, err
		}
		if err := b.register(i%len(b.epolls), t, t.fd); err != nil {
			return nil, err
		}
		targets[i] = t
	}
	return targets, nil
}

// moved registers files and then moves each to a number above all of theirs,
// or, when there is none left below the descriptor limit, to the lowest that
// an earlier one has left.
func (b *builder) moved() error {
	targets, err := b.registerAll()
	if err != nil {
		return err
	}
	lowest := targets[len(targets)-1].fd + 1
	for _, t := range targets {
		fd, err := duplicate(t.fd, lowest)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.EINVAL) {
			lowest = 0
			fd, err = duplicate(t.fd, lowest)
		}
		if err != nil {
			return err
		}
		if err := unix.Close(t.fd); err != nil {
			return failed("close", err)
		}
		b.hold(fd, t.file)
	}
	return nil
}

// How many files shape reused registers under one number.
const leastReuses, mostReuses = 4, 8

// reused registers several files under one number, one after the other. Each
// is replaced there by the next and stays under the number that it was made
// with; the last stays under the common number alone.
func (b *builder) reused() error {
	for made, group := 0, 0; made < b.spec.N; group++ {
		depth := min(leastReuses+group%(mostReuses-leastReuses+1), b.spec.N-made)
		if err := b.reuse(group%len(b.epolls), made, depth); err != nil {
			return err
		}
		made += depth
	}
	return nil
}

// reuse registers targets first to first+depth-1 under one number.
func (b *builder) reuse(epoll, first, depth int) error {
	number := -1
	for i := range depth {
		t, err := b.nextTarget(first+i, b.spec.N)
		if err != nil {
			return err
		}
		if i == 0 {
			number, err = duplicate(t.fd, 0)
		} else {
			err = replace(t.fd, number)
		}
		if err != nil {
			return err
		}
		if err := b.register(epoll, t, number); err != nil {
			return err
		}
		if i < depth-1 {
			b.hold(t.fd, t.file)
			continue
		}
		if err := unix.Close(t.fd); err != nil {
			return failed("close", err)
		}
		b.hold(number, t.file)
	}
	return nil
}

// shared registers a few files, each under every one of many numbers and in
// every epoll instance.
func (b *builder) shared(plan sharing) error {
	files := make([]target, plan.files)
	for i := range files {
		t, err := b.nextTarget(i, len(files))
		if err != nil {
			return err
		}
		b.hold(t.fd, t.file)
		files[i] = t
	}
	if err := b.makeIdle(b.spec.Idle); err != nil {
		return err
	}
	lowest, err := duplicate(files[0].fd, 0)
	if err != nil {
		return err
	}
	if err := unix.Close(lowest); err != nil {
		return failed("close", err)
	}
	end := len(b.registrations) + b.spec.N
	for number := lowest; len(b.registrations) < end; number++ {
		if err := b.shareNumber(files, number, end); err != nil {
			return err
		}
	}
	return nil
}

// shareNumber registers all files under number in all epoll instances, until
// there are end registrations.
func (b *builder) shareNumber(files []target, number, end int) error {
	for _, t := range files {
		if err := replace(t.fd, number); err != nil {
			return err
		}
		for epoll := range b.epolls {
			if len(b.registrations) == end {
				break
			}
			if err := b.register(epoll, t, number); err != nil {
				return err
			}
		}
	}
	if err := unix.Close(number); err != nil {
		return failed("close", err)
	}
	return nil
}

// closed registers files and sends them into the queue of a socket that nobody
// reads, which keeps them open when their descriptors are closed.
//
// What an unprivileged user has in flight is limited to the soft limit of
// descriptors: net/unix/scm.c (Linux 6.12), too_many_unix_fds.
func (b *builder) closed() error {
	targets, err := b.registerAll()
	if err != nil {
		return err
	}
	queue := carrier{b: b}
	for batch := range slices.Chunk(targets, maxFilesInMessage) {
		if err := queue.swallow(batch); err != nil {
			return err
		}
	}
	return nil
}

// maxFilesInMessage is SCM_MAX_FD: unix(7).
const maxFilesInMessage = 253

// carrier keeps files in flight between two unix sockets.
type carrier struct {
	b      *builder
	opened bool
	pair   [2]int
}

// swallow puts targets in flight and closes their descriptors.
func (c *carrier) swallow(targets []target) error {
	fds := make([]int, len(targets))
	for i, t := range targets {
		fds[i] = t.fd
	}
	rights := unix.UnixRights(fds...)
	if !c.opened {
		if err := c.open(); err != nil {
			return err
		}
	}
	err := c.send(rights)
	if errors.Is(err, unix.EAGAIN) { // this queue is full
		if err := c.open(); err != nil {
			return err
		}
		err = c.send(rights)
	}
	if err != nil {
		return failed("sendmsg", err)
	}
	for _, fd := range fds {
		if err := unix.Close(fd); err != nil {
			return failed("close", err)
		}
	}
	return nil
}

// open makes a queue; the one before stays as it is. Both its ends are
// descriptors like others, so in a tree what is queued may be another process's
// to receive.
func (c *carrier) open() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return failed("socketpair", err)
	}
	c.opened, c.pair = true, pair
	for _, fd := range pair {
		c.b.hold(fd, c.b.newFile())
	}
	return nil
}

// send sends one byte, with the rights, unless the queue is full.
func (c *carrier) send(rights []byte) error {
	return unix.Sendmsg(c.pair[0], []byte{0}, rights, nil, unix.MSG_DONTWAIT)
}
