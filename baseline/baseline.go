// SPDX-License-Identifier: MIT

// Package baseline dumps epoll registrations as userspace can: from
// /proc/PID/fdinfo, which names a watched file only by the descriptor number
// that it once had, and by asking the kernel about candidates.
//
// The methods differ in which candidates they ask about, in which order, and
// how. naive tries every descriptor of the tree. criu is what CRIU 4.2 does.
// inode tries those that share the watched file's inode. merge asks nothing
// about single candidates: it makes the kernel list all open files in the order
// in which it lists the registrations.
//
// All but merge ask with kcmp(2), whose KCMP_EPOLL_TFD walks the registrations
// one by one in the kernel. The processes should be stopped. If they are not,
// and close or register files during the dump, the answer is mostly an error,
// since no method here sees all at one moment. Otherwise warnings say that they
// ran, and which epoll instances had other registrations in the end.
//
// All methods need ptrace access to the processes: the same user and a
// dumpable process, or CAP_SYS_PTRACE.
package baseline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"epbench"
	"epbench/internal/process"

	"golang.org/x/sys/unix"
)

// Methods returns naive, criu, inode and merge.
func Methods() []epbench.Method {
	return []epbench.Method{
		method("naive", "fdinfo, then kcmp against every descriptor until one matches", naive, checkKcmp),
		method("criu", "CRIU's algorithm: the number itself first, then an ordered search with kcmp", criu, checkKcmp),
		method("inode", "fdinfo, then kcmp against the descriptors of the same inode", inode, checkKcmp),
		method("merge", "all open files in an epoll of our own, whose fdinfo has the same order", merge, checkKcmp, checkGetfd),
	}
}

func method(name, how string, dump func(*tree) error, checks ...func() error) epbench.Method {
	return epbench.Method{Name: name, How: how, Open: func() (epbench.Dumper, error) {
		for _, check := range checks {
			if err := check(); err != nil {
				return nil, err
			}
		}
		return &dumper{dump: dump}, nil
	}}
}

// checkKcmp asks kcmp about descriptors that do not exist.
func checkKcmp() error {
	const what = "KCMP_EPOLL_TFD: kcmp"
	self := epbench.Ref{PID: int32(os.Getpid()), FD: -1}
	_, err := KcmpTarget(self, self, 0, 0)
	switch {
	case errors.Is(err, unix.EBADF):
		return nil
	case errors.Is(err, unix.ENOSYS):
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("%s: %w", what, epbench.ErrNotSupported),
			Hint: "needs a kernel with CONFIG_KCMP",
		}
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("%s: %w", what, epbench.ErrNotSupported),
			Hint: "needs Linux 4.13 or later",
		}
	}
	return explain(what, err)
}

// checkGetfd borrows from a process that does not exist.
func checkGetfd() error {
	_, err := unix.PidfdGetfd(-1, 0, 0)
	if errors.Is(err, unix.ENOSYS) {
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("pidfd_getfd: %w", epbench.ErrNotSupported),
			Hint: "needs Linux 5.6 or later",
		}
	}
	return nil
}

// dumper makes an epbench.Dumper of a function that appends to tree.regs.
type dumper struct {
	dump func(*tree) error
}

func (d *dumper) Dump(ctx context.Context, pids []int, dst []epbench.Registration) ([]epbench.Registration, epbench.Stats, error) {
	t := &tree{ctx: ctx, regs: dst}
	err := d.hold(t, pids)
	if err != nil {
		return dst, t.stats, err
	}
	epbench.Sort(t.regs[len(dst):])
	return t.regs, t.stats, t.refused
}

// hold runs d.dump while the processes are held.
func (d *dumper) hold(t *tree, pids []int) error {
	held, err := process.Hold(pids)
	if err != nil {
		return err
	}
	defer held.Close()
	t.held = held
	err = d.watched(t)
	if exited := t.checkAlive(); exited != nil {
		return exited
	}
	return err
}

// watched runs d.dump and marks what changed meanwhile.
func (d *dumper) watched(t *tree) error {
	before, err := t.cpuTimes()
	if err != nil {
		return err
	}
	if err := d.dump(t); err != nil {
		return t.blame(before, err)
	}
	return t.markChanges(before)
}

// checkAlive returns an error that wraps epbench.ErrNoProcess if a process has
// exited. An exiting process first loses its descriptors, all at once (do_exit
// in kernel/exit.c), and can be seen to have exited only when they are closed,
// which may take a while.
func (t *tree) checkAlive() error {
	if err := t.held.Check(); err != nil {
		return err
	}
	for _, pid := range t.listed {
		if !t.hasDescriptors(pid) {
			return fmt.Errorf("process %d exited during the dump: %w", pid, epbench.ErrNoProcess)
		}
	}
	return nil
}

