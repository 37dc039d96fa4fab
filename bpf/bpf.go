// SPDX-License-Identifier: MIT

// Package bpf has the methods of dumping epoll registrations that run a BPF
// iterator in the kernel, and the floors that they are measured against.
//
// # taskfile
//
// The task_file iterator calls a program for every descriptor of a process.
// taskfile's program notes the file behind each, and where the file is an
// epoll instance reads its registrations out of the kernel's tree. Both kinds
// of records are written into arrays that are mapped here, and are joined
// here: a registration holds the address of its target's struct file, and so
// do the descriptors. It needs Linux 6.1 or later, built with
// CONFIG_BPF_EVENTS and CONFIG_DEBUG_INFO_BTF as distributions do, and
// CAP_BPF and CAP_PERFMON in the initial user namespace.
//
// A process's descriptors are those of its thread group leader, which are what
// /proc/PID/fd shows; a thread that has unshared its table is not looked into.
//
// The program takes no lock, so it is for processes that do not add or delete
// registrations meanwhile, stopped ones before all. On others it does no harm:
// it reads memory that the kernel protects against being freed, through loads
// that may fault, in loops that are bounded. But its result may be wrong. A
// tree that changed shape in front of the walk is noticed and read again, and
// is an error if it does not come to rest; the deletion of a registration high
// up in the tree, in the microseconds between the reads of its neighbours, may
// hide another one unnoticed. The reads are not interruptible: an epoll
// instance of a million registrations holds its CPU for some tens of
// milliseconds, unless the kernel is preemptible.
//
// # epoll
//
// The epoll iterator, which no released kernel has (bpf/kernel has the patches),
// calls a program for every registration of one epoll instance, under its lock.
// epoll's programs note the descriptors of the processes in a pass of task_file,
// and then the registrations of each epoll instance among them in a pass of
// epoll, which takes a descriptor of it: it is got by pidfd_getfd(2), which
// needs CAP_SYS_PTRACE, or its like of the target, besides. Records and join are
// taskfile's. Nothing is read without a lock, so that the registrations of an
// instance are complete and correct also if the process runs; which descriptor
// a target has is then as of the pass before.
package bpf

import "epbench"

// Methods returns the methods of this package: that of stock kernels first.
func Methods() []epbench.Method {
	return []epbench.Method{{
		Name: "taskfile",
		How:  "task_file BPF iterator that walks the epitem trees, on a stock kernel",
		Open: openTaskfile,
	}, {
		Name: "epoll",
		How:  "epoll BPF iterator, joined with task_file, on a patched kernel",
		Open: openEpoll,
	}}
}
