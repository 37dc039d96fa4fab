// SPDX-License-Identifier: MIT

package workloads

import "golang.org/x/sys/unix"

// What programs ask for. The kernel adds EPOLLERR and EPOLLHUP.
const (
	input  = unix.EPOLLIN
	output = unix.EPOLLOUT
	hangup = unix.EPOLLRDHUP
	edge   = unix.EPOLLET
)

// nginx 1.22.1 (Debian 12), a master and workers, with an access log and an
// error log, one address, and no accept_mutex, as is the default:
//
//   - The master has the logs, the listening socket and, of each worker's
//     channel, both ends. It has no epoll instance (src/os/unix/ngx_process.c,
//     ngx_spawn_process; src/os/unix/ngx_process_cycle.c,
//     ngx_master_process_cycle).
//   - Each worker has what it inherits of that, of its own channel only the
//     second end, and of the others' only the first: of later workers its
//     master sends it (ngx_worker_process_init, ngx_pass_open_channel).
//   - It watches the listening socket with EPOLLEXCLUSIVE and, for that,
//     without EPOLLRDHUP (src/event/ngx_event.c, ngx_event_process_init;
//     src/event/modules/ngx_epoll_module.c, ngx_epoll_add_event), its channel
//     with EPOLLRDHUP (src/os/unix/ngx_channel.c, ngx_add_channel_event), and
//     an eventfd, edge-triggered, by which threads call it
//     (ngx_epoll_notify_init).
//   - Of a connection it asks for input and hangup, edge-triggered. It would
//     ask for output only after a write that could not be done at once
//     (src/event/ngx_event.c, ngx_handle_read_event, ngx_handle_write_event).
func nginx() profile {
	return profile{
		name: "nginx",
		form: form{
			root:  serve(nginxMaster),
			start: (*tree).spawn,
			holds: nginxHolds,
			part:  serve(nginxWorker),
		},
		processes:      3,
		leastProcesses: 2,
		descriptors:    func(s Spec) int { return share(s.N, 0, s.Procs-1) + 2*s.Procs },
	}
}

// The order of what nginx's master makes.
const (
	nginxErrorLog = iota
	nginxAccessLog
	nginxListening
	nginxChannels // two ends of each worker's
)

func nginxMaster(s *server) {
	s.regular()
	s.regular()
	s.listening()
	for range s.spec.Procs - 1 {
		s.pair(kindUnix)
	}
}

func nginxHolds(i, p, _ int, _ bool) bool {
	if p == 0 || i < nginxChannels {
		return true
	}
	worker, end := 1+(i-nginxChannels)/2, (i-nginxChannels)%2
	return (worker == p) == (end == 1)
}

func nginxWorker(s *server) {
	listening := s.inherited(nginxListening)
	channel := s.inherited(nginxChannels + s.process - 1) // one end of each is inherited
	epoll := s.epoll()
	s.watch(epoll, channel, input|hangup)
	s.watch(epoll, listening, input|unix.EPOLLEXCLUSIVE)
	s.watch(epoll, s.open(kindEventfd), input|edge)
	s.connections(share(s.spec.N, s.process-1, s.spec.Procs-1), 1, input|hangup|edge, epoll)
}

// redis 7.0.15 (Debian 12), one process without I/O threads, at one address:
// one epoll instance that watches, all level-triggered and for input only
// (src/ae_epoll.c, aeApiAddEvent), the pipe by which threads of modules call it
// (src/module.c, moduleInitModulesSystem; src/server.c, initServer), the
// listening socket and the connections (src/networking.c, createClient). It
// asks for output only of a client that does not take what it is told
// (handleClientsWithPendingWrites). Its log is closed after each line
// (src/server.c, serverLogRaw).
func redis() profile {
	return profile{
		name: "redis",
		form: alone(func(s *server) {
			modules, _ := s.pair(kindPipe)
			epoll := s.epoll()
			s.watch(epoll, modules, input)
			s.watch(epoll, s.listening(), input)
			s.connections(s.spec.N, 1, input, epoll)
		}),
		processes:   1,
		descriptors: oneEach,
	}
}

// haproxy 2.6.12 (Debian 12), a master and a worker of two threads, in TCP mode,
// so that each connection of a client has one to a server, with one address and
// a socket for statistics:
//
//   - Between master and worker there is a pair of unix sockets, each of which
//     has its end; the worker accepts the master's commands from it
//     (src/cli.c, mworker_cli_sockpair_new).
//   - Each thread has an epoll instance and a pipe by which others wake it
//     (src/ev_epoll.c, init_epoll_per_thread; src/fd.c,
//     init_pollers_per_thread). So has the master, of one thread.
//   - The listening sockets and the worker's end are in the instances of all
//     threads, a connection and the one that it leads to in that of one.
//   - All is level-triggered, for input and hangup; output is asked for only
//     after a write that could not be done at once (src/ev_epoll.c,
//     _update_fd).
//   - The worker keeps /dev/null open (src/haproxy.c, main).
func haproxy() profile {
	return profile{
		name: "haproxy",
		form: form{
			root:  serve(haproxyMaster),
			start: (*tree).spawn,
			holds: func(i, p, _ int, _ bool) bool { return (i == haproxyWorkerEnd) == (p == 1) },
			part:  serve(haproxyWorker),
		},
		processes:   2,
		descriptors: func(s Spec) int { return 2 * s.N },
	}
}

