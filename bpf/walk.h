/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading an epoll instance's registrations without its lock.
 *
 * struct eventpoll keeps its epitems in a red-black tree and nowhere else
 * (fs/eventpoll.c). A program may not take ep->mtx, so it walks the tree as it
 * finds it. Reads that go astray are caught by the kernel and give zero. The
 * program runs under rcu_read_lock() and epitems are freed by kfree_rcu(), so
 * one that was in the tree is readable to the end of the walk, though its rbn
 * may have become an rcu_head. What a change of the tree does to the order of
 * the nodes is noticed: see read_node's caller, which compares the parent.
 *
 * The walk is breadth first, through a queue of addresses. Following parent
 * pointers or a stack, each node's address is known only when its neighbour
 * has come from memory; from a queue it is known long before, and the
 * processor fetches several at once. A third of the time is saved.
 *
 * The state of a walk is in global variables, not on the stack: up to Linux
 * 6.6 the verifier goes through the callback of bpf_loop() once only, takes
 * what the stack holds at the first iteration for constants, and removes the
 * branches that are taken only later. It knows nothing of what a global holds.
 */
#ifndef EPBENCH_WALK_H
#define EPBENCH_WALK_H

#include "kernel.h"

/* The most that one bpf_loop() can do: BPF_MAX_LOOPS. */
#define MAX_LOOPS (1 << 23)

/* Of struct rb_node.__rb_parent_color, the part that is the address. */
#define RB_PARENT (~3UL)

/* The address of eventpoll_fops, which is how an epoll file is known. */
const volatile __u64 eventpoll_fops;

/*
 * typed() makes an address a pointer whose type the verifier knows, so that
 * reading through it is a plain load. Without the kfunc, before Linux 6.2,
 * reading takes a helper, which is why the callers then read several members
 * at once. Whether it exists is a constant to the verifier, which sees only
 * one of the two ways.
 */
#define typed(type, address) \
	((type *)bpf_rdonly_cast((void *)(address), btf_id_of(type)))

/* A member out of a copy of a kernel structure. */
#define copied(type, copy, member)                  \
	(*(typeof(((type *)0)->member) *)((void *)(copy) + \
					  offset_of(type, member)))

struct node {
	__u64 parent;
	__u64 left;
	__u64 right;
};

/* What is read where there is no bpf_rdonly_cast. */
static __u8 copy[256] __attribute__((aligned(8)));

static __always_inline bool is_epoll(struct file *file)
{
	return (__u64)file->f_op == eventpoll_fops;
}

/* The address of the root node of an epoll file's tree, 0 if it is empty. */
static __always_inline __u64 root_node(struct file *file)
{
	void *ep = file->private_data;
	struct rb_node *root = NULL;

	if (bpf_rdonly_cast)
		return (__u64)typed(struct eventpoll, ep)->rbr.rb_root.rb_node;
	bpf_probe_read_kernel(&root, sizeof(root),
			      ep + offset_of(struct eventpoll,
					     rbr.rb_root.rb_node));
	return (__u64)root;
}

static __always_inline void read_node(__u64 address, struct node *node)
{
	if (bpf_rdonly_cast) {
		struct rb_node *rbn = typed(struct rb_node, address);

		node->parent = rbn->__rb_parent_color & RB_PARENT;
		node->left = (__u64)rbn->rb_left;
		node->right = (__u64)rbn->rb_right;
	} else {
		bpf_probe_read_kernel(copy, size_of(struct rb_node),
				      (void *)address);
		node->parent = copied(struct rb_node, copy,
				      __rb_parent_color) & RB_PARENT;
		node->left = (__u64)copied(struct rb_node, copy, rb_left);
		node->right = (__u64)copied(struct rb_node, copy, rb_right);
	}
}

#endif
