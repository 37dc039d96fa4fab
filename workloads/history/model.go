// SPDX-License-Identifier: MIT

package history

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// Model is what the kernel is expected to have: processes with descriptor
// tables, open files with references, epoll instances with registrations.
type Model struct {
	processes [MaxProcesses]*table // nil before it was forked
	epolls    []*file              // the epoll instances that are alive
	done      int                  // operations
}

// table is the descriptor table of a process.
type table struct {
	files  [endFD]*file
	exited bool
}

// file is an open file. It is released when nothing refers to it any more: no
// descriptor and no message in a queue. A registration is no reference.
type file struct {
	kind  Call // that made it
	refs  int
	items []*item // of an epoll instance
	stream
}

// Result is what a system call returns: an errno, or values. These are
// descriptors, but for Fork (a PID) and Wait (the data of what is ready).
type Result struct {
	Errno  unix.Errno
	Values []uint64
}

func (r Result) String() string {
	switch {
	case r.Errno != 0:
		return unix.ErrnoName(r.Errno)
	case len(r.Values) == 0:
		return "nothing"
	}
	return fmt.Sprint(r.Values)
}

func failure(errno unix.Errno) Result { return Result{Errno: errno} }

// NewModel is the model of one process without descriptors.
func NewModel() *Model {
	m := &Model{}
	m.processes[0] = &table{}
	return m
}

// Do changes the model as op changes the kernel, and predicts what op returns.
// The values of Fork and Wait are not predicted. If the error is not nil, it
// wraps ErrUndefined and says why there is no prediction; the model is then
// unchanged.
func (m *Model) Do(op Op) (Result, error) {
	if why := m.undefined(op); why != "" {
		return Result{}, fmt.Errorf("%w: %s", ErrUndefined, why)
	}
	m.done++
	t := m.processes[op.Proc]
	switch op.Call {
	case Dup, Dup2, Dup3, Close:
		return m.duplicate(t, op), nil
	case Add, Mod, Del, Wait:
		return m.epoll(t, op), nil
	case Send:
		return m.send(t, op.Args[0], op.Args[1:]), nil
	case Recv:
		return m.receive(t, op.Args[0]), nil
	case Fork:
		m.fork(t, op.Args[0])
	case Exit:
		m.exit(t)
	case Dump:
	default:
		return t.install(m.create(op.Call)), nil
	}
	return Result{}, nil
}

// create makes the files that a call makes.
func (m *Model) create(call Call) []*file {
	f := &file{kind: call}
	switch call {
	case Epoll:
		m.epolls = append(m.epolls, f)
	case Pipe:
		return []*file{f, {kind: call}}
	case Socketpair:
		g := &file{kind: call}
		f.peer, g.peer = g, f
		return []*file{f, g}
	}
	return []*file{f}
}

// install gives each of files the lowest free descriptor.
func (t *table) install(files []*file) (r Result) {
	for _, f := range files {
		fd := firstFD + slices.Index(t.files[firstFD:], nil)
		t.set(fd, f)
		r.Values = append(r.Values, uint64(fd))
	}
	return r
}

func (t *table) set(fd int, f *file) {
	f.refs++
	t.files[fd] = f
}

// close makes fd refer to nothing.
func (m *Model) close(t *table, fd int) {
	f := t.files[fd]
	t.files[fd] = nil
	m.drop(f)
}

// duplicate is the model of Close and of the calls that duplicate.
func (m *Model) duplicate(t *table, op Op) Result {
	fd := op.Args[0]
	f := t.files[fd]
	if op.Call == Dup3 && op.Args[1] == fd {
		return failure(unix.EINVAL) // before anything else: dup(2)
	}
	if f == nil {
		return failure(unix.EBADF)
	}
	switch op.Call {
	case Close:
		m.close(t, fd)
		return Result{}
	case Dup:
		return t.install([]*file{f})
	}
	to := op.Args[1]
	if to != fd {
		old := t.files[to]
		t.set(to, f)
		if old != nil {
			m.drop(old)
		}
	}
	return Result{Values: []uint64{uint64(to)}}
}

func (m *Model) fork(t *table, p int) {
	child := &table{}
	for fd, f := range t.files {
		if f != nil {
			child.set(fd, f)
		}
	}
	m.processes[p] = child
}

func (m *Model) exit(t *table) {
	for fd, f := range t.files {
		if f != nil {
			m.close(t, fd)
		}
	}
	t.exited = true
}

// drop takes one reference from f.
func (m *Model) drop(f *file) {
	if f.refs--; f.refs > 0 {
		return
	}
	// fs/eventpoll.c, eventpoll_release and ep_eventpoll_release.
	for _, e := range m.epolls {
		e.items = slices.DeleteFunc(e.items, func(it *item) bool { return it.target == f })
	}
	if f.kind == Epoll {
		m.epolls = slices.DeleteFunc(m.epolls, func(e *file) bool { return e == f })
	}
	m.releaseStream(f)
}

// living returns the processes that have not exited, in ascending order.
func (m *Model) living() (living []int) {
	for p := range m.processes {
		if m.alive(p) {
			living = append(living, p)
		}
	}
	return living
}

func (m *Model) alive(p int) bool {
	return p >= 0 && p < MaxProcesses && m.processes[p] != nil && !m.processes[p].exited
}

// descriptors returns the open descriptors of t, in ascending order.
func (t *table) descriptors() (fds []int) {
	for fd, f := range t.files {
		if f != nil {
			fds = append(fds, fd)
		}
	}
	return fds
}
