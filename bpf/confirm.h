/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether descriptors refer, at the end of a dump, to the files that they were
 * noted for at its beginning.
 *
 * A struct file that is freed can be another open file's a moment later, at the
 * same address. So a descriptor that was noted and then closed, before its file
 * was met again as the target of a registration, would name the wrong one. A
 * registration that is there until the end keeps its target, and so the
 * address, from being freed; if a descriptor has that address at the end, it
 * refers to that target.
 */
#ifndef EPBENCH_CONFIRM_H
#define EPBENCH_CONFIRM_H

#include "read.h"
#include "records.h"

/* Set by user space. */
struct confirmation {
	__u64 task; /* the address of the process's first thread */
	__u64 table; /* of its files */
	__u32 size; /* of that table */
	__u32 from; /* the first of the descriptors to look at */
	__u32 count; /* of them */
	__u32 changed; /* how many refer to something else */
} asked;

static __always_inline void confirm_descriptor(struct descriptor *d)
{
	if ((__u32)d->fd < asked.size &&
	    read_word(asked.table + (__u32)d->fd * 8ULL) == d->file)
		return;
	d->file |= UNCONFIRMED;
	asked.changed++;
}

static long confirm_some(__u32 i, void *ctx)
{
	__u32 done = i * UNROLL;
	struct descriptor *d;

#pragma unroll
	for (int k = 0; k < UNROLL; k++, done++) {
		__u32 index = asked.from + done;

		if (done >= asked.count)
			return 1;
		d = bpf_map_lookup_elem(&descriptors, &index);
		if (!d)
			return 1;
		confirm_descriptor(d);
	}
	return 0;
}

/*
 * Run by user space (BPF_PROG_TEST_RUN) and not by an event. Returns 1 if the
 * process has no descriptors any more: it loses them long before a pidfd tells
 * that it has exited. If it has gone altogether, so that the memory of its task
 * may be another's already, the pidfd does tell.
 */
SEC("raw_tp/confirm")
int confirm(void *ctx)
{
	__u64 files, table;

	files = read_word(asked.task +
			  offset_of(struct task_struct, files));
	if (!files)
		return 1;
	table = read_word(files + offset_of(struct files_struct, fdt));
	asked.size = read_word(table +
				      offset_of(struct fdtable, max_fds));
	asked.table = read_word(table + offset_of(struct fdtable, fd));
	bpf_loop(asked.count / UNROLL + 1, confirm_some, NULL, 0);
	/*
	 * Of a process that exited meanwhile, the descriptors may have been
	 * closed already: its task lost the table before (kernel/exit.c,
	 * exit_files).
	 */
	return !read_word(asked.task + offset_of(struct task_struct, files));
}

#endif
