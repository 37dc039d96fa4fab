// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"

	"epbench"

	"golang.org/x/sys/unix"
)

// merge relies on an order. The kernel keeps the registrations of an epoll
// instance in a tree that is ordered by the address of the struct file, then by
// the number (ep_cmp_ffd in fs/eventpoll.c), and fdinfo prints them so. When
// every open file of the processes is put into an epoll instance of our own,
// the scratch, its fdinfo lists them in the same order, and two lists in the
// same order need only be laid side by side:
//
//  1. Borrow each descriptor (pidfd_getfd(2)), always under the same number.
//     If it is an epoll instance E, read its fdinfo and hang it into the sieve,
//     which tells of every other file whether it is registered with E. If so,
//     put it into the scratch. EEXIST there means that the file is known
//     already under a lower descriptor.
//  2. Do so again with the files that came before the last E and were not
//     registered with an earlier one.
//  3. Read the fdinfo of the scratch. If it has as many files as E has
//     registrations, each file has one, and the i-th is the target of the
//     i-th: nothing remains to be asked.
//  4. Otherwise some registrations are of files that no descriptor is left of,
//     or share a file. Then each file is sought from the registration on where
//     the one before was found: the file, filled to its limit of paths so that
//     it cannot be added to anything, is "added" to E under the registration's
//     number. EEXIST says that it is this one.
//
// With several instances, all of them are hung in step 1, and then halves of
// them, and halves of these, each time with the files that were left.
//
// No call of these can add, change or remove a registration of the processes,
// re-arm one, or make it ready, and nothing is left if this process is killed
// between any two. While the dump lasts, each E and each file has a waiter more, and a
// running process that registered a file in the very moment between the two
// calls in which the sieve looks at it would be told EINVAL, or during step 4
// if it registered that file a second time.
//
// An instance that watches epoll instances, is watched by one, or has a file
// more often than ten times, is beyond the sieve. Its targets are searched for
// (see search.go), and Stats.Warnings says so.
func merge(t *tree) error {
	m := &merger{tree: t, seed: maphash.MakeSeed()}
	if err := m.list(); err != nil {
		return err
	}
	if len(m.all) == 0 {
		return nil
	}
	return withPrivateTable(&t.calls, m.run)
}

type merger struct {
	*tree
	all      []epbench.Ref // every descriptor
	watching []epbench.Ref // those of epoll instances
	epolls   []*mergeEpoll // instances that have registrations
	seed     maphash.Seed

	table   *privateTable
	sieve   *sieve
	window  *window
	scratch int
}

// mergeEpoll is an epoll instance whose registrations are those of tree.regs
// from from on, one for each of inodes.
type mergeEpoll struct {
	ref    epbench.Ref
	from   int
	inodes []uint32 // hash of the inode of each target
	fd     int      // in the private table
	merged bool

	offs      []uint32 // as toffs has them
	offsKnown bool
}

// orderedFile is an open file in the order of the kernel.
type orderedFile struct {
	index uint32 // in merger.all
	inode uint32 // hash
}

func (m *merger) hash(it Item) uint32 {
	return uint32(maphash.Comparable(m.seed, inodeID{uint64(it.Sdev), it.Ino}))
}

func (m *merger) regsOf(e *mergeEpoll) []epbench.Registration {
	return m.regs[e.from : e.from+len(e.inodes)]
}

// toffsOf returns the toffs of e's registrations, as toffs does.
func (m *merger) toffsOf(e *mergeEpoll) []uint32 {
	if !e.offsKnown {
		e.offs, e.offsKnown = toffs(m.regsOf(e)), true
	}
	return e.offs
}

// list lists the descriptors.
func (m *merger) list() error {
	pids, err := m.tables()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		table, err := m.openTable(pid)
		if err != nil {
			return err
		}
		m.closeTable(table)
		m.all = slices.Grow(m.all, len(table.fds))
		for _, fd := range table.fds {
			m.all = append(m.all, epbench.Ref{PID: table.pid, FD: fd})
		}
	}
	return nil
}

