// SPDX-License-Identifier: MIT

package workloads

import (
	"slices"

	"golang.org/x/sys/unix"
)

// The trees: how processes come to share files and epoll instances.
const (
	treeMixed      = "mixed"      // the root makes everything, then shares it out in every way
	treeForked     = "forked"     // every process registers files of its own with the instances that all inherited
	treePrefork    = "prefork"    // every descendant has instances of its own, with files of its own and one listening socket that all share
	treeHanded     = "handed"     // the root registers, and closes; each file lives on in one descendant alone
	treeRenumbered = "renumbered" // every process holds the instances, each descendant under other numbers
	treeOnetable   = "onetable"   // processes with one descriptor table: clone(CLONE_FILES)
	treeThreads    = "threads"    // one process with several threads
)

// Trees returns the names of all trees.
func Trees() []string {
	names := make([]string, len(forms))
	for i, f := range forms {
		names[i] = f.name
	}
	return names
}

// form is what each process of a tree does. They do it one after the other,
// the root first; when all have, everything that was made sits still.
type form struct {
	name string
	// root makes the root's part of the workload.
	root func(*builder) error
	// start starts process p of the tree, from 1 on.
	start func(t *tree, b *builder, p int) error
	// holds says whether process p of procs is to hold the root's i-th
	// descriptor, which may be of an epoll instance: a descendant inherits
	// what it is to hold, and the root closes the rest in the end. Nil is
	// what start alone makes it.
	holds func(i, p, procs int, epoll bool) bool
	// part makes the part of a descendant, which has inherited the builder's
	// descriptors; nil for one that leaves it at these.
	part func(*builder) error
}

var forms = []form{
	{name: treeMixed, root: (*builder).build, start: (*tree).spawn, holds: inTurn},
	{name: treeForked, root: (*builder).buildShare, start: (*tree).spawn, holds: everyone, part: (*builder).addShare},
	{name: treePrefork, root: (*builder).listen, start: (*tree).spawn, holds: everyone, part: (*builder).work},
	{name: treeHanded, root: (*builder).build, start: (*tree).spawn, holds: oneDescendant},
	{name: treeRenumbered, root: (*builder).buildAboveHole, start: (*tree).spawn, holds: everyone, part: (*builder).renumber},
	{name: treeOnetable, root: (*builder).build, start: (*tree).cloneFiles},
	{name: treeThreads, root: (*builder).build, start: (*tree).startThread},
}

// form returns the form of a spec that has its defaults and is valid.
func (s Spec) form() form {
	if p, ok := s.profile(); ok {
		return p.form
	}
	for _, f := range forms {
		if f.name == s.Tree {
			return f
		}
	}
	panic("no tree " + s.Tree)
}

// inTurn lets a descriptor be held by all, by the root alone, by one
// descendant alone, by all descendants, and by the root and the last
// descendant, in turn.
func inTurn(i, p, procs int, _ bool) bool {
	if procs == 1 {
		return true
	}
	switch i % 5 {
	case 0:
		return true
	case 1:
		return p == 0
	case 2:
		return p == 1+i/5%(procs-1)
	case 3:
		return p != 0
	default:
		return p == 0 || p == procs-1
	}
}

func everyone(int, int, int, bool) bool { return true }

// oneDescendant lets a descriptor be held by one descendant, and an epoll
// instance by the root.
func oneDescendant(i, p, procs int, epoll bool) bool {
	if epoll {
		return p == 0
	}
	return p == 1+i%(procs-1)
}

// buildShare is build with the root's share of the registrations.
func (b *builder) buildShare() error {
	if err := b.makeEpolls(); err != nil {
		return err
	}
	return b.addShare()
}

// addShare registers the process's share of files with the instances that are
// there.
func (b *builder) addShare() error {
	b.spec.N = share(b.spec.N, b.process, b.spec.Procs)
	return b.populate()
}

// share is part p of n that is divided into parts.
func share(n, p, parts int) int {
	n += parts - 1 - p
	return n / parts
}

// listen makes what the root of a prefork server has: a listening socket, and
// what is idle.
func (b *builder) listen() error {
	l := listener{}
	if err := l.listen(); err != nil {
		return err
	}
	b.hold(l.fd, b.newFile())
	b.spec.N = 0
	return b.populate()
}

// work makes what a worker of a prefork server has: instances of its own,
// each of which watches the inherited socket, and the process's share of the
// other registrations.
func (b *builder) work() error {
	shared := b.descriptors[0]
	b.spec.N = share(b.spec.N, b.process-1, b.spec.Procs-1)
	if err := b.makeEpolls(); err != nil {
		return err
	}
	for i := range min(b.spec.Epolls, b.spec.N) {
		t := target{fd: int(shared.fd), file: shared.file}
		if err := b.register(i, t, t.fd); err != nil {
			return err
		}
	}
	b.spec.N -= len(b.registrations)
	return b.populate()
}

// buildAboveHole is build with lower numbers left free for renumber.
func (b *builder) buildAboveHole() error {
	holes := make([]int, b.spec.Epolls)
	for i := range holes {
		fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
		if err != nil {
			return failed("eventfd", err)
		}
		holes[i] = fd
	}
	if err := b.build(); err != nil {
		return err
	}
	for _, fd := range holes {
		if err := unix.Close(fd); err != nil {
			return failed("close", err)
		}
	}
	return nil
}

// renumber gives every epoll instance another number, the lowest that is free,
// so that the numbers are others in every process.
func (b *builder) renumber() error {
	for i := range b.descriptors {
		d := &b.descriptors[i]
		if !slices.Contains(b.epollFiles, d.file) {
			continue
		}
		fd, err := duplicate(int(d.fd), errorFD+1+b.process-1)
		if err != nil {
			return err
		}
		if err := unix.Close(int(d.fd)); err != nil {
			return failed("close", err)
		}
		d.fd = int32(fd)
	}
	return nil
}
