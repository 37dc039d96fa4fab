// SPDX-License-Identifier: MIT

package baseline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"epbench"

	"golang.org/x/sys/unix"
)

// collection finds the epoll instances, and puts every file that is registered
// with one of them into the scratch.
type collection struct {
	*merger
	instances *fileTree // every epoll instance
	hung      []*mergeEpoll
	// crowded says that not all instances can hang at once, because a file has
	// too many registrations with all of them together. Then nothing is sieved
	// here.
	crowded bool
	// idle are the indexes in merger.all of what is registered with none of
	// the instances that were hung at the time.
	idle []int
	// late is how many of idle were found before the last instance was hung.
	late int
}

func (c *collection) collect() error {
	for i := range c.all {
		if err := c.withBorrowed(i, c.first); err != nil {
			return err
		}
	}
	for _, i := range slices.Backward(c.idle[:c.late]) {
		if err := c.withBorrowed(i, c.again); err != nil {
			return err
		}
	}
	return nil
}

// first looks at the i-th descriptor for the first time.
func (c *collection) first(i, fd int) error {
	is, err := c.sieve.registered(fd)
	if errors.Is(err, errInstance) {
		return c.instance(c.all[i], fd)
	}
	if err != nil {
		return ignoreUnpollable(err)
	}
	return c.file(i, fd, is)
}

// again looks at a descriptor that came before the last instance was hung. Its
// file may have been found under a higher one since, but not under a lower one
// if the last such descriptor comes first.
func (c *collection) again(i, fd int) error {
	is, err := c.sieve.registered(fd)
	if errors.Is(err, errInstance) {
		return errChanged
	}
	if err != nil || !is && !c.crowded {
		return ignoreUnpollable(err)
	}
	err = c.table.add(c.scratch, fd, uint64(i))
	if errors.Is(err, unix.EEXIST) {
		err = c.table.setData(c.scratch, fd, uint64(i))
	}
	return ignoreUnpollable(err)
}

// file puts a file that is no epoll instance where it belongs.
func (c *collection) file(i, fd int, registered bool) error {
	if !registered && !c.crowded {
		c.idle = append(c.idle, i)
		return nil
	}
	err := c.table.add(c.scratch, fd, uint64(i))
	if errors.Is(err, unix.EEXIST) {
		return nil // the file of a lower descriptor
	}
	return ignoreUnpollable(err)
}

// instance reads an epoll instance, unless it is known already, and hangs it.
func (c *collection) instance(ref epbench.Ref, fd int) error {
	c.watching = append(c.watching, ref)
	lowest, err := c.instances.add(ref)
	if err != nil || lowest != ref {
		return err
	}
	e := &mergeEpoll{ref: ref, from: len(c.regs)}
	if err := c.window.show(fd, &c.fdinfo); err != nil {
		return err
	}
	err = c.addItems(ref, func(it Item) { e.inodes = append(e.inodes, c.hash(it)) })
	if err != nil || len(e.inodes) == 0 {
		return err
	}
	c.epolls = append(c.epolls, e)
	// Out of the way, so that the next borrowed descriptor has fd's number.
	if e.fd, err = c.table.moveUp(fd); err != nil {
		return err
	}
	return c.hangOne(e)
}

// hangOne hangs e beside the others, or finds that it cannot be.
func (c *collection) hangOne(e *mergeEpoll) error {
	alone := []*mergeEpoll{e}
	hung, err := c.hang(alone)
	if err != nil {
		return err
	}
	switch {
	case hung && c.crowded:
		c.unhang(alone)
	case !hung && (c.crowded || len(c.hung) == 0):
		return nil // beyond the sieve
	case !hung:
		// Beyond the sieve, or too much together with the others?
		if c.crowded, err = c.hangInstead(alone); err != nil || !c.crowded {
			return err
		}
	}
	c.hung = append(c.hung, e)
	c.late = len(c.idle)
	return nil
}

// hangInstead tells whether alone can be hung without the others. If it can, in
// the end nothing hangs, otherwise the others do.
func (c *collection) hangInstead(alone []*mergeEpoll) (bool, error) {
	c.unhang(c.hung)
	can, err := c.hang(alone)
	if err != nil {
		return false, err
	}
	if can {
		c.unhang(alone)
		return true, nil
	}
	if again, err := c.hang(c.hung); err != nil || !again {
		return false, cmp.Or(err, errChanged)
	}
	return false, nil
}

// ignoreUnpollable drops the error of files that no epoll instance can watch,
// such as regular files, and explains those of limits.
func ignoreUnpollable(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EBADF): // EBADF: O_PATH
		return nil
	case errors.Is(err, unix.ENOSPC):
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("epoll_ctl: %w", err),
			Hint: "raise fs.epoll.max_user_watches",
		}
	case err != nil:
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}
