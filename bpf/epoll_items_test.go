// SPDX-License-Identifier: MIT

package bpf

import (
	"testing"

	"golang.org/x/sys/unix"
)

// items are registrations of an epoll instance of this process. Their tfds name
// nothing: every file is held by another descriptor.
type items struct {
	epoll   int
	first   int          // of the numbers that are used for tfds
	sharing int          // the descriptor of shared, 0 if there is none
	data    uint64       // of the last one added
	held    map[int]bool // descriptors to close
}

// item is one of them.
type item struct {
	holder int
	number int // tfd, counted from the first
	data   uint64
}

func newItems(t testing.TB) *items {
	t.Helper()
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	i := &items{epoll: epoll, first: 10_000, held: map[int]bool{epoll: true}}
	t.Cleanup(i.release)
	return i
}

// release closes everything.
func (i *items) release() {
	for fd := range i.held {
		i.close(fd)
	}
}

// number is the n-th tfd.
func (i *items) number(n int) int { return i.first + n }

// eventfd makes a file to register.
func (i *items) eventfd(t testing.TB) (holder int) {
	t.Helper()
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	i.held[fd] = true
	return fd
}

// shared is one file, always the same.
func (i *items) shared(t testing.TB) (holder int) {
	t.Helper()
	if i.sharing == 0 {
		i.sharing = i.eventfd(t)
	}
	return i.sharing
}

// pipe makes a pipe to register, and returns its reading end.
func (i *items) pipe(t testing.TB) (holder int) {
	t.Helper()
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	i.held[p[0]], i.held[p[1]] = true, true
	return p[0]
}

// add registers a new file under the n-th tfd.
func (i *items) add(t testing.TB, n int) item {
	t.Helper()
	return i.addFile(t, i.eventfd(t), n)
}

// addFile registers the file of holder under the n-th tfd.
func (i *items) addFile(t testing.TB, holder, n int) item {
	t.Helper()
	i.data++
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i.data)}
	i.control(t, unix.EPOLL_CTL_ADD, holder, n, &event)
	return item{holder, n, i.data}
}

// remove deletes a registration.
func (i *items) remove(t testing.TB, it item) {
	t.Helper()
	i.control(t, unix.EPOLL_CTL_DEL, it.holder, it.number, nil)
}

func (i *items) control(t testing.TB, op, holder, n int, event *unix.EpollEvent) {
	t.Helper()
	tfd := i.number(n)
	if err := unix.Dup3(holder, tfd, unix.O_CLOEXEC); err != nil {
		t.Fatal(err)
	}
	defer unix.Close(tfd)
	if err := unix.EpollCtl(i.epoll, op, tfd, event); err != nil {
		t.Fatal(err)
	}
}

// close closes a file, and so takes all its registrations with it.
func (i *items) close(holder int) {
	unix.Close(holder)
	delete(i.held, holder)
}
