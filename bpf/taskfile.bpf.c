// SPDX-License-Identifier: GPL-2.0
//go:build ignore
/*
 * taskfile: every descriptor that matters to a dump of epoll registrations,
 * and every registration, in one pass of the task_file iterator.
 *
 * A program that returns 1 is shown the same descriptor again: read(2) ends,
 * with EAGAIN, and the next one begins with it (kernel/bpf/bpf_iter.c,
 * bpf_iter_run_prog and bpf_seq_read). So runs are kept short, and user space
 * gets the arrays in between, to make room in them.
 *
 * Which file a registration's target is called by is left to user space: a
 * table of files here would cost more than the iteration.
 */
#include "kernel.h"
#include "confirm.h"
#include "records.h"
#include "tree.h"

char LICENSE[] SEC("license") = "GPL";

/* Why a pass cannot be completed. */
enum stop {
	STOP_NONE,
	STOP_TORN, /* a tree changed in each of too many runs */
	STOP_CLOSED, /* an epoll instance was closed between two runs */
};

/* User space sets number to a new one and the rest to zero. */
struct pass {
	__u64 number;
	__u64 task; /* whose descriptors these are */
	__u64 epoll; /* the file that is being read in several runs, or 0 */
	__s32 fd; /* its descriptor */
	__u32 read; /* of its registrations, by the runs before */
	__u32 descriptors; /* in the array, */
	__u32 registrations; /* and in that one; user space empties them */
	__u32 runs; /* that read trees, */
	__u32 torn; /* and those of them that were in vain */
	__u32 most; /* nodes looked at in a run */
	enum stop stop;
	__u64 longest; /* run, in nanoseconds */
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

static __always_inline __u32 stored(void)
{
	return state.registrations;
}

static __always_inline bool store(__u64 node)
{
	void *address = (void *)(node - offset_of(struct epitem, rbn));
	__u32 index = state.registrations;
	struct registration *to;

	to = bpf_map_lookup_elem(&registrations, &index);
	if (!to) {
		run.full = 1;
		return 0;
	}
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
	state.registrations = index + 1;
	return 1;
}

/* Notes a descriptor. Returns whether there was room. */
static __always_inline bool note(struct file *file, __s32 fd)
{
	__u32 index = state.descriptors;
	struct descriptor *place;

	place = bpf_map_lookup_elem(&descriptors, &index);
	if (!place)
		return 0;
	place->file = (__u64)file;
	place->fd = fd;
	place->registrations = 0;
	state.descriptors = index + 1;
	return 1;
}

/* Read back, the file's address is a number, which can be hashed. */
static __always_inline __u64 last_noted(void)
{
	__u32 index = state.descriptors - 1;
	struct descriptor *place;

	place = bpf_map_lookup_elem(&descriptors, &index);
	return place ? place->file : 0;
}

/* Says of the descriptor noted last how many registrations it has. */
static __always_inline void note_registrations(__u32 n)
{
	__u32 index = state.descriptors - 1;
	struct descriptor *place;

	place = bpf_map_lookup_elem(&descriptors, &index);
	if (place)
		place->registrations = n;
}

/* Does a run of an epoll file's tree. Returns whether there is more to do. */
static __always_inline bool go_on(struct file *file)
{
	read_range(file);
	state.runs++;
	if (run.tail > state.most)
		state.most = run.tail;
	state.torn += run.torn;
	adapt();
	if (run.torn || run.full) {
		state.registrations = run.first;
		if (walk.tries == MAX_TRIES)
			state.stop = STOP_TORN;
		return 1;
	}
	walk.low = run.next;
	state.read += state.registrations - run.first;
	if (!run.done)
		return 1;
	note_registrations(state.read);
	state.epoll = 0;
	return 0;
}

SEC("iter/task_file")
int taskfile(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	__u64 began, took;
	bool more;

	if (state.epoll && (state.epoll != (__u64)file || state.fd != ctx->fd)) {
		state.stop = STOP_CLOSED;
		return 1;
	}
	/* The end, or a thread with a table of its own, which is not in
	 * /proc/PID/fd either.
	 */
	if (!task || !file || task->pid != task->tgid)
		return 0;
	state.task = (__u64)task;
	if (!state.epoll) {
		bool epoll = is_epoll(file);

		if (!epoll && !file->f_ep)
			return 0;
		if (!note(file, ctx->fd))
			return 1;
		if (!epoll || !root_node(file))
			return 0;
		if (walked_before(last_noted()))
			return 0;
		state.epoll = (__u64)file;
		state.fd = ctx->fd;
		state.read = 0;
		begin_walk();
	}
	began = bpf_ktime_get_ns();
	more = go_on(file);
	took = bpf_ktime_get_ns() - began;
	if (took > state.longest)
		state.longest = took;
	return more;
}
