// SPDX-License-Identifier: GPL-2.0
//go:build ignore
/*
 * taskfile: every descriptor that matters to a dump of epoll registrations,
 * and every registration, in one pass of the task_file iterator.
 *
 * Which file a registration's target is called by is left to user space: a
 * table of files here would cost more than the iteration.
 */
#include "kernel.h"
#include "process.h"
#include "records.h"
#include "walk.h"

char LICENSE[] SEC("license") = "GPL";

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

/* Why a walk ended early, and the pass is of no use. */
enum stop {
	STOP_NONE,
	STOP_FULL, /* no room in the arrays */
	STOP_TORN, /* the tree changed during the walk */
	STOP_LONG, /* more registrations than one bpf_loop can visit */
};

/* User space sets number to a new one and the rest to zero. */
struct pass {
	__u64 number;
	__u64 task; /* whose descriptors these are */
	__u32 processes; /* whose descriptors were there to the end */
	__u32 descriptors; /* that matter; stored as far as there is room */
	__u32 registrations; /* stored, the last ones perhaps just queued */
	__u32 head; /* of the queue: the first one not yet read */
	enum stop stop;
} state;

/*
 * The epoll files that were walked, so that those with several descriptors,
 * as fork() makes them, are walked once. A place is taken by whoever comes
 * last: what is then walked again is dropped by user space.
 */
static struct {
	__u64 file;
	__u64 pass;
} walked[4096];

static __always_inline bool walked_before(__u64 file)
{
	__u32 place = (file * 0x9e3779b97f4a7c15) >> 52;

	if (walked[place].file == file && walked[place].pass == state.number)
		return 1;
	walked[place].file = file;
	walked[place].pass = state.number;
	return 0;
}

/*
 * The array of registrations is also the walk's queue: a place that is not
 * yet read holds the address of a node, in file, and its parent's, in data.
 */
static __always_inline bool enqueue(__u64 node, __u64 parent)
{
	__u32 tail = state.registrations;
	struct registration *place;

	place = bpf_map_lookup_elem(&registrations, &tail);
	if (!place) {
		state.stop = STOP_FULL;
		return 0;
	}
	place->file = node;
	place->data = parent;
	state.registrations = tail + 1;
	return 1;
}

static __always_inline void read_item(__u64 node, struct registration *to)
{
	void *address = (void *)(node - offset_of(struct epitem, rbn));

	if (bpf_rdonly_cast) {
		struct epitem *epi = typed(struct epitem, address);

		to->file = (__u64)epi->ffd.file;
		to->tfd = epi->ffd.fd;
		to->events = epi->event.events;
		to->data = epi->event.data;
	} else {
		bpf_probe_read_kernel(copy, size_of(struct epitem), address);
		to->file = (__u64)copied(struct epitem, copy, ffd.file);
		to->tfd = copied(struct epitem, copy, ffd.fd);
		to->events = copied(struct epitem, copy, event.events);
		to->data = copied(struct epitem, copy, event.data);
	}
}

/* Reads the registration at the head of the queue, and queues its children. */
static long visit(__u32 i, void *ctx)
{
	__u32 head = state.head;
	struct registration *place;
	struct node node;
	__u64 address;

	if (head == state.registrations)
		return 1;
	place = bpf_map_lookup_elem(&registrations, &head);
	if (!place)
		return 1;
	address = place->file;
	read_node(address, &node);
	if (node.parent != place->data) {
		state.stop = STOP_TORN;
		return 1;
	}
	if (node.left && !enqueue(node.left, address))
		return 1;
	if (node.right && !enqueue(node.right, address))
		return 1;
	read_item(address, place);
	state.head = head + 1;
	return 0;
}

static __always_inline __u32 walk(struct file *file, struct descriptor *place)
{
	__u32 before = state.registrations;
	__u64 root = root_node(file);

	/* Read back, the address is a number, which can be hashed. */
	if (!root || walked_before(*(volatile __u64 *)&place->file))
		return 0;
	state.head = before;
	if (enqueue(root, 0))
		bpf_loop(MAX_LOOPS, visit, NULL, 0);
	if (state.head != state.registrations && state.stop == STOP_NONE)
		state.stop = STOP_LONG;
	return state.registrations - before;
}

SEC("iter/task_file")
int taskfile(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct descriptor *place;
	__u32 index;
	bool epoll;

	if (!task || !file) {
		end_process(&state.task, &state.processes);
		return 0;
	}
	/* A thread with a table of its own: not in /proc/PID/fd either. */
	if (task->pid != task->tgid)
		return 0;
	state.task = (__u64)task;
	epoll = is_epoll(file);
	if (!epoll && !file->f_ep)
		return 0;
	index = state.descriptors;
	state.descriptors = index + 1;
	place = bpf_map_lookup_elem(&descriptors, &index);
	if (!place) {
		state.stop = STOP_FULL;
		return 0;
	}
	place->file = (__u64)file;
	place->fd = ctx->fd;
	place->registrations = 0;
	if (epoll && state.stop == STOP_NONE)
		place->registrations = walk(file, place);
	return 0;
}
