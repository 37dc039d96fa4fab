// SPDX-License-Identifier: MIT
/*
 * A process with a descriptor history that no workload has. It prints "ready"
 * and then sits still until its standard input ends.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int must(int r, const char *what)
{
	if (r < 0) {
		perror(what);
		exit(1);
	}
	return r;
}

static void watch(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
}

static int event(void)
{
	return must(eventfd(1, EFD_NONBLOCK), "eventfd");
}

int main(void)
{
	int ep, other, crowd, outer, inner, dupped, fd, i, pair[2], gone[8];
	struct epoll_event e;

	/* Files before the first epoll instance, some of them idle. */
	for (i = 0; i < 5; i++)
		event();
	fd = event();
	ep = must(epoll_create1(0), "epoll_create1");
	watch(ep, fd, EPOLLIN, 1);

	/* What cannot be registered. */
	must(open("/proc/self/exe", O_RDONLY), "exe");
	must(open("/", O_PATH), "O_PATH");
	must(open("/dev/null", O_PATH), "O_PATH");

	/* One file under several numbers, with a registered one between. */
	for (i = 0; i < 4; i++)
		watch(ep, dupped = must(dup(fd), "dup"), EPOLLOUT | EPOLLET, 10 + i);
	watch(ep, event(), EPOLLIN, 20);
	watch(ep, must(dup(fd), "dup"), EPOLLPRI, 15);
	close(fd);

	/* Edge triggered and one-shot, ready, and the latter fired. */
	watch(ep, event(), EPOLLIN | EPOLLET, 30);
	fd = event();
	other = must(epoll_create1(0), "epoll_create1");
	watch(other, fd, EPOLLIN | EPOLLONESHOT, 31);
	must(epoll_wait(other, &e, 1, 0), "epoll_wait");

	/* Both ends of pipes and pairs, which share an inode or do not. */
	for (i = 0; i < 4; i++) {
		must(pipe2(pair, 0), "pipe2");
		watch(i & 1 ? ep : other, pair[i >> 1], EPOLLIN, 40 + i);
		must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
		watch(i & 1 ? ep : other, pair[i >> 1], EPOLLIN, 50 + i);
	}

	/* Alive, but held by no descriptor: in flight on a socket pair. */
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	for (i = 0; i < 8; i++) {
		char room[CMSG_SPACE(sizeof(int))] = { 0 };
		struct iovec byte = { .iov_base = "", .iov_len = 1 };
		struct msghdr msg = {
			.msg_iov = &byte, .msg_iovlen = 1,
			.msg_control = room, .msg_controllen = sizeof(room),
		};
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

		gone[i] = event();
		watch(i & 1 ? ep : other, gone[i], EPOLLIN, 60 + i);
		event(); /* idle between */
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		*(int *)CMSG_DATA(c) = gone[i];
		must(sendmsg(pair[0], &msg, 0), "sendmsg");
	}
	for (i = 0; i < 8; i++)
		close(gone[i]);
	/* Some of their numbers once more, for files that stay. */
	for (i = 0; i < 4; i++) {
		fd = must(dup2(event(), gone[i]), "dup2");
		watch(i & 1 ? ep : other, fd, EPOLLIN, 65 + i);
		must(fcntl(fd, F_DUPFD, 150), "dup");
		close(fd);
	}

	/* Numbers reused, and a file with both instances. */
	for (i = 0; i < 6; i++) {
		fd = must(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
		watch(ep, fd, EPOLLIN, 70 + i);
		if (i & 1)
			watch(other, fd, EPOLLIN, 80 + i);
		must(fcntl(fd, F_DUPFD, 200), "dup");
		close(fd);
	}

	/* The instance under more numbers, an early one reused for a file. */
	must(dup2(ep, 100), "dup2");
	must(dup2(other, 101), "dup2");
	close(other);
	event();

	/* More registrations of one file than the kernel allows paths. */
	crowd = must(epoll_create1(0), "epoll_create1");
	fd = event();
	for (i = 0; i < 40; i++)
		watch(crowd, must(dup(fd), "dup"), EPOLLIN, 100 + i);
	for (i = 0; i < 10; i++)
		watch(crowd, event(), EPOLLIN, 200 + i);

	/* Nested, with files at every level. */
	outer = must(epoll_create1(0), "epoll_create1");
	inner = must(epoll_create1(0), "epoll_create1");
	watch(outer, inner, EPOLLIN, 300);
	watch(outer, event(), EPOLLIN, 301);
	watch(inner, event(), EPOLLIN, 302);
	watch(outer, must(epoll_create1(0), "epoll_create1"), 0, 303);

	puts("ready");
	fflush(stdout);
	return read(0, &i, 1) != 0;
}
