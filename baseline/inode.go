// SPDX-License-Identifier: MIT

package baseline

import (
	"fmt"
	"slices"
	"strconv"

	"epbench"

	"golang.org/x/sys/unix"
)

// inode asks only about descriptors whose inode is the target's: first the one
// that has the registration's number, then each file of that inode once.
// Sockets, pipes and inotify instances have few files to an inode or one.
// Eventfd, timerfd, signalfd and epoll files all share one, and there it asks
// as often as naive does.
func inode(t *tree) error {
	x := inodeDump{tree: t, sets: make(map[inodeID]*inodeSet)}
	epolls, err := x.collect()
	if err != nil {
		return err
	}
	for _, epoll := range epolls {
		if err := x.dumpEpoll(epoll); err != nil {
			return err
		}
	}
	return nil
}

// inodeID is st_dev and st_ino.
type inodeID struct {
	dev, ino uint64
}

// inodeSet is the descriptors of one inode.
type inodeSet struct {
	refs []epbench.Ref // ascending
	// lowest of the file of each of refs, and of all of them each once. They
	// are not known before they are needed: most sets are never asked about.
	lowest, files []epbench.Ref
}

type inodeDump struct {
	*tree
	sets map[inodeID]*inodeSet
}

// collect sorts every descriptor into its set and returns those of epoll
// instances, each instance once.
func (x *inodeDump) collect() ([]epbench.Ref, error) {
	pids, err := x.tables()
	if err != nil {
		return nil, err
	}
	var epolls []epbench.Ref
	for _, pid := range pids {
		table, err := x.openTable(pid)
		if err != nil {
			return nil, err
		}
		defer x.closeTable(table)
		for _, fd := range table.fds {
			epoll, err := x.collectOne(table, fd)
			if err != nil {
				return nil, err
			}
			if epoll {
				epolls = append(epolls, epbench.Ref{PID: table.pid, FD: fd})
			}
		}
	}
	return x.distinct(epolls)
}

// collectOne sorts fd into its set and says whether it is an epoll instance.
func (x *inodeDump) collectOne(table *descriptorTable, fd int32) (bool, error) {
	if err := x.ctx.Err(); err != nil {
		return false, err
	}
	var st unix.Stat_t
	err := x.fstatat(table.dir, strconv.Itoa(int(fd)), &st)
	if gone(err) {
		return false, nil
	}
	ref := epbench.Ref{PID: table.pid, FD: fd}
	if err != nil {
		return false, explain(fmt.Sprintf("descriptor %v: stat", ref), err)
	}
	id := inodeID{uint64(st.Dev), st.Ino}
	set := x.sets[id]
	if set == nil {
		set = new(inodeSet)
		x.sets[id] = set
	}
	set.refs = append(set.refs, ref)
	// An anonymous inode has no file type (fs/anon_inodes.c).
	if st.Mode&unix.S_IFMT != 0 {
		return false, nil
	}
	return x.isEpoll(table, fd)
}

func (x *inodeDump) dumpEpoll(epoll epbench.Ref) error {
	var ids []inodeID
	from := len(x.regs)
	err := x.readEpoll(epoll, func(it Item) {
		ids = append(ids, inodeID{it.StatDev(), it.Ino})
	})
	if err != nil {
		return err
	}
	regs := x.regs[from:]
	offs := toffs(regs)
	for i := range regs {
		set := x.sets[ids[i]]
		if set == nil {
			continue
		}
		if regs[i].Target, err = x.find(set, &regs[i], toffAt(offs, i)); err != nil {
			return err
		}
	}
	return nil
}

// find returns the target of reg, which is of set if it has any.
func (x *inodeDump) find(set *inodeSet, reg *epbench.Registration, off uint32) (epbench.Ref, error) {
	if err := x.identify(set); err != nil {
		return epbench.Ref{}, err
	}
	number := epbench.Ref{PID: reg.Epoll.PID, FD: reg.TFD}
	at, open := slices.BinarySearchFunc(set.refs, number, epbench.Ref.Compare)
	if open {
		is, err := x.isTarget(reg, off, number)
		if err != nil {
			return epbench.Ref{}, err
		}
		if is {
			return set.lowest[at], nil
		}
	}
	return x.firstMatch(reg, off, set.files)
}

// identify finds out which of the descriptors of set share a file.
func (x *inodeDump) identify(set *inodeSet) error {
	if set.lowest != nil {
		return nil
	}
	files := newFileTree(&x.calls)
	lowest := make([]epbench.Ref, len(set.refs))
	for i, ref := range set.refs {
		if err := x.ctx.Err(); err != nil {
			return err
		}
		var err error
		if lowest[i], err = files.add(ref); err != nil {
			return err
		}
		if lowest[i] == ref {
			set.files = append(set.files, ref)
		}
	}
	set.lowest = lowest
	return nil
}
