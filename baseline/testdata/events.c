// SPDX-License-Identifier: MIT
/*
 * For each line on standard input, tells which events its epoll instance has:
 * level-triggered, edge-triggered and one-shot ones, ready or not. A line "+"
 * first registers one more that is ready, edge-triggered, which nobody has
 * been told of yet.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int ep;

static void watch(unsigned int count, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };
	int fd = eventfd(count, EFD_NONBLOCK);

	if (fd < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e)) {
		perror("watch");
		exit(1);
	}
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return (x->data.u64 > y->data.u64) - (x->data.u64 < y->data.u64);
}

int main(void)
{
	struct epoll_event events[64];
	char line[16];
	int i, n, more = 10;

	ep = epoll_create1(0);
	watch(1, EPOLLIN, 1);
	watch(1, EPOLLIN | EPOLLET, 2);
	watch(1, EPOLLIN | EPOLLONESHOT, 3);
	watch(0, EPOLLIN, 4);
	watch(0, EPOLLIN | EPOLLET, 5);
	while (fgets(line, sizeof(line), stdin)) {
		if (line[0] == '+') {
			watch(1, EPOLLIN | EPOLLET, more++);
			puts("added");
			fflush(stdout);
			continue;
		}
		n = epoll_wait(ep, events, 64, 0);
		qsort(events, n, sizeof(events[0]), by_data);
		for (i = 0; i < n; i++)
			printf("%d ", (int)events[i].data.u64);
		puts("");
		fflush(stdout);
	}
	return 0;
}
