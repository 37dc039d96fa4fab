/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs need of the kernel: its types, cut down to the members
 * that are read, and its helpers.
 *
 * The offsets here mean nothing. Every member is relocated (CO-RE) against
 * the BTF of the kernel that loads the program, so that one object serves
 * Linux 6.1 and later, and a member that a kernel lacks is an error at load
 * time, not a wrong number.
 */
#ifndef EPBENCH_KERNEL_H
#define EPBENCH_KERNEL_H

typedef unsigned char __u8;
typedef int __s32;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef _Bool bool;

#define NULL ((void *)0)
#define SEC(name) __attribute__((section(name), used))
#define __always_inline inline __attribute__((always_inline))
#define __ksym __attribute__((section(".ksyms")))
#define __weak __attribute__((weak))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) typeof(value) *name
#define unlikely(x) __builtin_expect(!!(x), 0)

#define BPF_MAP_TYPE_ARRAY 2
#define BPF_F_MMAPABLE (1U << 10)

/*
 * How often the body of a loop stands in the callback of bpf_loop(): to return
 * from one may cost more than the body itself, where a processor's predictions
 * of returns cannot be trusted.
 */
#define UNROLL 8

struct seq_file;

static void *(*bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static __u64 (*bpf_ktime_get_ns)(void) = (void *)5;
static long (*bpf_probe_read_kernel)(void *dst, __u32 size,
				     const void *src) = (void *)113;
static long (*bpf_seq_write)(struct seq_file *m, const void *data,
			     __u32 len) = (void *)127;
static long (*bpf_loop)(__u32 iterations, void *callback, void *ctx,
			__u64 flags) = (void *)181;

/* A kfunc of Linux 6.2 and later. */
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak;

#define BPF_TYPE_ID_TARGET 1
#define btf_id_of(type) \
	__builtin_btf_type_id(*(type *)0, BPF_TYPE_ID_TARGET)
#define size_of(type) __builtin_preserve_type_info(*(type *)0, 1)
#define offset_of(type, member) \
	__builtin_preserve_field_info(((type *)0)->member, 0)

#pragma clang attribute push(__attribute__((preserve_access_index)), \
			     apply_to = record)

struct fdtable {
	__u32 max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	__s32 pid;
	__s32 tgid;
	struct files_struct *files;
};

struct hlist_head;

/* For its first member, see read_word. */
struct task_cputime {
	__u64 stime;
};

struct file {
	const void *f_op;
	void *private_data;
	struct hlist_head *f_ep;
};

struct bpf_iter__task_file {
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct rb_node {
	unsigned long __rb_parent_color;
	struct rb_node *rb_right;
	struct rb_node *rb_left;
};

struct rb_root {
	struct rb_node *rb_node;
};

struct rb_root_cached {
	struct rb_root rb_root;
};

struct eventpoll {
	struct rb_root_cached rbr;
	struct file *file;
};

struct epoll_filefd {
	struct file *file;
	__s32 fd;
};

struct epoll_event {
	__u32 events;
	__u64 data;
};

/*
 * rbn is not only read, it is what gives the structure its alignment: without
 * it clang takes ffd, which the kernel packs, for unaligned, and loads the
 * pointer byte by byte, which the verifier refuses.
 */
struct epitem {
	struct rb_node rbn;
	struct epoll_filefd ffd;
	struct epoll_event event;
};

/* Of a kernel that has the epoll iterator. */
struct bpf_iter__epoll {
	struct bpf_iter_meta *meta;
	struct eventpoll *ep;
	struct epitem *epi;
};

#pragma clang attribute pop

#endif
