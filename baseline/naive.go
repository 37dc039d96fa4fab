// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"

	"epbench"

	"golang.org/x/sys/unix"
)

// naive asks about every descriptor of the tree in ascending order until one
// is the target, so that the first match is the lowest. With n registrations
// and m descriptors that is up to n·m calls, each of which walks up to n
// registrations.
func naive(t *tree) error {
	all, epolls, err := t.descriptors()
	if err != nil {
		return err
	}
	epolls, err = t.distinct(epolls)
	if err != nil {
		return err
	}
	for _, epoll := range epolls {
		from := len(t.regs)
		if err := t.readEpoll(epoll, func(Item) {}); err != nil {
			return err
		}
		regs := t.regs[from:]
		offs := toffs(regs)
		for i := range regs {
			regs[i].Target, err = t.firstMatch(&regs[i], toffAt(offs, i), all)
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// firstMatch returns the first of candidates that is the target of reg, or
// none.
func (t *tree) firstMatch(reg *epbench.Registration, off uint32, candidates []epbench.Ref) (epbench.Ref, error) {
	for _, candidate := range candidates {
		is, err := t.isTarget(reg, off, candidate)
		if err != nil {
			return epbench.Ref{}, err
		}
		if is {
			return candidate, nil
		}
	}
	return epbench.Ref{}, nil
}

// isTarget asks whether candidate refers to the target of reg.
func (t *tree) isTarget(reg *epbench.Registration, off uint32, candidate epbench.Ref) (bool, error) {
	if err := t.ctx.Err(); err != nil {
		return false, err
	}
	order, err := t.kcmpTarget(candidate, reg.Epoll, reg.TFD, off)
	if errors.Is(err, unix.EBADF) {
		return false, nil // closed since it was listed
	}
	if err != nil {
		return false, explainKcmp(fmt.Sprintf("epoll %v tfd %d", reg.Epoll, reg.TFD), err)
	}
	return order == kcmpSame, nil
}