// run finds the instances and their targets.
func (m *merger) run(table *privateTable) error {
	m.table = table
	var err error
	if m.sieve, err = newSieve(table); err != nil {
		return err
	}
	if m.window, err = newWindow(table); err != nil {
		return err
	}
	if m.scratch, err = table.newEpoll(); err != nil {
		return err
	}
	c := collection{merger: m, instances: newFileTree(&m.calls)}
	if err := c.collect(); err != nil {
		return err
	}
	if err := m.merge(c.hung); err != nil {
		return err
	}
	return m.searchRest()
}

// merge merges the instances hung, which hang if it is one.
func (m *merger) merge(hung []*mergeEpoll) error {
	if len(hung) == 0 {
		return nil
	}
	files, err := m.readFiles(m.scratch)
	if err != nil {
		return err
	}
	if len(hung) == 1 {
		err = m.align(hung[0], files)
		m.unhang(hung)
		return err
	}
	m.unhang(hung)
	return m.split(hung, files)
}

// hang hangs all of epolls into the sieve, or none.
func (m *merger) hang(epolls []*mergeEpoll) (bool, error) {
	for i, e := range epolls {
		hung, err := m.sieve.hang(e.fd)
		if err != nil || !hung {
			m.unhang(epolls[:i])
			return false, err
		}
	}
	return true, nil
}

func (m *merger) unhang(epolls []*mergeEpoll) {
	for _, e := range epolls {
		m.sieve.unhang(e.fd)
	}
}

// split merges each of epolls, all of whose targets are among files.
func (m *merger) split(epolls []*mergeEpoll, files []orderedFile) error {
	if len(epolls) == 1 {
		return m.resolve(epolls, files)
	}
	half := len(epolls) / 2
	if err := m.resolve(epolls[:half], files); err != nil {
		return err
	}
	return m.resolve(epolls[half:], files)
}

// resolve is split, after the files that none of epolls has are sieved out.
func (m *merger) resolve(epolls []*mergeEpoll, files []orderedFile) error {
	hung, err := m.hang(epolls)
	if err != nil {
		return err
	}
	if hung {
		files, err = m.registered(files)
		if err == nil && len(epolls) == 1 {
			err = m.align(epolls[0], files)
		}
		m.unhang(epolls)
	}
	if err != nil || len(epolls) == 1 {
		return err
	}
	return m.split(epolls, files)
}

// borrow takes ref into the private table.
func (m *merger) borrow(ref epbench.Ref) (int, error) {
	i, _ := slices.BinarySearch(m.held.PIDs(), int(ref.PID))
	return m.table.borrow(m.held.Pidfd(i), ref.FD)
}

// withBorrowed calls visit with the i-th descriptor, borrowed.
func (m *merger) withBorrowed(i int, visit func(i, fd int) error) error {
	if err := m.ctx.Err(); err != nil {
		return err
	}
	fd, err := m.borrow(m.all[i])
	if errors.Is(err, unix.EBADF) {
		return nil // closed since it was listed
	}
	if err != nil {
		return explainBorrow(m.all[i], err)
	}
	err = visit(i, fd)
	m.table.close(fd)
	if err != nil {
		return fmt.Errorf("descriptor %v: %w", m.all[i], err)
	}
	return nil
}

// readFiles returns the files that an instance of our own watches, of which the
// data is the index in m.all.
func (m *merger) readFiles(epoll int) ([]orderedFile, error) {
	if err := m.window.show(epoll, &m.fdinfo); err != nil {
		return nil, err
	}
	var files []orderedFile
	for m.fdinfo.Next() {
		it := m.fdinfo.Item()
		files = append(files, orderedFile{uint32(it.Data), m.hash(it)})
	}
	return files, m.fdinfo.Err()
}

