// SPDX-License-Identifier: MIT

package baseline

import (
	"fmt"
	"slices"
	"strconv"

	"epbench"

	"golang.org/x/sys/unix"
)

// criu does what CRIU 4.2 does to find the targets, call by call:
//
//   - It goes through the descriptors of all tasks in order. From the device,
//     inode and position of each it makes a generation id, and among the files
//     of one id it looks for the file in a red-black tree that is ordered by
//     KCMP_FILE, where it adds the file if it is new (criu/files.c,
//     do_dump_gen_file; criu/kcmp-ids.c, kid_generate_gen).
//   - When the new file is an epoll instance, each registration is first taken
//     to be of the descriptor that has its number, which KCMP_EPOLL_TFD
//     confirms if there is one. The first that is not ends this
//     (criu/eventpoll.c, dump_one_eventpoll).
//   - If one was not, all registrations of that instance, once all descriptors
//     of its task are in the tree, are searched for in it by KCMP_EPOLL_TFD
//     (flush_eventpoll_dinfo_queue, kid_lookup_epoll_tfd).
//   - If one is not found there, or what is found was added by another task
//     than the one in which the instance was found, CRIU gives up: a target
//     that no process holds, or only another one. The dump then comes with an
//     error that wraps epbench.ErrRefused and names the first such
//     registration. To make it complete, targets that were not found are
//     searched for again when all tasks' descriptors are in the tree.
//   - A task that has its parent's descriptor table is passed over
//     (criu/include/pstree.h, shared_fdtable), here one that has any other's.
//
// The calls are those of CRIU, one for one. Of these processes CRIU 4.2 itself
// made as many as criu (KCMP_FILE + KCMP_EPOLL_TFD; besides these, CRIU makes
// one of KCMP_EPOLL_TFD to learn whether the kernel has it, and one each of
// KCMP_VM, KCMP_FILES, KCMP_FS and KCMP_SIGHAND for a task):
//
//	shape=moved,n=3000,epolls=4,idle=300      34693 + 33586
//	shape=reused,kind=timerfd,n=1000           8748 +  9244
//	shape=moved,kind=pipe,n=500,idle=100        300 +   750
//	shape=inplace,kind=unix,n=300                 0 +   300
//	shape=moved,kind=inotify,n=100              280 +   284
//	shape=shared,n=5000                           1 + 10000
//
// counted where CRIU calls syscall(SYS_kcmp, ...), by a library preloaded into
//
//	criu dump -t PID --leave-running --shell-job --ext-unix-sk -D DIR
//
// of a process that "epbench load" holds, with "epbench dump -method criu
// -stats PID" before it ends. The numbers vary by a percent from one process
// to the next with the addresses that the files get.
//
// It differs from CRIU in what follows, and in nothing that a successful dump
// of CRIU's does. CRIU takes the device of fdinfo as it is; this converts it to stat's encoding,
// without which no device with a minor number over 255 is found. Descriptors
// of a kind that CRIU cannot dump are treated as the others are. CRIU goes
// through the tasks from parent to child, this by PID.
func criu(t *tree) error {
	c := criuDump{tree: t, ids: make(map[uint32]*fileTree), givesUp: -1}
	pids, err := t.tables()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if err := c.dumpFiles(pid); err != nil {
			return err
		}
		if err := c.flush(); err != nil {
			return err
		}
	}
	if err := c.searchElsewhere(); err != nil {
		return err
	}
	t.refused = c.refusal()
	return nil
}

type criuDump struct {
	*tree
	ids   map[uint32]*fileTree // by generation id
	files []criuFile           // in the order of Refs
	queue []criuEpoll          // of the task
	last  int32                // the task
	lost  []criuLost
	// givesUp is the index in tree.regs of where CRIU gives up, or -1.
	givesUp int
}

// criuFile is a descriptor and the one that its file has the id of.
type criuFile struct {
	ref, lowest epbench.Ref
}

// criuEpoll is an epoll instance whose registrations are those of tree.regs
// from from to to.
type criuEpoll struct {
	from, to int
	genIDs   []uint32
	// search says that the numbers do not name the targets.
	search bool
}

// criuLost is a registration whose target no task up to its own holds.
type criuLost struct {
	reg   int // index in tree.regs
	off   uint32
	genID uint32
}

// dumpFiles is dump_task_files_seized of criu/files.c.
func (c *criuDump) dumpFiles(pid int) error {
	table, err := c.openTable(pid)
	if err != nil {
		return err
	}
	defer c.closeTable(table)
	c.last = table.pid
	infos, err := c.openProc(table.pid, "fdinfo")
	if err != nil {
		return explain(fmt.Sprintf("process %d: opening fdinfo", pid), err)
	}
	defer c.close(infos)
	for _, fd := range table.fds {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		if err := c.dumpFile(table, infos, fd); err != nil {
			return fmt.Errorf("descriptor %d:%d: %w", pid, fd, err)
		}
	}
	return nil
}

// dumpFile is dump_one_file of criu/files.c.
func (c *criuDump) dumpFile(table *descriptorTable, infos int, fd int32) error {
	genID, err := c.genIDOf(table, infos, fd)
	if err != nil {
		return err
	}
	if c.ids[genID] == nil {
		c.ids[genID] = newFileTree(&c.calls)
	}
	ref := epbench.Ref{PID: table.pid, FD: fd}
	lowest, err := c.ids[genID].add(ref)
	if err != nil {
		return err
	}
	c.files = append(c.files, criuFile{ref, lowest})
	if lowest != ref {
		return nil
	}
	epoll, err := c.isEpoll(table, fd)
	if err != nil || !epoll {
		return err
	}
	return c.dumpEpoll(table, ref)
}

