// SPDX-License-Identifier: MIT

package workloads

import (
	"golang.org/x/sys/unix"
)

// builder makes a workload's descriptors and registrations, in the child, and
// keeps the record of it.
type builder struct {
	spec    Spec
	limit   int  // of descriptors
	wakeup  bool // EPOLLWAKEUP is kept
	files   fileID
	targets *cycle
	idle    *cycle
	idlers  int   // idle descriptors made
	epolls  []int // one descriptor each
	record
}

// record is what the child did: the ground truth before it has PIDs in it.
type record struct {
	epollFiles    []fileID
	registrations []registration
	descriptors   []descriptor // those that are open in the end, of all files
}

type registration struct {
	epoll  int32 // index in epollFiles
	tfd    int32
	events uint32
	file   fileID
}

type descriptor struct {
	fd   int32
	file fileID
}

// build makes the workload of one process.
func (b *builder) build() error {
	var err error
	if b.wakeup, err = keepsWakeup(); err != nil {
		return err
	}
	plan, _ := b.spec.planShared(b.limit)
	b.targets = newCycle(b.spec.Kind, &b.files, max(inotifyTargets, plan.files))
	b.idle = newCycle(b.spec.Kind, &b.files, inotifyIdle)
	b.registrations = make([]registration, 0, b.spec.N)
	if err := b.makeEpolls(); err != nil {
		return err
	}
	switch b.spec.Shape {
	case shapeInplace:
		err = b.inplace()
	case shapeMoved:
		err = b.moved()
	case shapeReused:
		err = b.reused()
	case shapeShared:
		err = b.shared(plan)
	case shapeClosed:
		err = b.closed()
	}
	if err != nil {
		return err
	}
	if err := b.makeIdle(b.spec.Idle); err != nil {
		return err
	}
	b.targets.close()
	b.idle.close()
	return b.fire()
}

// makeEpolls makes the epoll instances, every second with two descriptors.
func (b *builder) makeEpolls() error {
	for i := range b.spec.Epolls {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			return failed("epoll_create1", err)
		}
		b.files++
		b.epolls = append(b.epolls, fd)
		b.epollFiles = append(b.epollFiles, b.files)
		b.hold(fd, b.files)
		if i%2 == 1 {
			second, err := duplicate(fd, 0)
			if err != nil {
				return err
			}
			b.hold(second, b.files)
		}
	}
	return nil
}

// nextTarget returns target i of count, after the idle descriptors that come
// before it: half of one share before the first, and half after the last.
func (b *builder) nextTarget(i, count int) (target, error) {
	if err := b.makeIdle(b.spec.Idle * (2*i + 1) / (2 * count)); err != nil {
		return target{}, err
	}
	return b.targets.next()
}

// makeIdle makes idle descriptors until there are count.
func (b *builder) makeIdle(count int) error {
	for ; b.idlers < count; b.idlers++ {
		if err := cancelled(b.idlers); err != nil {
			return err
		}
		t, err := b.idle.next()
		if err != nil {
			return err
		}
		b.hold(t.fd, t.file)
	}
	return nil
}

// hold records that fd refers to file and stays open.
func (b *builder) hold(fd int, file fileID) {
	b.descriptors = append(b.descriptors, descriptor{int32(fd), file})
}

// register adds t to an epoll instance under the number tfd, which must refer
// to it now.
func (b *builder) register(epoll int, t target, tfd int) error {
	index := len(b.registrations)
	if err := cancelled(index); err != nil {
		return err
	}
	events := requested(index, t.nested)
	event := epollEvent(events, data(index))
	if err := unix.EpollCtl(b.epolls[epoll], unix.EPOLL_CTL_ADD, tfd, &event); err != nil {
		return failed("epoll_ctl", err)
	}
	// Added by the kernel: fs/eventpoll.c (Linux 6.12), do_epoll_ctl.
	events |= unix.EPOLLERR | unix.EPOLLHUP
	if !b.wakeup {
		events &^= unix.EPOLLWAKEUP
	}
	b.registrations = append(b.registrations, registration{int32(epoll), int32(tfd), events, t.file})
	return nil
}

// fire waits on each epoll instance once, for everything that is ready, which
// disarms the EPOLLONESHOT registrations among it. Nothing gets ready later:
// no file of the workload is read, written or closed any more.
func (b *builder) fire() error {
	counts := make([]int, len(b.epolls))
	for _, r := range b.registrations {
		counts[r.epoll]++
	}
	var ready []unix.EpollEvent
	for i, epoll := range b.epolls {
		if counts[i] > len(ready) {
			ready = make([]unix.EpollEvent, counts[i])
		}
		if counts[i] == 0 {
			continue
		}
		n, err := retry(func() (int, error) { return unix.EpollWait(epoll, ready, 0) })
		if err != nil {
			return failed("epoll_wait", err)
		}
		for j := range ready[:n] {
			r := &b.registrations[indexOf(dataOf(&ready[j]))]
			if r.events&unix.EPOLLONESHOT != 0 {
				r.events &= privateBits
			}
		}
	}
	return nil
}
