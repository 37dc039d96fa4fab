/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading an epoll instance's registrations without its lock, in pieces.
 *
 * struct eventpoll keeps its epitems in a red-black tree, in order of (address
 * of the struct file, tfd), and nowhere else (fs/eventpoll.c). A program may
 * not take ep->mtx, so it reads the tree as it finds it. It runs under
 * rcu_read_lock() and epitems are freed by kfree_rcu(), so one that was in the
 * tree is readable, and its address is no other's, to the end of the run,
 * though its rbn may have become an rcu_head.
 *
 * Pieces. A run reads a range of keys and ends; between two runs nothing is
 * held. The next one looks for the first key that was not read: a value, never
 * an address to go to, so that any of the tree may be gone by then.
 *
 * Order. From left to right over the top of the tree, with a stack. Subtrees
 * that are low enough are read breadth first, through a queue of addresses:
 * with a stack alone each node's address is known only when its neighbour has
 * come from memory, from a queue it is known long before, and the processor
 * fetches several nodes at once. How low a subtree is tells its black height,
 * which is that of the tree less the black nodes above: one of height h has
 * less than 2 * 4^h nodes, whatever its shape. So a run that goes on until it
 * has 4^h registrations ends before it has 3 * 4^h.
 *
 * Changes. A run looks a second time at the parent of every node that it has
 * read. If each is what it was, then at the moment between the two looks the
 * nodes lay in the tree as they were read, and none that was there already was
 * anywhere else: each of the range's registrations was read, once. (A node
 * cannot go and come back meanwhile, since its address is not freed. There is
 * nothing to be seen of a move that is undone and done again while both looks
 * are under way, for which at least two changes have to meet each of them at
 * the same nodes.) Otherwise the run's registrations are dropped and its range
 * is read again, by shorter runs, which meet fewer changes.
 *
 * The state is in global variables, not on the stack: up to Linux 6.6 the
 * verifier goes through the callback of bpf_loop() once only, takes what the
 * stack holds at the first iteration for constants, and removes the branches
 * that are taken only later. It knows nothing of what a global holds.
 */
#ifndef EPBENCH_TREE_H
#define EPBENCH_TREE_H

#include "read.h"

/* More than a run reads, unless the tree is torn. */
#define QUEUE (1 << 14)

/* The longest way down: 2 * log2 of the number of nodes. */
#define DEPTH 64

/* The height of the largest subtrees that are read at once, up to 6. */
const volatile __u32 max_height = 6;

/* After so many torn runs in a row, user space is told. */
#define MAX_TRIES 1000

/* Appends a node's registration to the records. Returns whether it could. */
static __always_inline bool store(__u64 node);
static __always_inline __u32 stored(void);

struct key {
	__u64 file;
	__s32 fd;
};

/* What is known of an epoll instance's tree from one run to the next. */
static struct walk {
	struct key low; /* what is below has been read */
	__u32 height; /* of subtrees, now */
	__u32 calm; /* runs that were not torn, since the height was changed */
	__u32 tries; /* runs that were torn, in a row */
} walk;

/* A run. */
static struct run {
	__u64 root;
	__u64 below; /* the subtree to be read next, 0 if the stack has it */
	__u64 parent; /* of it */
	__u32 blacks; /* black nodes above it */
	__u32 height; /* of the tree */
	__u32 depth; /* of the stack */
	__u32 head; /* of the queue: the first node not yet read */
	__u32 tail;
	__u32 first; /* registration */
	struct key next; /* what the run after this one has to begin with */
	bool seeking; /* for walk.low */
	bool torn;
	bool full; /* no room for a registration */
	bool done; /* no registrations are left */
} run;

/* Nodes to be read, and then those that were. */
static struct {
	__u64 node;
	__u64 parent;
} queue[QUEUE];

/* Nodes that were read, their left subtrees too. */
static struct {
	__u64 node;
	__u64 right;
	__u32 blacks; /* the node included */
} stack[DEPTH];

static __always_inline long torn(void)
{
	run.torn = 1;
	return 1;
}

static __always_inline bool enqueue(__u64 node, __u64 parent)
{
	__u32 tail = run.tail;

	if (tail >= QUEUE)
		return 0;
	queue[tail].node = node;
	queue[tail].parent = parent;
	run.tail = tail + 1;
	return 1;
}

/* Reads a node. Returns whether parent is its parent. */
static __always_inline bool first_look(__u64 address, __u64 parent,
				       struct node *node)
{
	read_node(address, node);
	return (node->parent_color & RB_PARENT) == parent;
}

/* Reads the parent of a node again. Returns whether it is the same. */
static __always_inline bool look_again(__u32 place)
{
	__u64 now = read_word(queue[place].node +
			      offset_of(struct rb_node, __rb_parent_color));

	return (now & RB_PARENT) == queue[place].parent;
}