func (d *dumper) Close() error { return nil }

// tree is one dump at work.
type tree struct {
	calls
	ctx    context.Context
	held   *process.Held
	fdinfo Fdinfo
	regs   []epbench.Registration
	// readings are the epoll instances that were read.
	readings []reading
	// refused wraps epbench.ErrRefused if the method is a program's that would
	// have given up.
	refused error
}

// descriptors returns every descriptor of the tree, in the order of Refs, and
// of these the ones that refer to epoll instances.
func (t *tree) descriptors() (all, epolls []epbench.Ref, err error) {
	pids, err := t.tables()
	if err != nil {
		return nil, nil, err
	}
	for _, pid := range pids {
		table, err := t.openTable(pid)
		if err != nil {
			return nil, nil, err
		}
		defer t.closeTable(table)
		all = slices.Grow(all, len(table.fds))
		for _, fd := range table.fds {
			ref := epbench.Ref{PID: table.pid, FD: fd}
			all = append(all, ref)
			epoll, err := t.isEpoll(table, fd)
			if err != nil {
				return nil, nil, err
			}
			if epoll {
				epolls = append(epolls, ref)
			}
		}
	}
	return all, epolls, nil
}

// distinct keeps of refs, which are ascending, the lowest of each file.
func (t *tree) distinct(refs []epbench.Ref) ([]epbench.Ref, error) {
	files := newFileTree(&t.calls)
	kept := refs[:0]
	for _, ref := range refs {
		if err := t.ctx.Err(); err != nil {
			return nil, err
		}
		lowest, err := files.add(ref)
		if err != nil {
			return nil, err
		}
		if lowest == ref {
			kept = append(kept, ref)
		}
	}
	return kept, nil
}

// addItems appends the registrations of epoll, without targets, in the order
// of the kernel's tree, and calls visit for each item. The fdinfo of epoll is
// what t.fdinfo is about to read.
func (t *tree) addItems(epoll epbench.Ref, visit func(Item)) error {
	from := len(t.regs)
	for t.fdinfo.Next() {
		it := t.fdinfo.Item()
		t.regs = append(t.regs, epbench.Registration{
			Epoll: epoll, TFD: it.TFD, Events: it.Events, Data: it.Data,
		})
		visit(it)
	}
	if err := t.fdinfo.Err(); err != nil {
		return explain(fmt.Sprintf("epoll %v", epoll), err)
	}
	t.readings = append(t.readings, reading{epoll, from, len(t.regs)})
	return nil
}

// readEpoll is addItems with the file of /proc/PID/fdinfo.
func (t *tree) readEpoll(epoll epbench.Ref, visit func(Item)) error {
	fd, err := t.openFdinfo(epoll)
	if err != nil {
		return err
	}
	defer t.close(fd)
	return t.addItems(epoll, visit)
}

// openFdinfo makes t.fdinfo read the fdinfo of ref, until the descriptor that
// it returns is closed.
func (t *tree) openFdinfo(ref epbench.Ref) (int, error) {
	fd, err := t.openProc(ref.PID, "fdinfo/"+strconv.Itoa(int(ref.FD)))
	if err != nil {
		return -1, explain(fmt.Sprintf("epoll %v: opening fdinfo", ref), err)
	}
	t.fdinfo.Reset(&procReader{&t.calls, fd})
	return fd, nil
}

// toffs returns the toff of each of regs, which are those of one epoll in the
// order of the kernel's tree. It is nil if all are 0.
func toffs(regs []epbench.Registration) []uint32 {
	byTFD := make([]uint32, len(regs))
	for i := range byTFD {
		byTFD[i] = uint32(i)
	}
	slices.SortFunc(byTFD, func(i, j uint32) int {
		return cmp.Or(cmp.Compare(regs[i].TFD, regs[j].TFD), cmp.Compare(i, j))
	})
	var offs []uint32
	for k := 1; k < len(byTFD); k++ {
		i, before := byTFD[k], byTFD[k-1]
		if regs[i].TFD != regs[before].TFD {
			continue
		}
		if offs == nil {
			offs = make([]uint32, len(regs))
		}
		offs[i] = offs[before] + 1
	}
	return offs
}

// toffAt is offs[i] of what toffs returned.
func toffAt(offs []uint32, i int) uint32 {
	if offs == nil {
		return 0
	}
	return offs[i]
}
