// SPDX-License-Identifier: MIT

package history

import (
	"slices"

	"golang.org/x/sys/unix"
)

// Next chooses an operation that m defines, as the next of a random history.
// choose(n) is a number from 0 to n-1.
//
// The choice leans towards what makes targets hard to find: numbers that are
// registered get closed and made to refer to other files, files get many
// descriptors in many processes, or none.
func Next(m *Model, choose func(n int) int) Op {
	const attempts = 50
	c := &chooser{Model: m, choose: choose}
	total := 0
	for _, move := range moves {
		total += move.weight
	}
	for range attempts {
		if op := c.move(choose(total)); m.undefined(op) == "" {
			return op
		}
	}
	return c.dump()
}

type chooser struct {
	*Model
	choose func(int) int
	proc   int
	*table // of proc
}

var moves = []struct {
	weight int
	op     func(*chooser) Op
}{
	{30, (*chooser).add},
	{12, (*chooser).create},
	{5, func(c *chooser) Op { return c.op(Epoll) }},
	{6, func(c *chooser) Op { return c.op(Dup, c.open()) }},
	{9, func(c *chooser) Op { return c.op(Dup2, c.open(), c.number()) }},
	{3, func(c *chooser) Op { return c.op(Dup3, c.open(), c.number()) }},
	{9, func(c *chooser) Op { return c.op(Close, c.number()) }},
	{4, (*chooser).mod},
	{3, func(c *chooser) Op { return c.op(Del, c.registered()...) }},
	{3, func(c *chooser) Op { return c.op(Wait, c.of(Epoll)) }},
	{8, (*chooser).send},
	{4, (*chooser).recv},
	{3, func(c *chooser) Op { return c.op(Fork, 1+c.choose(MaxProcesses-1)) }},
	{1, func(c *chooser) Op { return c.op(Exit) }},
	{2, (*chooser).dump},
}

// move is the move that has the share at of all weights.
func (c *chooser) move(at int) Op {
	c.proc = c.pick(c.living())
	c.table = c.processes[c.proc]
	for _, move := range moves {
		if at -= move.weight; at < 0 {
			return move.op(c)
		}
	}
	panic("a choice out of bounds")
}

func (c *chooser) op(call Call, args ...int) Op {
	return Op{Proc: c.proc, Call: call, Args: args}
}

func (c *chooser) pick(from []int) int { return from[c.choose(len(from))] }

// rarely is true about once in n times. It is not for the first nor the last
// choice, either of which may be preferred.
func (c *chooser) rarely(n int) bool { return c.choose(n) == n/2 }

// impossible is no descriptor: what is done with it is undefined, and another
// move is chosen.
const impossible = -1

// any is a low number, open or not.
func (c *chooser) any() int { return firstFD + c.choose(24) }

// among picks one of fds, and rarely any number instead.
func (c *chooser) among(fds []int) int {
	switch {
	case len(fds) == 0:
		return impossible
	case c.rarely(24):
		return c.any()
	}
	return c.pick(fds)
}

// mostly picks one of liked in most cases, if there is one, and else one of
// all.
func (c *chooser) mostly(liked, all []int) int {
	if len(liked) > 0 && !c.rarely(4) {
		return c.pick(liked)
	}
	return c.among(all)
}

// where returns the open descriptors of those files for which keep holds.
func (c *chooser) where(keep func(fd int, f *file) bool) []int {
	return slices.DeleteFunc(c.descriptors(), func(fd int) bool { return !keep(fd, c.files[fd]) })
}

// open is a descriptor.
func (c *chooser) open() int { return c.among(c.descriptors()) }

// of is a descriptor of a file of a kind.
func (c *chooser) of(kind Call) int {
	return c.among(c.where(func(_ int, f *file) bool { return f.kind == kind }))
}

// registered is an epoll descriptor and a number that is registered there.
func (c *chooser) registered() []int {
	epoll := c.of(Epoll)
	var tfds []int
	if epoll != impossible && c.files[epoll] != nil {
		for _, it := range c.files[epoll].items {
			tfds = append(tfds, it.tfd)
		}
	}
	return []int{epoll, c.among(tfds)}
}

// number is a number that is to refer to nothing, or to another file: mostly
// that of a registered file which lives on without it.
func (c *chooser) number() int {
	survivors := c.where(func(_ int, f *file) bool { return f.refs > 1 && c.paths(f) > 0 })
	if len(survivors) == 0 && c.rarely(3) {
		return c.any()
	}
	return c.mostly(survivors, c.descriptors())
}

// add registers mostly what has a number that another file is registered
// under.
func (c *chooser) add() Op {
	epoll := c.of(Epoll)
	if epoll == impossible {
		return Op{}
	}
	e := c.files[epoll]
	if e == nil || c.rarely(24) {
		return c.withEvent(c.op(Add, epoll, c.open()))
	}
	fresh := c.where(func(fd int, f *file) bool {
		return f.kind != Directory && !f.reaches(e) && e.item(f, fd) == nil
	})
	reused := c.where(func(fd int, f *file) bool {
		return slices.Contains(fresh, fd) &&
			slices.ContainsFunc(e.items, func(it *item) bool { return it.tfd == fd })
	})
	return c.withEvent(c.op(Add, epoll, c.mostly(reused, fresh)))
}

func (c *chooser) mod() Op { return c.withEvent(c.op(Mod, c.registered()...)) }

func (c *chooser) create() Op {
	kinds := []Call{Eventfd, Timerfd, Pipe, Socketpair, Eventfd, Socketpair, Pipe, Signalfd, Eventfd, Directory}
	return c.op(kinds[c.choose(len(kinds))])
}

var masks = []uint32{
	unix.EPOLLIN,
	unix.EPOLLOUT,
	0,
	unix.EPOLLIN | unix.EPOLLET,
	unix.EPOLLOUT | unix.EPOLLONESHOT,
	unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET | unix.EPOLLONESHOT,
	unix.EPOLLIN | unix.EPOLLPRI | unix.EPOLLRDHUP,
	unix.EPOLLIN | unix.EPOLLEXCLUSIVE,
	unix.EPOLLRDHUP | unix.EPOLLEXCLUSIVE, // not allowed
	unix.EPOLLOUT | unix.EPOLLET,
	unix.EPOLLIN | unix.EPOLLONESHOT,
	unix.EPOLLOUT | unix.EPOLLRDHUP,
}

func (c *chooser) withEvent(op Op) Op {
	op.Events = masks[c.choose(len(masks))]
	op.Data = uint64(c.done) + 1 // different for each
	return op
}

// send sends mostly what is registered.
func (c *chooser) send() Op {
	watched := c.where(func(_ int, f *file) bool { return c.paths(f) > 0 })
	connected := c.where(func(_ int, f *file) bool { return f.peer != nil })
	args := []int{c.mostly(connected, c.where(isSocket))}
	for n := 1 + c.choose(3); n > 0; n-- {
		args = append(args, c.mostly(watched, c.descriptors()))
	}
	return c.op(Send, args...)
}

// recv receives mostly where something can be received.
func (c *chooser) recv() Op {
	full := c.where(func(_ int, f *file) bool { return len(f.queue) > 0 || f.reset })
	return c.op(Recv, c.mostly(full, c.where(isSocket)))
}

func isSocket(_ int, f *file) bool { return f.kind == Socketpair }

// dump is of one process, or of some.
func (c *chooser) dump() Op {
	var procs []int
	for len(procs) == 0 {
		procs = slices.DeleteFunc(c.living(), func(int) bool { return c.choose(2) == 1 })
	}
	return Op{Call: Dump, Args: procs}
}
