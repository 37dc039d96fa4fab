// SPDX-License-Identifier: GPL-2.0
//go:build ignore
/*
 * epoll: a dump by the epoll iterator, in two steps. A pass of task_file notes
 * the descriptors, then a pass of the epoll iterator over each epoll instance
 * among them writes its registrations, one after the other, into one array.
 *
 * Beside the programs that do so are those that it is measured against, which
 * go the same way and only count, and one that writes through seq_file.
 */
#include "kernel.h"
#include "confirm.h"
#include "read.h"
#include "records.h"

char LICENSE[] SEC("license") = "GPL";

/* Set to zero by user space before the first pass. */
struct sweep {
	__u64 task; /* whose descriptors these are */
	__u64 epoll; /* the struct file of the epoll that was iterated last */
	__u32 files; /* counted by count_files */
	__u32 items; /* counted by count */
	__u32 descriptors; /* in the array, */
	__u32 registrations; /* and in that one; user space empties them */
	__u32 first; /* registration since the epoll's lock was taken, */
	__u64 began; /* and when that was, or a little later */
	__u64 longest; /* that it was held, in nanoseconds */
} state;

/*
 * Notes a descriptor, unless there is no room: a program that returns 1 is
 * shown the same one again, when user space has made room.
 */
static __always_inline int note_descriptor(struct file *file, __s32 fd,
					   bool epoll)
{
	__u32 index = state.descriptors;
	struct descriptor *place;

	place = bpf_map_lookup_elem(&descriptors, &index);
	if (!place)
		return 1;
	place->file = (__u64)file;
	place->fd = fd;
	/* How many there are is not known yet, but whether there are any. */
	place->registrations = epoll && root_node(file);
	state.descriptors = index + 1;
	return 0;
}

/* Notes what is watched, and the epoll instances. */
SEC("iter/task_file")
int note(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	bool epoll;

	/* The end, or a thread with a table of its own, which is not in
	 * /proc/PID/fd either.
	 */
	if (!task || !file || task->pid != task->tgid)
		return 0;
	state.task = (__u64)task;
	epoll = is_epoll(file);
	if (!epoll && !file->f_ep)
		return 0;
	return note_descriptor(file, ctx->fd, epoll);
}

/* Notes the epoll instances, since nothing can be counted without. */
SEC("iter/task_file")
int count_files(struct bpf_iter__task_file *ctx)
{
	struct file *file = ctx->file;

	if (!file)
		return 0;
	if (is_epoll(file) && note_descriptor(file, ctx->fd, 1))
		return 1;
	state.files++;
	return 0;
}

static __always_inline void read_item(struct epitem *epi,
				      struct registration *to)
{
	to->file = (__u64)epi->ffd.file;
	to->data = epi->event.data;
	to->events = epi->event.events;
	to->tfd = epi->ffd.fd;
}

/* The most registrations that are read before the epoll's lock is let go of. */
#define HOLD (1 << 14)

/* Before a return that lets go of the lock. */
static __always_inline void let_go(void)
{
	__u64 held = bpf_ktime_get_ns() - state.began;

	if (state.began && held > state.longest)
		state.longest = held;
	state.began = 0;
}

/*
 * A program that returns 1 is shown the same registration again, when user
 * space has made room and has taken the epoll's lock anew.
 */
SEC("iter/epoll")
int full(struct bpf_iter__epoll *ctx)
{
	struct epitem *epi = ctx->epi;
	__u32 index = state.registrations;
	struct registration *place;

	if (!epi) {
		state.epoll = (__u64)ctx->ep->file;
		let_go();
		return 0;
	}
	if (!state.began) {
		state.began = bpf_ktime_get_ns();
		state.first = index;
	}
	place = bpf_map_lookup_elem(&registrations, &index);
	if (!place || index - state.first == HOLD) {
		let_go();
		return 1;
	}
	read_item(epi, place);
	state.registrations = index + 1;
	return 0;
}

SEC("iter/epoll")
int count(struct bpf_iter__epoll *ctx)
{
	if (ctx->epi)
		state.items++;
	return 0;
}

SEC("iter/epoll")
int empty(struct bpf_iter__epoll *ctx)
{
	return 0;
}

/* For reads in pieces: which ends where is the reader's to say. */
SEC("iter/epoll")
int seq(struct bpf_iter__epoll *ctx)
{
	struct epitem *epi = ctx->epi;
	struct registration r;

	if (!epi)
		return 0;
	read_item(epi, &r);
	bpf_seq_write(ctx->meta->seq, &r, sizeof(r));
	return 0;
}
