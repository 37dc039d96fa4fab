// SPDX-License-Identifier: MIT

package workloads

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	self      = "/proc/self/exe"
	childName = "epbench-workload"
	// childVariable holds the number of the process in the tree, from 0, and
	// the spec.
	childVariable = "EPBENCH_WORKLOAD"
)

// The descriptors that every process of the tree has. A descendant's report is
// a socket to the root, and what it has to know comes from there.
const (
	controlFD = 0
	reportFD  = 1
	errorFD   = 2
)

// childEnv is the whole environment of a child. GODEBUG keeps the runtime from
// holding the files of its cgroup open, which since Go 1.25 it does even where
// GOMAXPROCS is set (runtime/cgroup_linux.go, defaultGOMAXPROCSInit);
// GOMAXPROCS and GOGC keep it from following limits and collecting garbage, on
// threads of its own, while the process is to sit still.
func childEnv(s Spec, process int) []string {
	return []string{
		fmt.Sprintf("%s=%d %v", childVariable, process, s),
		"GODEBUG=containermaxprocs=0", "GOMAXPROCS=1", "GOGC=off",
	}
}

// init takes over a child: main, and TestMain, are never reached.
func init() {
	role := os.Getenv(childVariable)
	if role == "" {
		return
	}
	number, text, _ := strings.Cut(role, " ")
	process, err := strconv.Atoi(number)
	if err != nil {
		panic(err)
	}
	s, err := Parse(text)
	if err != nil {
		panic(err)
	}
	if process == 0 {
		root(s)
	}
	descendant(s, process)
}

// root makes the workload, reports it, and sits still, or churns, until its
// parent ends.
func root(s Spec) {
	t := &tree{spec: s, form: s.form()}
	err := t.live()
	t.fell()
	if err != nil && !errors.Is(err, errCancelled) {
		unix.Write(errorFD, []byte(err.Error()+"\n"))
		unix.Exit(1)
	}
	unix.Exit(0)
}

func (t *tree) live() error {
	b, err := makeRoot(t.form, t.spec)
	if err != nil {
		return err
	}
	if err := t.grow(b); err != nil {
		return err
	}
	if err := sendReport(reportFD, t, &b.record); err != nil {
		return err
	}
	if err := unix.Close(reportFD); err != nil {
		return failed("close", err)
	}
	if t.spec.Churn > 0 {
		return churn(t.spec.Churn, b.instances(t.members[0].descriptors))
	}
	awaitEnd()
	return nil
}

func makeRoot(f form, s Spec) (*builder, error) {
	// What the binary's other packages have opened when they were initialised.
	if err := unix.CloseRange(errorFD+1, math.MaxUint32, 0); err != nil {
		return nil, failed("close_range", err)
	}
	b, err := newBuilder(s, 0)
	if err != nil {
		return nil, err
	}
	return b, f.root(b)
}

// awaitEnd blocks until the parent closes its end of the control pipe, which
// the kernel does for a parent that is killed.
func awaitEnd() {
	retry(func() (int, error) { return unix.Read(controlFD, make([]byte, 1)) })
}

// errCancelled ends a child whose parent does not want it any more.
var errCancelled = errors.New("cancelled")

// cancelled returns errCancelled if the parent has closed its end of the
// control pipe. It looks at one step in many.
func cancelled(step int) error {
	if step%1024 != 0 {
		return nil
	}
	control := []unix.PollFd{{Fd: controlFD, Events: unix.POLLIN}}
	n, err := retry(func() (int, error) { return unix.Poll(control, 0) })
	switch {
	case err != nil:
		return failed("poll", err)
	case n > 0:
		return errCancelled
	}
	return nil
}

// retry repeats a system call that a signal has interrupted; the Go runtime
// sends itself some.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// duplicate returns the lowest free descriptor from lowest up, made to refer
// to the file of fd.
func duplicate(fd, lowest int) (int, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, lowest)
	if err != nil {
		return -1, failed("fcntl(F_DUPFD_CLOEXEC)", err)
	}
	return dup, nil
}

// replace makes number refer to the file of fd.
func replace(fd, number int) error {
	if err := unix.Dup3(fd, number, unix.O_CLOEXEC); err != nil {
		return failed("dup3", err)
	}
	return nil
}

// advice says what to do about a system call's errno.
var advice = []struct {
	err  unix.Errno
	call string // a prefix
	text string
}{
	{unix.ENOSPC, "epoll_ctl", "raise fs.epoll.max_user_watches"},
	{unix.EMFILE, "inotify_init1", "raise fs.inotify.max_user_instances"},
	{unix.EMFILE, "", "the descriptor limit is too low: use fewer n, or shape=shared"},
	{unix.ENFILE, "", "raise fs.file-max"},
	{unix.ETOOMANYREFS, "sendmsg", "too many files in flight: use fewer n, or run as root"},
	{unix.EADDRNOTAVAIL, "connect", "widen net.ipv4.ip_local_port_range, or use fewer n"},
	{unix.ENETUNREACH, "connect", "bring the loopback interface up"},
	{unix.EAFNOSUPPORT, "socket", "this kernel lacks the protocol: use another kind"},
	{unix.ENOSYS, "", "this kernel lacks the call: use another kind"},
	{unix.ENOMEM, "", "not enough memory: use fewer n"},
	{unix.EAGAIN, "fork", "raise the limit of processes, or use fewer procs"},
}

// failed is the error of a system call, with what to do about it where that is
// known: "ENOSPC from epoll_ctl: raise fs.epoll.max_user_watches".
func failed(call string, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", call, err)
	}
	for _, a := range advice {
		if a.err == errno && strings.HasPrefix(call, a.call) {
			return fmt.Errorf("%w from %s: %s", named{errno}, call, a.text)
		}
	}
	return fmt.Errorf("%s: %w", call, err)
}

// named is an errno whose text is its name.
type named struct{ unix.Errno }

func (n named) Error() string { return unix.ErrnoName(n.Errno) }
func (n named) Unwrap() error { return n.Errno }
