// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"unsafe"

	"epbench"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// iterateFiles runs a task_file iterator program over the descriptors of the
// process pid, of this PID namespace, and counts the system calls in stats. A
// process that is gone has none. See drain for again.
func iterateFiles(program *ebpf.Program, pid int, stats *epbench.Stats, again func() error) error {
	link, err := linkProcess(program, pid)
	if err != nil {
		return fmt.Errorf("attaching %s to process %d: %w", programName(program), pid, err)
	}
	return iterate(program, link, stats, again)
}

// iterateEpoll runs an epoll iterator program over the registrations of the
// epoll instance of this process's descriptor epoll, and counts the system
// calls in stats. See drain for again.
func iterateEpoll(program *ebpf.Program, epoll int, stats *epbench.Stats, again func() error) error {
	link, err := linkEpoll(program, epoll)
	if err != nil {
		return fmt.Errorf("attaching %s to an epoll instance: %w", programName(program), err)
	}
	return iterate(program, link, stats, again)
}

// iterate runs program once over what link is for, and closes link.
func iterate(program *ebpf.Program, link int, stats *epbench.Stats, again func() error) error {
	defer unix.Close(link)
	iterator, err := createIterator(link)
	if err != nil {
		return fmt.Errorf("creating the %s iterator: %w", programName(program), err)
	}
	defer unix.Close(iterator)
	reads, err := drain(iterator, again)
	stats.Syscalls += 4 + reads
	if err != nil {
		return fmt.Errorf("reading the %s iterator: %w", programName(program), err)
	}
	return nil
}

// linkProcess attaches a task iterator program to one process, by the task.pid
// of union bpf_iter_link_info, which is a thread group's ID in spite of its
// name (Linux 6.1, kernel/bpf/task_iter.c).
func linkProcess(program *ebpf.Program, pid int) (int, error) {
	info := struct{ tid, pid, pidfd uint32 }{pid: uint32(pid)}
	return createLink(program, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

// linkEpoll attaches an epoll iterator program to the epoll instance of a
// descriptor, by the epoll.epoll_fd of union bpf_iter_link_info. The link then
// keeps the instance alive.
func linkEpoll(program *ebpf.Program, epoll int) (int, error) {
	info := struct{ fd uint32 }{uint32(epoll)}
	return createLink(program, unsafe.Pointer(&info), unsafe.Sizeof(info))
}

// createLink attaches an iterator program: bpf(2), BPF_LINK_CREATE. ebpf/link
// passes no other union bpf_iter_link_info than that of a map.
func createLink(program *ebpf.Program, info unsafe.Pointer, size uintptr) (int, error) {
	attr := struct {
		program    uint32
		target     uint32
		attachType uint32
		flags      uint32
		info       unsafe.Pointer
		infoSize   uint32
		_          uint32
	}{
		program:    uint32(program.FD()),
		attachType: uint32(ebpf.AttachTraceIter),
		info:       info,
		infoSize:   uint32(size),
	}
	return bpf(unix.BPF_LINK_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// createIterator makes a descriptor that iterates as link says when it is read.
func createIterator(link int) (int, error) {
	attr := struct{ link, flags uint32 }{link: uint32(link)}
	return bpf(unix.BPF_ITER_CREATE, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
}

// bpf is bpf(2), for commands that return a descriptor. It is close-on-exec.
func bpf(command int, attr unsafe.Pointer, size uintptr) (int, error) {
	fd, _, errno := unix.Syscall(unix.SYS_BPF, uintptr(command), uintptr(attr), size)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

// drain reads an iterator whose program writes nothing to its end, and returns
// the number of read(2) calls. It calls again, which may be nil, whenever the
// iterator has stopped in between: nothing runs then and nothing is held.
func drain(iterator int, again func() error) (reads uint64, err error) {
	var buffer [8]byte
	for {
		n, err := unix.Read(iterator, buffer[:])
		reads++
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			// The program has returned 1, or has had a million objects
			// (MAX_ITER_OBJECTS): kernel/bpf/bpf_iter.c.
			if again == nil {
				continue
			}
			if err := again(); err != nil {
				return reads, err
			}
		case err != nil:
			return reads, err
		case n == 0:
			return reads, nil
		}
	}
}

func programName(program *ebpf.Program) string {
	return program.String()
}
