// SPDX-License-Identifier: MIT

package baseline

import (
	"fmt"
	"sort"

	"epbench"
)

// searchRest finds the targets that could not be merged, with kcmp.
func (m *merger) searchRest() error {
	var files, instances *fileTree
	for _, e := range m.epolls {
		var err error
		switch {
		case !e.merged:
			m.warn(fmt.Sprintf("epoll %v could not be merged, its targets were searched for with kcmp", e.ref))
			if files == nil {
				if files, err = m.treeOf(m.all); err != nil {
					return err
				}
			}
			err = m.search(e, files)
		case m.sieve.flat || len(m.watching) == 1:
			// It watches no epoll instance, or there is none to watch.
		default:
			if instances == nil {
				if instances, err = m.treeOf(m.watching); err != nil {
					return err
				}
			}
			err = m.search(e, instances)
		}
		if err != nil {
			return err
		}
	}
	return nil
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
func (m *merger) search(e *mergeEpoll, files *fileTree) error {
	regs := m.regsOf(e)
	offs := m.toffsOf(e)
	for i := 0; i < len(regs); {
		if err := m.ctx.Err(); err != nil {
			return err
		}
		if !regs[i].Target.IsNone() {
			i++
			continue
		}
		target, err := files.target(&regs[i], toffAt(offs, i))
		if err != nil {
			return err
		}
		if target.IsNone() {
			i++
			continue
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
	// Most files have one registration; some have nearly all.
	switch {
	case last == i || !in(i+1):
		return i + 1, err
	case last == i+1 || in(last):
		return last + 1, err
	}
	after := i + 2
	return after + sort.Search(last-after, func(k int) bool { return !in(after + k) }), err
}
