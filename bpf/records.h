/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs hand to user space, through arrays that it has mapped. An
 * array that is full is emptied between two runs: see return 1 in the programs.
 */
#ifndef EPBENCH_RECORDS_H
#define EPBENCH_RECORDS_H

#include "kernel.h"

/* A bit of an address, see confirm.h. */
#define UNCONFIRMED 1

/* A descriptor of a watched file or of an epoll instance. */
struct descriptor {
	__u64 file; /* the address of its struct file, and UNCONFIRMED */
	__s32 fd;
	/*
	 * How many of the next registrations are this epoll's. 0 if it is none,
	 * or has none, or they came with an earlier descriptor.
	 */
	__u32 registrations;
};

struct registration {
	__u64 file;
	__u64 data;
	__u32 events;
	__s32 tfd;
};

/* User space says how long the arrays are. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct descriptor);
} descriptors SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct registration);
} registrations SEC(".maps");

#endif
