// SPDX-License-Identifier: MIT

package history

import (
	"golang.org/x/sys/unix"
)

// stream is what a file of Socketpair has besides: net/unix/af_unix.c.
type stream struct {
	peer  *file     // nil when it is released
	queue [][]*file // messages that can be received from this socket
	reset bool      // the peer was released with messages in its queue
}

// send is the model of sendmsg(2) with SCM_RIGHTS.
func (m *Model) send(t *table, socket int, fds []int) Result {
	s := t.files[socket]
	if errno := notSocket(s); errno != 0 {
		return failure(errno)
	}
	var message []*file
	for _, fd := range fds {
		f := t.files[fd]
		if f == nil {
			return failure(unix.EBADF)
		}
		message = append(message, f)
	}
	if s.peer == nil {
		return failure(unix.EPIPE)
	}
	for _, f := range message {
		f.refs++
	}
	s.peer.queue = append(s.peer.queue, message)
	return Result{}
}

// receive is the model of recvmsg(2), which returns no descriptors at the end
// of the stream.
func (m *Model) receive(t *table, socket int) Result {
	s := t.files[socket]
	if errno := notSocket(s); errno != 0 {
		return failure(errno)
	}
	switch {
	case len(s.queue) > 0:
		message := s.queue[0]
		s.queue = s.queue[1:]
		r := t.install(message)
		for _, f := range message {
			f.refs-- // the message's: the descriptor has its own
		}
		return r
	case s.reset:
		s.reset = false // told once
		return failure(unix.ECONNRESET)
	case s.peer == nil:
		return Result{}
	}
	return failure(unix.EAGAIN)
}

func notSocket(f *file) unix.Errno {
	switch {
	case f == nil:
		return unix.EBADF
	case f.kind != Socketpair:
		return unix.ENOTSOCK
	}
	return 0
}

// releaseStream is unix_release_sock: messages that nobody can receive any more
// let go of their files.
func (m *Model) releaseStream(f *file) {
	queue := f.queue
	f.queue = nil
	if f.peer != nil {
		f.peer.peer = nil
		f.peer.reset = len(queue) > 0
		f.peer = nil
	}
	for _, message := range queue {
		for _, sent := range message {
			m.drop(sent)
		}
	}
}

// keeps says whether f is to, or keeps it alive through messages in its queue.
func (f *file) keeps(to *file) bool {
	if f == to {
		return true
	}
	for _, message := range f.queue {
		for _, sent := range message {
			if sent.keeps(to) {
				return true
			}
		}
	}
	return false
}
