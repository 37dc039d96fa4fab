/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading the kernel's memory at addresses that the verifier knows nothing of.
 *
 * Reads that go astray are caught by the kernel and give zero. What a caller
 * makes of memory that is freed meanwhile is the caller's concern.
 */
#ifndef EPBENCH_READ_H
#define EPBENCH_READ_H

#include "kernel.h"

/* Of struct rb_node.__rb_parent_color, the part that is the address. */
#define RB_PARENT (~3UL)
/* And that which is the colour. */
#define RB_BLACK 1

/* The address of eventpoll_fops, which is how an epoll file is known. */
const volatile __u64 eventpoll_fops;

/*
 * typed() makes an address a pointer whose type the verifier knows, so that
 * reading through it is a plain load. Without the kfunc, before Linux 6.2,
 * reading takes a helper, which is why structures are then read at once.
 * Whether it exists is a constant to the verifier, which sees only one of the
 * two ways.
 */
#define typed(type, address) \
	((type *)bpf_rdonly_cast((void *)(address), btf_id_of(type)))

/* A member out of a copy of a kernel structure. */
#define copied(type, copy, member)                  \
	(*(typeof(((type *)0)->member) *)((void *)(copy) + \
					  offset_of(type, member)))

struct node {
	__u64 parent_color;
	__u64 left;
	__u64 right;
};

/* What is read where there is no bpf_rdonly_cast. */
static __u8 copy[256] __attribute__((aligned(8)));

/*
 * The eight bytes at address, as a number, which can be calculated with: what
 * is read from a member that is a pointer is one to the verifier. Any structure
 * that begins with a number will do.
 */
static __always_inline __u64 read_word(__u64 address)
{
	__u64 word = 0;

	if (bpf_rdonly_cast)
		return typed(struct task_cputime, address)->stime;
	bpf_probe_read_kernel(&word, sizeof(word), (void *)address);
	return word;
}

static __always_inline bool is_epoll(struct file *file)
{
	return (__u64)file->f_op == eventpoll_fops;
}

/* The address of the root node of an epoll file's tree, 0 if it is empty. */
static __always_inline __u64 root_node(struct file *file)
{
	return read_word((__u64)file->private_data +
			 offset_of(struct eventpoll, rbr.rb_root.rb_node));
}

static __always_inline void read_node(__u64 address, struct node *node)
{
	if (bpf_rdonly_cast) {
		struct rb_node *rbn = typed(struct rb_node, address);

		node->parent_color = rbn->__rb_parent_color;
		node->left = (__u64)rbn->rb_left;
		node->right = (__u64)rbn->rb_right;
	} else {
		bpf_probe_read_kernel(copy, size_of(struct rb_node),
				      (void *)address);
		node->parent_color = copied(struct rb_node, copy,
					    __rb_parent_color);
		node->left = (__u64)copied(struct rb_node, copy, rb_left);
		node->right = (__u64)copied(struct rb_node, copy, rb_right);
	}
}

#endif