// registered returns those of files that are registered with any of the
// instances that are hung.
func (m *merger) registered(files []orderedFile) ([]orderedFile, error) {
	var are []orderedFile
	for _, file := range files {
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		ref := m.all[file.index]
		fd, err := m.borrow(ref)
		if err != nil {
			return nil, explainBorrow(ref, err)
		}
		is, err := m.sieve.registered(fd)
		m.table.close(fd)
		if errors.Is(err, errInstance) {
			err = errChanged
		}
		if err != nil {
			return nil, fmt.Errorf("descriptor %v: %w", ref, ignoreUnpollable(err))
		}
		if is {
			are = append(are, file)
		}
	}
	return are, nil
}

// errChanged is of what cannot be if nothing changes during the dump.
var errChanged = errors.New("its registrations changed during the dump")

// align finds the targets of e, which is hung, among files, each of which has
// a registration of e at least.
func (m *merger) align(e *mergeEpoll, files []orderedFile) error {
	e.merged = true
	regs := m.regsOf(e)
	if len(regs) != len(files) {
		return m.seek(e, files)
	}
	for i, file := range files {
		if file.inode != e.inodes[i] {
			return fmt.Errorf("epoll %v: %w", e.ref, errChanged)
		}
		regs[i].Target = m.all[file.index]
	}
	return nil
}

// seek is align if not every file has one registration.
func (m *merger) seek(e *mergeEpoll, files []orderedFile) error {
	next := 0
	for _, file := range files {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		var err error
		if next, err = m.seekFile(e, file, next); err != nil {
			return fmt.Errorf("epoll %v: %w", e.ref, err)
		}
	}
	return nil
}

// seekFile finds the registrations of file, which follow one another, from the
// next-th on, and returns the one behind.
func (m *merger) seekFile(e *mergeEpoll, file orderedFile, next int) (int, error) {
	ref := m.all[file.index]
	fd, err := m.borrow(ref)
	if err != nil {
		return 0, explainBorrow(ref, err)
	}
	defer m.table.close(fd)
	defer m.sieve.empty(fd)
	if err := m.sieve.fill(fd); err != nil {
		return 0, fmt.Errorf("descriptor %v: %w", ref, ignoreUnpollable(err))
	}
	found := false
	for regs := m.regsOf(e); next < len(regs); next++ {
		is := e.inodes[next] == file.inode
		if is {
			if is, err = m.isRegisteredAs(e, next, fd, ref); err != nil {
				return 0, err
			}
		}
		switch {
		case is:
			found = true
			regs[next].Target = ref
		case found:
			return next, nil
		}
	}
	if !found {
		return 0, errChanged
	}
	return next, nil
}

// isRegisteredAs says whether the i-th registration of e is of the file fd,
// which is filled, and which ref refers to.
func (m *merger) isRegisteredAs(e *mergeEpoll, i, fd int, ref epbench.Ref) (bool, error) {
	reg, offs := &m.regsOf(e)[i], m.toffsOf(e)
	tfd := int(reg.TFD)
	if tfd != fd {
		if m.table.occupied(tfd) {
			return m.isTarget(reg, toffAt(offs, i), ref)
		}
		if err := m.table.dup(fd, tfd); errors.Is(err, unix.EBADF) {
			return m.isTarget(reg, toffAt(offs, i), ref) // over our limit
		} else if err != nil {
			return false, fmt.Errorf("dup3 to %d: %w", tfd, err)
		}
		defer m.table.close(tfd)
	}
	switch err := m.table.add(e.fd, tfd, 0); {
	case errors.Is(err, unix.EEXIST):
		if offs == nil {
			return true, nil
		}
		// It is of some registration with this number. Of this one?
		return m.isTarget(reg, offs[i], ref)
	case errors.Is(err, unix.EINVAL):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("epoll_ctl: %w", err)
	}
	// Not so, as long as the kernel limits paths.
	m.warn(fmt.Sprintf("a registration of tfd %d was added to epoll %v and removed", tfd, e.ref))
	return false, m.table.remove(e.fd, tfd)
}
