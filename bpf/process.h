/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whether a process had its descriptors to the end of a task_file pass.
 *
 * A process that exits loses its table of descriptors long before a pidfd
 * tells of it, and the iterator then just ends.
 */
#ifndef EPBENCH_PROCESS_H
#define EPBENCH_PROCESS_H

#include "walk.h"

/*
 * Called at the end of a pass with the address of the task whose descriptors
 * were seen, 0 if there were none: counts the process as one that still has
 * them. If this is the last that is seen of the task, so that its memory may be
 * another's already, the pidfd does tell.
 */
static __always_inline void end_process(__u64 *task, __u32 *processes)
{
	struct files_struct *files = NULL;

	if (!*task)
		return;
	if (bpf_rdonly_cast)
		files = typed(struct task_struct, *task)->files;
	else
		bpf_probe_read_kernel(&files, sizeof(files),
				      (void *)*task +
				      offset_of(struct task_struct, files));
	if (files)
		++*processes;
	*task = 0;
}

#endif
