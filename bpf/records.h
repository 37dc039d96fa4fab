/* SPDX-License-Identifier: GPL-2.0 */
/* What the programs hand to user space, through arrays that it has mapped. */
#ifndef EPBENCH_RECORDS_H
#define EPBENCH_RECORDS_H

#include "kernel.h"

/* A descriptor of a watched file or of an epoll instance. */
struct descriptor {
	__u64 file;
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

#endif
