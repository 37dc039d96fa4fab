// SPDX-License-Identifier: MIT
/*
 * A process whose descriptors have a history, written without this project's
 * workloads: what it registers is copied, closed, replaced, inherited and sent
 * away, in an order drawn from the seed in argv[1]. Prints its PID, that of its
 * child and the number of registrations, and lives until its input closes.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { EPOLLS = 3, FILES = 120, STEPS = 600 };

static int epolls[EPOLLS];
static int files[FILES]; /* any of them may be closed (-1) */
static long registrations;
static int send_end;

static int draw(int below)
{
	return random() % below;
}

static int check(int result, const char *what)
{
	if (result < 0)
		err(1, "%s", what);
	return result;
}

static int open_file(void)
{
	int pair[2];
	sigset_t set;

	switch (draw(7)) {
	case 0:
		return check(eventfd(draw(2), 0), "eventfd");
	case 1:
		return check(timerfd_create(CLOCK_MONOTONIC, 0), "timerfd");
	case 2:
		sigemptyset(&set);
		return check(signalfd(-1, &set, 0), "signalfd");
	case 3:
		check(pipe(pair), "pipe");
		return pair[0]; /* the other end stays open, and idle */
	case 4:
		check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
		return pair[1];
	case 5: /* a file that epoll refuses, EPERM */
		return check(open("/proc/self/stat", O_RDONLY), "open");
	default:
		return check(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	}
}

static void add(int epfd, int fd)
{
	struct epoll_event event = {
		.events = draw(2) ? EPOLLIN : EPOLLOUT | EPOLLET,
		.data.u64 = ((unsigned long long)random() << 40) + random(),
	};

	if (!epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))
		registrations++;
	else if (errno != EEXIST && errno != EPERM)
		err(1, "EPOLL_CTL_ADD");
}

static void del(int epfd, int fd)
{
	if (!epoll_ctl(epfd, EPOLL_CTL_DEL, fd, NULL))
		registrations--;
	else if (errno != ENOENT && errno != EPERM)
		err(1, "EPOLL_CTL_DEL");
}

/* Leaves the file in flight, where no descriptor names it. */
static void send_away(int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 };
	struct iovec data = { .iov_base = "x", .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &data, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	check(sendmsg(send_end, &message, 0), "sendmsg");
}

static void step(int can_close)
{
	int i = draw(FILES), j = draw(FILES);

	if (files[i] < 0) {
		files[i] = open_file();
		return;
	}
	switch (draw(can_close ? 9 : 7)) {
	case 0: case 1: case 2: case 3:
		add(epolls[draw(EPOLLS)], files[i]);
		break;
	case 4:
		if (files[j] < 0)
			files[j] = check(dup(files[i]), "dup");
		break;
	case 5:
		del(epolls[draw(EPOLLS)], files[i]);
		break;
	case 6: /* move away, and let the next open reuse the number */
		j = check(fcntl(files[i], F_DUPFD, 300 + draw(300)), "F_DUPFD");
		close(files[i]);
		files[i] = j;
		break;
	case 7:
		send_away(files[i]);
		close(files[i]);
		files[i] = -1;
		break;
	case 8: /* another file under the same number */
		send_away(files[i]);
		if (files[j] >= 0 && i != j)
			check(dup2(files[j], files[i]), "dup2");
		break;
	}
}

/* Waits until the other end closes. */
static void wait_for_end(int fd)
{
	char c;

	while (read(fd, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	int pair[2], ready[2];
	pid_t child;
	char c;

	if (argc != 2)
		errx(2, "usage: history SEED");
	srandom(atoi(argv[1]));
	for (int i = 0; i < EPOLLS; i++)
		epolls[i] = check(epoll_create1(0), "epoll_create1");
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	send_end = pair[0];
	check(fcntl(send_end, F_SETFL, O_NONBLOCK), "F_SETFL");
	memset(files, -1, sizeof(files));
	for (int i = 0; i < STEPS; i++)
		step(1);
	add(epolls[0], epolls[1]); /* nested */
	check(dup(epolls[2]), "dup of an epoll");

	check(pipe(ready), "pipe");
	child = check(fork(), "fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* The child's copies of numbers come to mean other files. Closing
		 * is safe for the count: the parent still holds every file.
		 */
		for (int i = 0; i < FILES; i += 3) {
			if (files[i] >= 0)
				close(files[i]);
			files[i] = open_file();
		}
		check(write(ready[1], "", 1), "write");
		wait_for_end(0);
		_exit(0);
	}
	check(read(ready[0], &c, 1), "read");
	/* Files of which only the child holds a descriptor now. */
	for (int i = 1; i < FILES; i += 6) {
		if (files[i] >= 0)
			close(files[i]);
	}
	printf("%d %d %ld\n", getpid(), child, registrations);
	fflush(stdout);
	wait_for_end(0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	return 0;
}