// The order of what haproxy's master makes.
const (
	haproxyMasterEnd = iota
	haproxyWorkerEnd
)

const haproxyThreads = 2

func haproxyMaster(s *server) {
	s.pair(kindUnix)
	s.haproxyThread()
}

func haproxyWorker(s *server) {
	shared := []target{s.inherited(0), s.listeningUnix(), s.listening()}
	s.devNull()
	var epolls []int
	for range haproxyThreads {
		epoll := s.haproxyThread()
		for _, t := range shared {
			s.watch(epoll, t, input|hangup)
		}
		epolls = append(epolls, epoll)
	}
	s.connections(s.spec.N, 2, input|hangup, epolls...)
}

// haproxyThread makes a thread's epoll instance, and the pipe that wakes it.
func (s *server) haproxyThread() (epoll int) {
	epoll = s.epoll()
	wake, _ := s.pair(kindPipe)
	s.watch(epoll, wake, input|hangup)
	return epoll
}

// node is Node.js 20 with libuv 1.46, one process and one address. A loop of
// libuv is an epoll instance, a pipe that signals are passed on by and an
// eventfd that threads wake it by (src/unix/linux.c, uv__platform_loop_init;
// src/unix/signal.c, uv__signal_loop_once_init; src/unix/async.c,
// uv__async_start); it watches both once it runs. There are three: that of
// tracing, which never runs (Node's src/tracing/agent.cc), that of delayed
// tasks (src/node_platform.cc) and the main one. The main one also watches the
// listening socket and the connections. All is level-triggered and for input
// only: output is asked for only after a write that could not be done at once
// (src/unix/linux.c, uv__io_poll; src/unix/stream.c, uv__write). Beside these
// there are a pipe that serves as a lock (src/unix/signal.c,
// uv__signal_global_init) and /dev/null, a descriptor to give up when there are
// no more (src/unix/stream.c, uv__stream_init).
func node() profile {
	return profile{
		name: "node",
		form: alone(func(s *server) {
			s.pair(kindPipe)
			s.idleEpoll()
			s.pair(kindPipe)
			s.open(kindEventfd)
			s.uvLoop()
			epoll := s.uvLoop()
			s.devNull()
			s.watch(epoll, s.listening(), input)
			s.connections(s.spec.N, 1, input, epoll)
		}),
		processes:   1,
		descriptors: oneEach,
	}
}

// uvLoop makes a loop of libuv that runs.
func (s *server) uvLoop() (epoll int) {
	epoll = s.epoll()
	signals, _ := s.pair(kindPipe)
	s.watch(epoll, signals, input)
	s.watch(epoll, s.open(kindEventfd), input)
	return epoll
}

// netty is Netty 4.1 on its epoll transport, one process and one address: an
// event loop that accepts, and four for connections, which is two a processor
// on two (MultithreadEventLoopGroup.java, DEFAULT_EVENT_LOOP_THREADS). Each has
// an epoll instance, an eventfd to be woken by and a timerfd, both of which it
// watches edge-triggered (EpollEventLoop.java). The first watches the listening
// socket, for input and edge-triggered (AbstractEpollChannel.java, flags and
// doBeginRead); the others take turns at the connections, of which they also
// ask for hangup (AbstractEpollStreamChannel.java). The Java runtime has its
// image of modules and the program's archive open.
//
// Of all profiles this alone was never compared with the program.
func netty() profile {
	return profile{
		name: "netty",
		form: alone(func(s *server) {
			s.regular()
			s.regular()
			s.watch(s.nettyLoop(), s.listening(), input|edge)
			var workers []int
			for range nettyWorkers {
				workers = append(workers, s.nettyLoop())
			}
			s.connections(s.spec.N, 1, input|hangup|edge, workers...)
		}),
		processes:   1,
		descriptors: oneEach,
	}
}

const nettyWorkers = 4

// nettyLoop makes an event loop.
func (s *server) nettyLoop() (epoll int) {
	epoll = s.epoll()
	s.watch(epoll, s.open(kindEventfd), input|edge)
	s.watch(epoll, s.open(kindTimerfd), input|edge)
	return epoll
}

// golang is a server of Go 1.26's package net, one process and one address: one
// epoll instance for everything, made with the first file that is to be polled,
// that watches an eventfd to be woken by, level-triggered, and each socket once
// for all that it will ever be asked, edge-triggered (runtime/netpoll_epoll.go,
// netpollinit, netpollopen). Where processors are limited the runtime also
// holds one or two files of its cgroup open (runtime/cgroup_linux.go), which
// depends on the machine and is not in the profile.
func golang() profile {
	return profile{
		name: "go",
		form: alone(func(s *server) {
			const socket = input | output | hangup | edge
			listening := s.listening()
			epoll := s.epoll()
			s.watch(epoll, s.open(kindEventfd), input)
			s.watch(epoll, listening, socket)
			s.connections(s.spec.N, 1, socket, epoll)
		}),
		processes:   1,
		descriptors: oneEach,
	}
}
