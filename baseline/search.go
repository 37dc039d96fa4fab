// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"sort"

	"epbench"

	"golang.org/x/sys/unix"
)

// searchRest finds the targets that could not be merged, with kcmp.
func (m *merger) searchRest() error {
	var files, instances *candidates
	for _, e := range m.epolls {
		var err error
		switch {
		case !e.merged:
			m.warn(fmt.Sprintf("epoll %v could not be merged, its targets were searched for with kcmp", e.ref))
			if files == nil {
				if files, err = m.allFiles(); err != nil {
					return err
				}
			}
			err = m.search(e, files)
		case m.sieve.flat || len(m.watching) == 1:
			// It watches no epoll instance, or there is none to watch.
		default:
			if instances == nil {
				tree, err := m.treeOf(m.watching)
				if err != nil {
					return err
				}
				instances = &candidates{tree: tree}
			}
			err = m.search(e, instances)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// candidates are open files to search among. A call of kcmp's KCMP_EPOLL_TFD
// costs more the later the registration is in the kernel's order, and with many
// registrations it costs more than anything else, so that few are worth much.
type candidates struct {
	tree *fileTree
	// order is the files that are no epoll instances in the order in which
	// registrations are, and index where each is; or both are empty.
	order []orderedFile
	index map[epbench.Ref]int
}

// allFiles returns every open file.
func (m *merger) allFiles() (*candidates, error) {
	tree, err := m.treeOf(m.all)
	if err != nil {
		return nil, err
	}
	own, err := m.table.newEpoll()
	if err != nil {
		return nil, err
	}
	defer m.table.close(own)
	for i := range m.all {
		err := m.withBorrowed(i, func(i, fd int) error {
			if m.table.isEpoll(fd, m.scratch) {
				return nil
			}
			err := m.table.add(own, fd, uint64(i))
			if errors.Is(err, unix.EEXIST) {
				return nil // the file of a lower descriptor
			}
			return ignoreUnpollable(err)
		})
		if err != nil {
			return nil, err
		}
	}
	c := &candidates{tree: tree, index: map[epbench.Ref]int{}}
	if c.order, err = m.readFiles(own); err != nil {
		return nil, err
	}
	for at, file := range c.order {
		c.index[m.all[file.index]] = at
	}
	return c, nil
}

// treeOf orders refs by their files.
func (m *merger) treeOf(refs []epbench.Ref) (*fileTree, error) {
	files := newFileTree(&m.calls)
	for _, ref := range refs {
		if err := m.ctx.Err(); err != nil {
			return nil, err
		}
		if _, err := files.add(ref); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// search finds the targets of e that are not known yet among files.
func (m *merger) search(e *mergeEpoll, files *candidates) error {
	regs := m.regsOf(e)
	next := 0 // in the order of files: targets only come from here on
	for i := 0; i < len(regs); {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if !regs[i].Target.IsNone() {
			i++
			continue
		}
		target, err := m.find(e, i, files, next)
		if err != nil {
			return err
		}
		if target.IsNone() {
			i++
			continue
		}
		if at, ok := files.index[target]; ok {
			next = at + 1
		}
		end, err := m.groupEnd(e, i, target)
		if err != nil {
			return err
		}
		for ; i < end; i++ {
			regs[i].Target = target
		}
	}
	return nil
}

// find returns the target of the i-th registration of e, which is probably the
// first file from next on that has its inode.
func (m *merger) find(e *mergeEpoll, i int, files *candidates, next int) (epbench.Ref, error) {
	reg, off := &m.regsOf(e)[i], toffAt(m.toffsOf(e), i)
	for _, file := range files.order[min(next, len(files.order)):] {
		if file.inode != e.inodes[i] {
			continue
		}
		is, err := m.isTarget(reg, off, m.all[file.index])
		if err != nil || is {
			return m.all[file.index], err
		}
		break
	}
	return files.tree.target(reg, off)
}

// groupEnd returns the end of the group of registrations that starts with the
// i-th of e and is of the file target. In the kernel's order a file's
// registrations follow one another, with ascending numbers.
func (m *merger) groupEnd(e *mergeEpoll, i int, target epbench.Ref) (int, error) {
	regs := m.regsOf(e)
	offs := m.toffsOf(e)
	last := i
	for last+1 < len(regs) && e.inodes[last+1] == e.inodes[i] && regs[last+1].TFD > regs[last].TFD {
		last++
	}
	var err error
	in := func(j int) bool {
		if err != nil {
			return false
		}
		var is bool
		is, err = m.isTarget(&regs[j], toffAt(offs, j), target)
		return is
	}
	// Most files have one registration. One whose numbers ascend for long has
	// them all: by chance they seldom do.
	const long = 8
	switch {
	case last-i >= long && in(last):
		return last + 1, err
	case last == i || !in(i+1):
		return i + 1, err
	case last == i+1 || last-i < long && in(last):
		return last + 1, err
	}
	after := i + 2
	return after + sort.Search(last-after, func(k int) bool { return !in(after + k) }), err
}