// genIDOf is fill_fd_params of criu/files.c, as far as the id needs it.
func (c *criuDump) genIDOf(table *descriptorTable, infos int, fd int32) (uint32, error) {
	name := strconv.Itoa(int(fd))
	var st unix.Stat_t
	if err := c.fstatat(table.dir, name, &st); err != nil {
		return 0, explain("stat", err)
	}
	info, err := c.openat(infos, name, unix.O_RDONLY)
	if err != nil {
		return 0, explain("opening fdinfo", err)
	}
	defer c.close(info)
	for c.fdinfo.Reset(&procReader{&c.calls, info}); c.fdinfo.Next(); {
	}
	if err := c.fdinfo.Err(); err != nil {
		return 0, err
	}
	return makeGenID(uint64(st.Dev), st.Ino, c.fdinfo.Pos()), nil
}

// makeGenID is make_gen_id of criu/files.c.
func makeGenID(dev, ino uint64, pos int64) uint32 {
	return uint32(dev) ^ uint32(ino) ^ uint32(pos>>32) ^ uint32(pos)
}

// dumpEpoll is dump_one_eventpoll of criu/eventpoll.c.
func (c *criuDump) dumpEpoll(table *descriptorTable, epoll epbench.Ref) error {
	e := criuEpoll{from: len(c.regs)}
	err := c.readEpoll(epoll, func(it Item) {
		e.genIDs = append(e.genIDs, makeGenID(it.StatDev(), it.Ino, it.Pos))
	})
	if err != nil {
		return err
	}
	e.to = len(c.regs)
	inPlace, err := c.inPlace(table.fds, c.regs[e.from:e.to])
	if err != nil {
		return err
	}
	e.search = !inPlace
	if inPlace {
		e.genIDs = nil
	}
	c.queue = append(c.queue, e)
	return nil
}

// inPlace asks for each of regs whether its number names the target, until one
// does not: find_tfd_bsearch of criu/eventpoll.c.
func (c *criuDump) inPlace(fds []int32, regs []epbench.Registration) (bool, error) {
	offs := toffs(regs)
	for i := range regs {
		reg := &regs[i]
		if _, open := slices.BinarySearch(fds, reg.TFD); !open {
			return false, nil
		}
		number := epbench.Ref{PID: reg.Epoll.PID, FD: reg.TFD}
		is, err := c.isTarget(reg, toffAt(offs, i), number)
		if err != nil || !is {
			return false, err
		}
	}
	return true, nil
}

// flush is flush_eventpoll_dinfo_queue of criu/eventpoll.c. It also names the
// targets that dumpEpoll has found, which it found before their descriptors had
// ids.
func (c *criuDump) flush() error {
	for _, e := range c.queue {
		if !e.search {
			c.nameInPlace(c.regs[e.from:e.to])
			continue
		}
		if err := c.searchTargets(e); err != nil {
			return err
		}
	}
	c.queue = c.queue[:0]
	return nil
}

func (c *criuDump) searchTargets(e criuEpoll) error {
	regs := c.regs[e.from:e.to]
	offs := toffs(regs)
	for i := range regs {
		lost := criuLost{e.from + i, toffAt(offs, i), e.genIDs[i]}
		if err := c.searchTarget(lost); err != nil {
			return err
		}
		if regs[i].Target.IsNone() {
			c.lost = append(c.lost, lost)
		}
		if regs[i].Target.PID != regs[i].Epoll.PID && c.givesUp < 0 {
			c.givesUp = lost.reg
		}
	}
	return nil
}

func (c *criuDump) searchTarget(lost criuLost) error {
	if err := c.ctx.Err(); err != nil {
		return err
	}
	files := c.ids[lost.genID]
	if files == nil {
		return nil
	}
	reg := &c.regs[lost.reg]
	var err error
	reg.Target, err = files.target(reg, lost.off)
	return err
}

// refusal tells where CRIU gives up and why, if it does.
func (c *criuDump) refusal() error {
	if c.givesUp < 0 {
		return nil
	}
	reg := c.regs[c.givesUp]
	why := "no process holds its target"
	if !reg.Target.IsNone() {
		why = fmt.Sprintf("its target %v is another process's", reg.Target)
	}
	return fmt.Errorf("CRIU 4.2 would give up at epoll %v tfd %d data %#x: %s: %w",
		reg.Epoll, reg.TFD, reg.Data, why, epbench.ErrRefused)
}

// searchElsewhere searches for what is lost among the files of all tasks, if
// any came later.
func (c *criuDump) searchElsewhere() error {
	for _, lost := range c.lost {
		if c.regs[lost.reg].Epoll.PID == c.last {
			continue
		}
		if err := c.searchTarget(lost); err != nil {
			return err
		}
	}
	return nil
}

func (c *criuDump) nameInPlace(regs []epbench.Registration) {
	for i := range regs {
		number := epbench.Ref{PID: regs[i].Epoll.PID, FD: regs[i].TFD}
		at, found := slices.BinarySearchFunc(c.files, number, func(f criuFile, ref epbench.Ref) int {
			return f.ref.Compare(ref)
		})
		if found {
			regs[i].Target = c.files[at].lowest
		}
	}
}
