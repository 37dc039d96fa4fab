// SPDX-License-Identifier: MIT

// Package history makes descriptors go through what programs do to them, as
// one likes, and knows what must be registered afterwards.
//
// A History is a list of operations of a few processes: creating, duplicating
// and closing descriptors, changing epoll instances, forking, exiting, passing
// descriptors over sockets. Run executes it in real processes, one system call
// an operation, and applies it to a Model besides. The model predicts what each
// call returns, from the lowest free descriptor to the errno, and every
// prediction is compared with what the kernel did: the model that the methods
// are held against is itself held against the kernel.
//
// The model refuses (ErrUndefined) what kernels do not agree on or do in their
// own time:
//
//   - unix sockets sent so that they would keep each other alive, which the
//     kernel's garbage collector ends some time later (net/unix/garbage.c);
//   - epoll instances nested more than three deep, where ELOOP depends on the
//     kernel's version (fs/eventpoll.c, ep_loop_check), and so many of them
//     that the limit on wakeup paths could be reached;
//   - everything that has to do with the descriptors that belong to the
//     execution: 0 to 2, and those from 100 up.
//
// What epoll_wait returns it does not predict. It takes from it which
// EPOLLONESHOT registrations have fired, as the process itself would.
//
// Threads, and processes that share one descriptor table, are not in here: a
// process is forked by starting this binary once more with all descriptors
// inherited, and execve(2) ends the sharing of a table.
package history

import (
	"errors"
	"fmt"
)

// MaxProcesses is the number of processes that a history can have. They are
// named p0, which is there from the start, to p3.
const MaxProcesses = 4

// The descriptors that belong to the history.
const (
	firstFD = 3
	endFD   = 100
)

// ErrUndefined marks operations whose outcome the model does not define.
var ErrUndefined = errors.New("undefined")

// History is a list of operations, in the order in which they are executed.
type History []Op

// Op is an operation: one system call of one process, or a Dump.
type Op struct {
	Proc   int // who does it; 0 for Dump
	Call   Call
	Args   []int  // descriptors, or the processes of Fork and Dump
	Events uint32 // of Add and Mod
	Data   uint64 // of Add and Mod
}

// Call says what an operation does. Its value is the word for it in the text
// of a history.
type Call string

// The calls that make new files take no arguments; Pipe and Socketpair (of unix
// stream sockets) make two. A Directory is a file that epoll refuses to watch.
const (
	Eventfd    Call = "eventfd"
	Timerfd    Call = "timerfd"
	Signalfd   Call = "signalfd"
	Directory  Call = "directory"
	Epoll      Call = "epoll"
	Pipe       Call = "pipe"
	Socketpair Call = "socketpair"

	Dup   Call = "dup"   // FD
	Dup2  Call = "dup2"  // FD NEW
	Dup3  Call = "dup3"  // FD NEW
	Close Call = "close" // FD

	Add  Call = "add"  // EPFD FD EVENTS DATA
	Mod  Call = "mod"  // EPFD FD EVENTS DATA
	Del  Call = "del"  // EPFD FD
	Wait Call = "wait" // EPFD: epoll_wait for what is ready now

	Fork Call = "fork" // PROCESS: the new one
	Exit Call = "exit"

	Send Call = "send" // SOCKET FD...: in one message
	Recv Call = "recv" // SOCKET: one message

	// Dump is no system call: it is where the caller of Run looks at the
	// processes that are its arguments.
	Dump Call = "dump" // PROCESS...
)

// signature says what the arguments of a call are.
type signature struct {
	args      int  // their number
	more      bool // or more than that
	processes bool // they are processes
	event     bool // events and data follow
}

var signatures = map[Call]signature{
	Eventfd: {}, Timerfd: {}, Signalfd: {}, Directory: {}, Epoll: {}, Pipe: {}, Socketpair: {},
	Dup: {args: 1}, Dup2: {args: 2}, Dup3: {args: 2}, Close: {args: 1},
	Add: {args: 2, event: true}, Mod: {args: 2, event: true}, Del: {args: 2}, Wait: {args: 1},
	Fork: {args: 1, processes: true}, Exit: {},
	Send: {args: 2, more: true}, Recv: {args: 1},
	Dump: {args: 1, more: true, processes: true},
}

func (s signature) check(op Op) error {
	if len(op.Args) < s.args || len(op.Args) > s.args && !s.more {
		return fmt.Errorf("%s: %d arguments, want %d", op.Call, len(op.Args), s.args)
	}
	return nil
}
