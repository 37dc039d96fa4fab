// SPDX-License-Identifier: GPL-2.0
//go:build ignore
/*
 * The floors of taskfile: what the task_file iteration costs by itself, and
 * what it costs with the cheapest walk that merely counts registrations.
 */
#include "kernel.h"
#include "read.h"

char LICENSE[] SEC("license") = "GPL";

SEC("iter/task_file")
int empty(struct bpf_iter__task_file *ctx)
{
	return 0;
}

/* The most that one bpf_loop() can do: BPF_MAX_LOOPS. */
#define MAX_LOOPS (1 << 23)

/* The queue of nodes, a ring. A level of the tree must fit. */
#define RING (1 << 20)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, RING);
	__type(key, __u32);
	__type(value, __u64);
} ring SEC(".maps");

/* Set to zero by user space before a pass. */
struct counts {
	__u32 files;
	__u32 registrations;
	__u32 head; /* of the queue, the next to be read */
	__u32 tail;
	__u32 failed; /* the ring was too short, or the walk too long */
} seen;

static __always_inline void enqueue(__u64 node)
{
	__u32 tail = seen.tail & (RING - 1);
	__u64 *place = bpf_map_lookup_elem(&ring, &tail);

	if (place)
		*place = node;
	seen.tail++;
}

static long visit(__u32 i, void *ctx)
{
	__u32 head = seen.head & (RING - 1);
	struct node node;
	__u64 *place;

	if (seen.head == seen.tail)
		return 1;
	place = bpf_map_lookup_elem(&ring, &head);
	if (!place)
		return 1;
	read_node(*place, &node);
	if (node.left)
		enqueue(node.left);
	if (node.right)
		enqueue(node.right);
	seen.head++;
	if (seen.tail - seen.head <= RING)
		return 0;
	seen.failed = 1;
	return 1;
}

SEC("iter/task_file")
int count(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;
	__u64 root;

	if (!file)
		return 0;
	seen.files++;
	if (!is_epoll(file))
		return 0;
	root = root_node(file);
	if (!root)
		return 0;
	seen.head = seen.tail = 0;
	enqueue(root);
	bpf_loop(MAX_LOOPS, visit, NULL, 0);
	seen.registrations += seen.head;
	if (seen.head != seen.tail)
		seen.failed = 1;
	return 0;
}
