// SPDX-License-Identifier: GPL-2.0
//go:build ignore
/*
 * learn: where eventpoll_fops is, the mark of an epoll file. kallsyms has it
 * only with CONFIG_KALLSYMS_ALL; a file of our own has it on every kernel.
 */
#include "kernel.h"

char LICENSE[] SEC("license") = "GPL";

const volatile __u32 epoll_fd;
__u64 eventpoll_fops;

SEC("iter/task_file")
int learn(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (file && ctx->fd == epoll_fd)
		eventpoll_fops = (__u64)file->f_op;
	return 0;
}
