// SPDX-License-Identifier: GPL-2.0
/*
 * A program as it would have been written for the epoll iterator in 2021, with
 * types of its own and nothing of this package: it loads unchanged.
 */
typedef int __s32;
typedef unsigned int __u32;
typedef unsigned long long __u64;

#define SEC(name) __attribute__((section(name), used))

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct file_operations;

struct file {
	const struct file_operations *f_op;
};

struct epoll_filefd {
	struct file *file;
	__s32 fd;
} __attribute__((packed));

struct rb_node {
	unsigned long __rb_parent_color;
};

struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
};

struct eventpoll {
	struct file *file;
};

struct bpf_iter__epoll {
	struct bpf_iter_meta *meta;
	struct eventpoll *ep;
	struct epitem *epi;
};

#pragma clang attribute pop

static long (*bpf_seq_printf)(struct seq_file *m, const char *fmt,
			      __u32 fmt_size, const void *data,
			      __u32 data_len) = (void *)126;

char LICENSE[] SEC("license") = "GPL";

static const char item[] = "%d %llx\n";
static const char end[] = "end\n";

SEC("iter/epoll")
int dump_epoll(struct bpf_iter__epoll *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct epitem *epi = ctx->epi;
	__u64 args[2];

	if (!epi) {
		bpf_seq_printf(seq, end, sizeof(end), args, 0);
		return 0;
	}
	args[0] = epi->ffd.fd;
	args[1] = (__u64)epi->ffd.file->f_op;
	bpf_seq_printf(seq, item, sizeof(item), args, sizeof(args));
	return 0;
}