static long second_look(__u32 i, void *ctx)
{
	__u32 place = i * UNROLL;

#pragma unroll
	for (int k = 0; k < UNROLL; k++, place++) {
		if (place >= run.tail || place >= QUEUE)
			return 1;
		if (!look_again(place)) {
			run.torn = 1;
			return 1;
		}
	}
	return 0;
}

static __always_inline void read_key(__u64 node, struct key *key)
{
	void *address = (void *)(node - offset_of(struct epitem, rbn));

	if (bpf_rdonly_cast) {
		struct epitem *epi = typed(struct epitem, address);

		key->file = (__u64)epi->ffd.file;
		key->fd = epi->ffd.fd;
	} else {
		bpf_probe_read_kernel(copy, size_of(struct epitem), address);
		key->file = (__u64)copied(struct epitem, copy, ffd.file);
		key->fd = copied(struct epitem, copy, ffd.fd);
	}
}

/* As ep_cmp_ffd() of fs/eventpoll.c. */
static __always_inline bool is_below(const struct key *a, const struct key *b)
{
	return a->file < b->file || (a->file == b->file && a->fd < b->fd);
}

/* Counts the black nodes of a way down, which are as many on each. */
static long measure(__u32 i, void *ctx)
{
	struct node node;

	if (!run.below)
		return 1;
	read_node(run.below, &node);
	run.height += node.parent_color & RB_BLACK;
	run.below = node.left;
	return 0;
}

/* Reads the node at the head of the queue, and queues its children. */
static __always_inline long visit(void)
{
	__u32 head = run.head;
	struct node node;
	__u64 address;

	if (head >= QUEUE)
		return torn();
	address = queue[head].node;
	if (!first_look(address, queue[head].parent, &node))
		return torn();
	if (node.left && !enqueue(node.left, address))
		return torn();
	if (node.right && !enqueue(node.right, address))
		return torn();
	run.head = head + 1;
	return !store(address);
}

static __always_inline bool visit_next(void)
{
	return run.head != run.tail && visit();
}

/* Queues a subtree if it is low enough, or goes down to the left in it. */
static __always_inline long descend(void)
{
	__u64 address = run.below;
	struct node node;
	struct key key;
	__u32 depth;

	if (!enqueue(address, run.parent))
		return torn();
	if (!run.seeking && run.height - run.blacks <= walk.height) {
		run.below = 0;
		return 0;
	}
	run.head = run.tail;
	if (!first_look(address, run.parent, &node))
		return torn();
	run.blacks += node.parent_color & RB_BLACK;
	run.parent = address;
	run.below = node.left;
	if (run.seeking)
		read_key(address, &key);
	if (run.seeking && is_below(&key, &walk.low)) {
		run.below = node.right;
	} else {
		depth = run.depth;
		if (depth >= DEPTH)
			return torn();
		stack[depth].node = address;
		stack[depth].right = node.right;
		stack[depth].blacks = run.blacks;
		run.depth = depth + 1;
	}
	if (!run.below)
		run.seeking = 0;
	return 0;
}

/*
 * Takes a node from the stack, whose left subtree has been read, and goes on
 * with its right one; or ends the run before it.
 */
static __always_inline long climb(void)
{
	__u32 depth = run.depth - 1;

	if (depth >= DEPTH) {
		run.done = 1;
		return 1;
	}
	if (stored() - run.first >= 1U << 2 * (walk.height & 7)) {
		read_key(stack[depth].node, &run.next);
		return 1;
	}
	run.depth = depth;
	run.parent = stack[depth].node;
	run.below = stack[depth].right;
	run.blacks = stack[depth].blacks;
	return !store(run.parent);
}

static long step(__u32 i, void *ctx)
{
	if (run.head != run.tail)
		return visit() || visit_next() || visit_next() || visit_next();
	if (run.below)
		return descend();
	return climb();
}

/* Begins to read a tree. */
static __always_inline void begin_walk(void)
{
	__builtin_memset(&walk, 0, sizeof(walk));
	walk.height = max_height;
}

/* Reads what comes next, as it is, and finds out whether it was so. */
static __always_inline void read_range(struct file *file)
{
	__builtin_memset(&run, 0, sizeof(run));
	run.first = stored();
	run.root = root_node(file);
	run.below = run.root;
	bpf_loop(DEPTH, measure, NULL, 0);
	run.below = run.root;
	run.seeking = walk.low.file != 0;
	bpf_loop(4 * QUEUE, step, NULL, 0);
	if (run.torn || run.full)
		return;
	bpf_loop(run.tail / UNROLL + 1, second_look, NULL, 0);
}

/* Makes the next runs longer or shorter. */
static __always_inline void adapt(void)
{
	if (run.torn || run.full)
		walk.tries++;
	if (run.full)
		return;
	if (run.torn) {
		walk.calm = 0;
		if (walk.height)
			walk.height--;
		return;
	}
	walk.tries = 0;
	/* Four runs, of which one was torn, are as much as the next length. */
	if (walk.height < max_height && ++walk.calm == 4) {
		walk.height++;
		walk.calm = 0;
	}
}

#endif
