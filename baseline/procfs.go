// SPDX-License-Identifier: MIT

package baseline

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"epbench"

	"golang.org/x/sys/unix"
)

// FileName returns what the descriptor ref refers to, as /proc/PID/fd shows
// it: a path, "socket:[123]", "anon_inode:[eventfd]".
func FileName(ref epbench.Ref) (string, error) {
	name, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", ref.PID, ref.FD))
	if err != nil {
		return "", fmt.Errorf("naming descriptor %v: %w", ref, err)
	}
	return name, nil
}

// Descendants returns pids and all their descendants that live, ascending and
// without repeats. It needs CONFIG_PROC_CHILDREN. A process that exits
// meanwhile hands its children to another (proc(5)), so the list is certain
// only if the tree is stopped.
func Descendants(pids []int) ([]int, error) {
	seen := make(map[int]bool)
	queue := slices.Clone(pids)
	for len(queue) > 0 {
		pid := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		if seen[pid] {
			continue
		}
		children, err := childrenOf(pid)
		if err != nil && slices.Contains(pids, pid) {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		if err == nil {
			seen[pid] = true
			queue = append(queue, children...)
		}
	}
	all := make([]int, 0, len(seen))
	for pid := range seen {
		all = append(all, pid)
	}
	slices.Sort(all)
	return all, nil
}

// childrenOf returns the children that the threads of pid have started.
func childrenOf(pid int) ([]int, error) {
	tasks := fmt.Sprintf("/proc/%d/task", pid)
	threads, err := os.ReadDir(tasks)
	if err != nil {
		return nil, epbench.ErrNoProcess
	}
	var children []int
	for _, thread := range threads {
		b, err := os.ReadFile(tasks + "/" + thread.Name() + "/children")
		if errors.Is(err, os.ErrNotExist) {
			if err := checkChildrenFile(); err != nil {
				return nil, err
			}
			continue // the thread has ended
		}
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return nil, fmt.Errorf("listing children: %w", err)
		}
		for field := range strings.FieldsSeq(string(b)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("%s: %q is no PID", thread.Name(), field)
			}
			children = append(children, child)
		}
	}
	return children, nil
}

// checkChildrenFile tells whether this kernel has task/TID/children at all.
func checkChildrenFile() error {
	pid := os.Getpid()
	if _, err := os.Stat(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid)); err != nil {
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("listing children: %w", epbench.ErrNotSupported),
			Hint: "needs a kernel with CONFIG_PROC_CHILDREN",
		}
	}
	return nil
}

// tables returns the processes without those that use the descriptor table of
// one before (clone(2), CLONE_FILES): each of its descriptors has the lowest
// name there.
func (t *tree) tables() ([]int, error) {
	var pids, ordered []int // the same, the latter in the order of kcmp
	for _, pid := range t.held.PIDs() {
		var failed error
		at, known := slices.BinarySearchFunc(ordered, pid, func(a, b int) int {
			order, err := t.kcmpTables(a, b)
			failed = cmp.Or(failed, err)
			switch order {
			case kcmpLess:
				return -1
			case kcmpGreater:
				return 1
			}
			return 0
		})
		if failed != nil {
			return nil, explainKcmp(fmt.Sprintf("process %d", pid), failed)
		}
		if !known {
			pids = append(pids, pid)
			ordered = slices.Insert(ordered, at, pid)
		}
	}
	return pids, nil
}

// descriptorTable is what /proc/PID/fd lists of one process.
type descriptorTable struct {
	pid int32
	dir int // /proc/PID/fd, open while the table is looked into
	fds []int32
}

// openTable lists the descriptors of pid, ascending as the kernel lists them
// (proc_readfd_common in fs/proc/fd.c).
func (c *calls) openTable(pid int) (*descriptorTable, error) {
	t := &descriptorTable{pid: int32(pid)}
	var err error
	if t.dir, err = c.openProc(t.pid, "fd"); err == nil {
		if t.fds, err = c.list(t.dir); err == nil {
			if len(t.fds) > 0 {
				c.listed = append(c.listed, t.pid)
			}
			return t, nil
		}
		c.close(t.dir)
	}
	if gone(err) {
		err = fmt.Errorf("%w: %w", err, epbench.ErrNoProcess)
	}
	return nil, explain(fmt.Sprintf("process %d: listing descriptors", pid), err)
}

func (c *calls) closeTable(t *descriptorTable) { c.close(t.dir) }

// hasDescriptors tells whether pid has any. One that exits has none.
func (c *calls) hasDescriptors(pid int32) bool {
	dir, err := c.openProc(pid, "fd")
	if err != nil {
		return false
	}
	defer c.close(dir)
	var buf [128]byte // room for "." and "..", and for one more at least
	for read := 0; ; {
		n, err := c.getdents(dir, buf[:])
		if err != nil || n == 0 {
			return false
		}
		const entry = 24 // of a name of up to four characters
		if read += n; read > 2*entry {
			return true
		}
	}
}

// list returns the names in dir that are numbers.
func (c *calls) list(dir int) ([]int32, error) {
	var (
		fds []int32
		buf [32 << 10]byte
	)
	for {
		n, err := c.getdents(dir, buf[:])
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return fds, nil
		}
		for rest := buf[:n]; len(rest) > 0; {
			// struct linux_dirent64: d_reclen at 16, d_name at 19.
			length := binary.NativeEndian.Uint16(rest[16:])
			name, _, _ := bytes.Cut(rest[19:length], []byte{0})
			if fd, err := strconv.ParseInt(string(name), 10, 32); err == nil {
				fds = append(fds, int32(fd))
			}
			rest = rest[length:]
		}
	}
}

// isEpoll says whether fd of t refers to an epoll instance. A descriptor that
// was closed meanwhile does not.
func (c *calls) isEpoll(t *descriptorTable, fd int32) (bool, error) {
	const epoll = "anon_inode:[eventpoll]"
	var buf [len(epoll) + 1]byte
	n, err := c.readlinkat(t.dir, strconv.Itoa(int(fd)), buf[:])
	switch {
	case err == nil:
		return string(buf[:n]) == epoll, nil
	case gone(err):
		return false, nil
	}
	return false, explain(fmt.Sprintf("descriptor %d:%d", t.pid, fd), err)
}

// OpenFdinfo opens the fdinfo of ref, to be read through Fdinfo.
func OpenFdinfo(ref epbench.Ref) (io.ReadCloser, error) {
	fd, err := openProc(ref.PID, "fdinfo/"+strconv.Itoa(int(ref.FD)))
	if err != nil {
		return nil, explain(fmt.Sprintf("descriptor %v: opening fdinfo", ref), err)
	}
	return os.NewFile(uintptr(fd), "fdinfo"), nil
}
