// SPDX-License-Identifier: MIT

package history

import (
	"slices"

	"golang.org/x/sys/unix"
)

// item is a registration. Its key is the pair (target, tfd).
type item struct {
	target *file
	tfd    int
	events uint32
	data   uint64
}

const (
	// always is added to every mask: fs/eventpoll.c (Linux 6.12), do_epoll_ctl.
	always = unix.EPOLLERR | unix.EPOLLHUP
	// privateBits are what a fired EPOLLONESHOT leaves of a mask: EP_PRIVATE_BITS.
	privateBits = unix.EPOLLWAKEUP | unix.EPOLLONESHOT | unix.EPOLLET | unix.EPOLLEXCLUSIVE
	// besideExclusive are those that EPOLLEXCLUSIVE allows: EPOLLEXCLUSIVE_OK_BITS.
	besideExclusive = unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLERR | unix.EPOLLHUP |
		unix.EPOLLWAKEUP | unix.EPOLLET | unix.EPOLLEXCLUSIVE
)

// epoll is the model of the calls on epoll instances.
func (m *Model) epoll(t *table, op Op) Result {
	e := t.files[op.Args[0]]
	if op.Call == Wait {
		return failure(waitErrno(e))
	}
	tfd := op.Args[1]
	target := t.files[tfd]
	if errno := m.refusal(op, e, target); errno != 0 {
		return failure(errno)
	}
	it := e.item(target, tfd)
	switch {
	case op.Call == Add && it != nil:
		return failure(unix.EEXIST)
	case op.Call == Add:
		e.items = append(e.items, &item{target, tfd, op.Events | always, op.Data})
	case it == nil:
		return failure(unix.ENOENT)
	case op.Call == Del:
		e.remove(it)
	case it.events&unix.EPOLLEXCLUSIVE != 0:
		return failure(unix.EINVAL)
	default:
		it.events, it.data = op.Events|always, op.Data
	}
	return Result{}
}

func waitErrno(e *file) unix.Errno {
	switch {
	case e == nil:
		return unix.EBADF
	case e.kind != Epoll:
		return unix.EINVAL
	}
	return 0
}

// refusal is what do_epoll_ctl answers before it looks for the item, in the
// order in which it checks.
func (m *Model) refusal(op Op, e, target *file) unix.Errno {
	switch {
	case e == nil || target == nil:
		return unix.EBADF
	case target.kind == Directory:
		return unix.EPERM
	case e == target || e.kind != Epoll:
		return unix.EINVAL
	case op.Call != Del && op.Events&unix.EPOLLEXCLUSIVE != 0 && !exclusive(op, target):
		return unix.EINVAL
	case op.Call == Add && target.reaches(e):
		return unix.ELOOP
	}
	return 0
}

// exclusive says whether EPOLLEXCLUSIVE is allowed in op.
func exclusive(op Op, target *file) bool {
	return op.Call == Add && target.kind != Epoll && op.Events&^besideExclusive == 0
}

func (f *file) item(target *file, tfd int) *item {
	for _, it := range f.items {
		if it.target == target && it.tfd == tfd {
			return it
		}
	}
	return nil
}

func (f *file) remove(it *item) {
	f.items = slices.DeleteFunc(f.items, func(other *item) bool { return other == it })
}

// fired notes that epoll_wait has returned data.
func (f *file) fired(data uint64) bool {
	for _, it := range f.items {
		if it.data != data {
			continue
		}
		if it.events&unix.EPOLLONESHOT != 0 {
			it.events &= privateBits
		}
		return true
	}
	return false
}

// reaches says whether f is to, or watches it, directly or through others.
func (f *file) reaches(to *file) bool {
	if f == to {
		return true
	}
	for _, it := range f.items {
		if it.target.reaches(to) {
			return true
		}
	}
	return false
}

// below is the length of the longest chain of nested instances under f.
func (f *file) below() (longest int) {
	for _, it := range f.items {
		if it.target.kind == Epoll {
			longest = max(longest, 1+it.target.below())
		}
	}
	return longest
}

// above is the same for the instances that watch f.
func (m *Model) above(f *file) (longest int) {
	for _, e := range m.epolls {
		for _, it := range e.items {
			if it.target == f {
				longest = max(longest, 1+m.above(e))
			}
		}
	}
	return longest
}

// paths is the number of ways by which an event of f wakes an epoll instance
// that nothing watches.
func (m *Model) paths(f *file) (count int) {
	for _, e := range m.epolls {
		for _, it := range e.items {
			if it.target == f {
				count += max(1, m.paths(e))
			}
		}
	}
	return count
}

// mostPaths is the largest number of paths of all watched files.
func (m *Model) mostPaths() (most int) {
	for _, e := range m.epolls {
		for _, it := range e.items {
			most = max(most, m.paths(it.target))
		}
	}
	return most
}
