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
// The program takes no lock, and does no harm to processes that run: it reads
// memory that the kernel protects against being freed, through loads that may
// fault, in runs of some thousand registrations, a millisecond or less, between
// which nothing is held. Each run makes sure that what it has read was in the
// tree, as it was read, at one moment; otherwise it is repeated, and Stats has a
// warning. What a dump says of a running process is therefore this: a
// registration that was there from its beginning to its end is in it once, and
// none is in it that was not there at some time of it. Targets are named by
// descriptors that referred to them at the end of the dump, too; a descriptor
// that did so only at its beginning is left out, with a warning. Where changes
// leave no moment for even the shortest run, a thousand times over, the dump
// fails.
//
// # epoll
//
// The epoll iterator, which no released kernel has (bpf/kernel has the patches),
// calls a program for every registration of one epoll instance, under its lock.
// epoll's programs note the descriptors of the processes in a pass of task_file,
// and then the registrations of each epoll instance among them in a pass of
// epoll, which takes a descriptor of it: it is got by pidfd_getfd(2), which
// needs CAP_SYS_PTRACE, or its like of the target, besides. Records and join are
// taskfile's, and so is the last look at the descriptors. No registration is
// read without the lock, which is let go of after some thousand.
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
