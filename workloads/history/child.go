// SPDX-License-Identifier: MIT

package history

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	self      = "/proc/self/exe"
	childName = "epbench-history"
	// childVariable holds the number of the process that this one is to be.
	childVariable = "EPBENCH_HISTORY"

	// controlFD is where the control sockets of p0, p1, ... are in every
	// process: above what belongs to the history.
	controlFD = endFD

	readyMessage = "ready"
	messageSize  = 4096
)

// childEnv is the whole environment of a process of a history. See package
// workloads for GODEBUG: the runtime is to open no descriptors.
func childEnv(p int) []string {
	return []string{
		childVariable + "=" + strconv.Itoa(p),
		"GODEBUG=containermaxprocs=0", "GOMAXPROCS=1", "GOGC=off",
	}
}

// init takes over a process of a history: main, and TestMain, are never
// reached.
func init() {
	number := os.Getenv(childVariable)
	if number == "" {
		return
	}
	p, err := strconv.Atoi(number)
	if err == nil && p == 0 {
		err = takePlaces()
	}
	if err == nil {
		err = serve(controlFD + p)
	}
	if err != nil {
		unix.Write(unix.Stderr, []byte("process of a history: "+err.Error()+"\n"))
		unix.Exit(1)
	}
	unix.Exit(0)
}

// takePlaces puts the control sockets where they belong, and closes all that
// belongs to the history. Those that are forked inherit it so.
func takePlaces() error {
	for i := range MaxProcesses {
		if err := unix.Dup3(firstFD+i, controlFD+i, 0); err != nil {
			return os.NewSyscallError("dup3", err)
		}
	}
	return os.NewSyscallError("close_range", unix.CloseRange(firstFD, endFD-1, 0))
}

// serve executes operations until the other end of the control socket is
// closed.
func serve(control int) error {
	reply := []byte(readyMessage)
	request := make([]byte, messageSize)
	for {
		if _, err := retry(func() (int, error) { return unix.Write(control, reply) }); err != nil {
			return os.NewSyscallError("write", err)
		}
		n, err := retry(func() (int, error) { return unix.Read(control, request) })
		if err != nil {
			return os.NewSyscallError("read", err)
		}
		if n == 0 {
			return nil
		}
		op, err := parseOp(string(request[:n]))
		if err != nil {
			return err
		}
		if reply, err = execute(op); err != nil {
			return err
		}
	}
}

// execute returns the reply: the errno, 0 for none, and the values.
func execute(op Op) ([]byte, error) {
	values, err := call(op)
	var errno unix.Errno
	if err != nil && !errors.As(err, &errno) {
		return nil, fmt.Errorf("%v: %w", op, err)
	}
	reply := strconv.AppendUint(nil, uint64(errno), 10)
	if errno != 0 {
		return reply, nil
	}
	for _, v := range values {
		reply = fmt.Append(reply, " ", v)
	}
	return reply, nil
}

// call makes the system call of op. Nothing is close-on-exec, since those that
// are forked are to inherit it.
func call(op Op) ([]uint64, error) {
	a := op.Args
	switch op.Call {
	case Eventfd:
		return value(unix.Eventfd(0, 0))
	case Timerfd:
		return value(unix.TimerfdCreate(unix.CLOCK_MONOTONIC, 0))
	case Signalfd:
		return value(unix.Signalfd(-1, &unix.Sigset_t{}, 0))
	case Directory:
		return value(unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY, 0))
	case Epoll:
		return value(unix.EpollCreate1(0))
	case Pipe:
		var ends [2]int
		err := unix.Pipe2(ends[:], 0)
		return values(ends[:]), err
	case Socketpair:
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
		return values(ends[:]), err
	case Dup:
		return value(unix.Dup(a[0]))
	case Dup2:
		return value(dup2(a[0], a[1]))
	case Dup3:
		return value(a[1], unix.Dup3(a[0], a[1], 0))
	case Close:
		return nil, unix.Close(a[0])
	case Add:
		return nil, unix.EpollCtl(a[0], unix.EPOLL_CTL_ADD, a[1], event(op))
	case Mod:
		return nil, unix.EpollCtl(a[0], unix.EPOLL_CTL_MOD, a[1], event(op))
	case Del:
		return nil, unix.EpollCtl(a[0], unix.EPOLL_CTL_DEL, a[1], nil)
	case Wait:
		return wait(a[0])
	case Fork:
		return value(fork(a[0]))
	case Exit:
		unix.Exit(0)
	case Send:
		rights := unix.UnixRights(a[1:]...)
		return nil, unix.Sendmsg(a[0], []byte{0}, rights, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	case Recv:
		return receive(a[0])
	}
	return nil, errors.New("no system call")
}

func value(v int, err error) ([]uint64, error) { return []uint64{uint64(v)}, err }

func values(fds []int) (vs []uint64) {
	for _, fd := range fds {
		vs = append(vs, uint64(fd))
	}
	return vs
}

// dup2 is dup3(2) but where both descriptors are the same; arm64 has no dup2.
func dup2(fd, to int) (int, error) {
	if fd != to {
		return to, unix.Dup3(fd, to, 0)
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return to, err
}

func event(op Op) *unix.EpollEvent {
	return &unix.EpollEvent{Events: op.Events, Fd: int32(op.Data), Pad: int32(op.Data >> 32)}
}

// wait returns the data of what is ready.
func wait(epoll int) ([]uint64, error) {
	var ready [128]unix.EpollEvent
	n, err := retry(func() (int, error) { return unix.EpollWait(epoll, ready[:], 0) })
	if err != nil {
		return nil, err
	}
	var data []uint64
	for _, e := range ready[:n] {
		data = append(data, uint64(uint32(e.Fd))|uint64(uint32(e.Pad))<<32)
	}
	return data, nil
}

// fork starts process p, which inherits all descriptors. CLONE_PARENT makes it
// a child of whom this one is a child of.
func fork(p int) (pid int, err error) {
	return syscall.ForkExec(self, []string{childName}, &syscall.ProcAttr{
		Env:   childEnv(p),
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{Cloneflags: unix.CLONE_PARENT},
	})
}

// receive returns the descriptors of one message.
func receive(socket int) ([]uint64, error) {
	var data [1]byte
	rights := make([]byte, unix.CmsgSpace(maxMessage*4))
	n, size, _, _, err := unix.Recvmsg(socket, data[:], rights, unix.MSG_DONTWAIT)
	if err != nil || n == 0 {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:size])
	if err != nil || len(messages) != 1 {
		return nil, fmt.Errorf("a message with %d sets of descriptors: %w", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	return values(fds), err
}
