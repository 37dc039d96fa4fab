// SPDX-License-Identifier: MIT

package workloads

import (
	"slices"

	"golang.org/x/sys/unix"
)

// builder makes one process's descriptors and registrations, in that process,
// and keeps the record of it.
type builder struct {
	spec    Spec // of which N is the process's share
	process int  // number in the tree
	limit   int  // of descriptors
	wakeup  bool // EPOLLWAKEUP is kept
	targets *cycle
	idle    *cycle
	idlers  int        // idle descriptors made
	epolls  []instance // those that registrations are spread over
	record
}

// instance is an epoll instance.
type instance struct {
	fd    int
	index int32 // in record.epollFiles
}

// newBuilder returns the builder of a process, and lets it have as many
// descriptors as can be. Descendants make no idle descriptors.
func newBuilder(s Spec, process int) (*builder, error) {
	limit, err := descriptorLimit()
	if err != nil {
		return nil, err
	}
	lim := unix.Rlimit{Cur: uint64(limit), Max: uint64(limit)}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return nil, failed("setrlimit", err)
	}
	if process > 0 {
		s.Idle = 0
	}
	b := &builder{spec: s, process: process, limit: limit}
	b.wakeup, err = keepsWakeup()
	return b, err
}

// instances returns the epoll instances among descriptors, each once.
func (b *builder) instances(descriptors []descriptor) (instances []instance) {
	fds := map[fileID]int{}
	for _, d := range descriptors {
		if _, ok := fds[d.file]; !ok {
			fds[d.file] = int(d.fd)
		}
	}
	for i, file := range b.epollFiles {
		if fd, ok := fds[file]; ok {
			instances = append(instances, instance{fd, int32(i)})
		}
	}
	return instances
}

// build makes the whole workload in one process.
func (b *builder) build() error {
	if err := b.makeEpolls(); err != nil {
		return err
	}
	return b.populate()
}

// populate makes the registrations, in the shape that is asked for, and the
// idle descriptors between their targets.
func (b *builder) populate() error {
	plan, _ := b.spec.planShared(b.limit)
	b.targets = newCycle(b.spec.Kind, &b.files, max(inotifyTargets, plan.files))
	b.idle = newCycle(b.spec.Kind, &b.files, inotifyIdle)
	if b.spec.N > 0 {
		if err := b.makeShape(plan); err != nil {
			return err
		}
	}
	if err := b.makeIdle(b.spec.Idle); err != nil {
		return err
	}
	b.targets.close()
	b.idle.close()
	return b.fire()
}

func (b *builder) makeShape(plan sharing) error {
	b.registrations = slices.Grow(b.registrations, b.spec.N)
	switch b.spec.Shape {
	case shapeMoved:
		return b.moved()
	case shapeReused:
		return b.reused()
	case shapeShared:
		return b.shared(plan)
	case shapeClosed:
		return b.closed()
	}
	return b.inplace()
}

// makeEpolls makes the epoll instances, every second with two descriptors.
func (b *builder) makeEpolls() error {
	for i := range b.spec.Epolls {
		epoll, err := b.makeEpoll()
		if err != nil {
			return err
		}
		if i%2 == 1 {
			second, err := duplicate(epoll.fd, 0)
			if err != nil {
				return err
			}
			b.hold(second, epoll.file)
		}
	}
	return nil
}

// makeEpoll makes one that registrations are to be made with.
func (b *builder) makeEpoll() (target, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return target{}, failed("epoll_create1", err)
	}
	t := target{fd: fd, file: b.newFile(), nested: true}
	b.epolls = append(b.epolls, instance{fd, int32(len(b.epollFiles))})
	b.epollFiles = append(b.epollFiles, t.file)
	b.hold(fd, t.file)
	return t, nil
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

// newFile numbers a file.
func (b *builder) newFile() fileID {
	b.files++
	return b.files
}

// hold records that fd refers to file and stays open.
func (b *builder) hold(fd int, file fileID) {
	b.descriptors = append(b.descriptors, descriptor{int32(fd), file})
}

// register adds t to an epoll instance under the number tfd, which must refer
// to it now, with the events whose turn it is.
func (b *builder) register(epoll int, t target, tfd int) error {
	return b.add(epoll, t, tfd, requested(b.first+len(b.registrations), t.nested))
}

// add adds t to an epoll instance under the number tfd, which must refer to it
// now.
func (b *builder) add(epoll int, t target, tfd int, events uint32) error {
	index := b.first + len(b.registrations)
	if err := cancelled(index); err != nil {
		return err
	}
	event := epollEvent(events, data(index))
	if err := unix.EpollCtl(b.epolls[epoll].fd, unix.EPOLL_CTL_ADD, tfd, &event); err != nil {
		return failed("epoll_ctl", err)
	}
	// Added by the kernel: fs/eventpoll.c (Linux 6.12), do_epoll_ctl.
	events |= unix.EPOLLERR | unix.EPOLLHUP
	if !b.wakeup {
		events &^= unix.EPOLLWAKEUP
	}
	b.registrations = append(b.registrations, registration{b.epolls[epoll].index, int32(tfd), events, t.file})
	return nil
}

// fire waits once, for everything that is ready, on each epoll instance that
// the process has registered files with, which disarms the EPOLLONESHOT
// registrations among it. Nothing gets ready later: no file of the workload is
// read or written any more.
func (b *builder) fire() error {
	used := make(map[int32]bool)
	for _, r := range b.registrations {
		used[r.epoll] = true
	}
	ready := make([]unix.EpollEvent, b.first+len(b.registrations))
	for _, epoll := range b.epolls {
		if !used[epoll.index] {
			continue
		}
		n, err := retry(func() (int, error) { return unix.EpollWait(epoll.fd, ready, 0) })
		if err != nil {
			return failed("epoll_wait", err)
		}
		for i := range ready[:n] {
			b.tell(indexOf(dataOf(&ready[i])))
		}
	}
	return nil
}

// tell records that epoll_wait has returned a registration.
func (b *builder) tell(index int) {
	if index < b.first {
		b.told = append(b.told, uint32(index))
		return
	}
	b.registrations[index-b.first].disarm()
}
