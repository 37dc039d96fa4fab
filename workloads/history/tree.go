// SPDX-License-Identifier: MIT

package history

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"epbench"

	"golang.org/x/sys/unix"
)

// patience is how long, in seconds, a process may take for an operation.
const patience = 20

// Run executes h in new processes and calls check at each Dump, and at the end
// for all processes that are alive then: with their PIDs, in the order of their
// names, and with what a dump of them must find. It returns the first error of
// check, or what the kernel did otherwise than the model has predicted. When it
// returns, no process is left.
func Run(h History, check func(pids []int, truth []epbench.Registration) error) error {
	t, err := start()
	if err != nil {
		return fmt.Errorf("starting the processes of a history: %w", err)
	}
	defer t.end()
	for i, op := range h {
		if err := t.do(op, check); err != nil {
			return fmt.Errorf("operation %d, %v: %w", i+1, op, err)
		}
	}
	if err := t.dump(t.model.living(), check); err != nil {
		return fmt.Errorf("after the last operation: %w", err)
	}
	return nil
}

// tree is the processes of a history. All are children of this process, so
// that it can wait for each of them, whoever has forked it.
type tree struct {
	model    *Model
	pids     [MaxProcesses]int // 0 for those that are not alive
	controls [MaxProcesses]int // our ends of the control sockets
}

// start starts p0. It gets the other ends of all control sockets, which every
// process inherits: when this process ends, all of them read the end of theirs.
func start() (*tree, error) {
	t := &tree{model: NewModel()}
	// Standard error is all that a process is to say if it crashes.
	files := []uintptr{2, 2, 2}
	for i := range t.controls {
		ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.closeControls(i)
			return nil, os.NewSyscallError("socketpair", err)
		}
		defer unix.Close(ends[1])
		t.controls[i] = ends[0]
		files = append(files, uintptr(ends[1]))
	}
	err := t.startRoot(files)
	if err != nil {
		t.end()
		return nil, err
	}
	return t, nil
}

func (t *tree) startRoot(files []uintptr) (err error) {
	for _, control := range t.controls {
		timeout := unix.Timeval{Sec: patience}
		if err := unix.SetsockoptTimeval(control, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return os.NewSyscallError("setsockopt", err)
		}
	}
	t.pids[0], err = syscall.ForkExec(self, []string{childName}, &syscall.ProcAttr{
		Env: childEnv(0), Files: files,
	})
	if err != nil {
		return os.NewSyscallError("fork", err)
	}
	return t.ready(0)
}

// ready waits for the first message of a new process.
func (t *tree) ready(p int) error {
	message, err := t.read(p)
	if err == nil && message != readyMessage {
		err = fmt.Errorf("%s does not start: %s", process(p), message)
	}
	return err
}

// end kills what is left and waits for it.
func (t *tree) end() {
	for p, pid := range t.pids {
		if pid != 0 {
			unix.Kill(pid, unix.SIGKILL)
			t.reap(p)
		}
	}
	t.closeControls(len(t.controls))
}

func (t *tree) closeControls(n int) {
	for _, control := range t.controls[:n] {
		unix.Close(control)
	}
}

// reap waits for the end of p, which has no descriptors then.
func (t *tree) reap(p int) error {
	_, err := retry(func() (int, error) { return unix.Wait4(t.pids[p], nil, 0, nil) })
	t.pids[p] = 0
	return os.NewSyscallError("wait4", err)
}

// do executes op and compares what it returns with the prediction.
func (t *tree) do(op Op, check func([]int, []epbench.Registration) error) error {
	want, err := t.model.Do(op)
	if err != nil {
		return err
	}
	switch op.Call {
	case Dump:
		return t.dump(op.Args, check)
	case Exit:
		if err := t.write(op); err != nil {
			return err
		}
		return t.reap(op.Proc)
	}
	got, err := t.perform(op)
	switch {
	case err != nil:
		return err
	case got.Errno == 0 && want.Errno == 0 && op.Call == Fork:
		t.pids[op.Args[0]] = int(got.Values[0])
		return t.ready(op.Args[0])
	case got.Errno == 0 && want.Errno == 0 && op.Call == Wait:
		return t.model.observe(op, got.Values)
	case got.Errno != want.Errno || !slices.Equal(got.Values, want.Values):
		return fmt.Errorf("the kernel returns %v, the model %v", got, want)
	}
	return nil
}

// observe takes in what epoll_wait has returned.
func (m *Model) observe(op Op, ready []uint64) error {
	for _, data := range ready {
		if !m.processes[op.Proc].files[op.Args[0]].fired(data) {
			return fmt.Errorf("epoll_wait returns data %#x, which the model has not registered", data)
		}
	}
	return nil
}

// perform makes a process execute op.
func (t *tree) perform(op Op) (Result, error) {
	if err := t.write(op); err != nil {
		return Result{}, err
	}
	reply, err := t.read(op.Proc)
	if err != nil {
		return Result{}, err
	}
	return parseReply(reply)
}

func (t *tree) write(op Op) error {
	_, err := retry(func() (int, error) { return unix.Write(t.controls[op.Proc], []byte(op.String())) })
	return os.NewSyscallError("write to "+process(op.Proc), err)
}

func (t *tree) read(p int) (string, error) {
	buffer := make([]byte, messageSize)
	n, err := retry(func() (int, error) { return unix.Read(t.controls[p], buffer) })
	switch {
	case errors.Is(err, unix.EAGAIN):
		return "", fmt.Errorf("%s does not answer", process(p))
	case err != nil:
		return "", os.NewSyscallError("read from "+process(p), err)
	}
	return string(buffer[:n]), nil
}

// parseReply reads what child.reply writes: an errno and values.
func parseReply(reply string) (r Result, err error) {
	for i, word := range strings.Fields(reply) {
		n, err := strconv.ParseUint(word, 10, 64)
		switch {
		case err != nil:
			return r, fmt.Errorf("the reply %q: %w", reply, err)
		case i == 0:
			r.Errno = unix.Errno(n)
		default:
			r.Values = append(r.Values, n)
		}
	}
	return r, nil
}

// dump calls check for procs, once it is sure that they have the descriptors
// that the model has, and no others of their own.
func (t *tree) dump(procs []int, check func([]int, []epbench.Registration) error) error {
	procs = slices.Sorted(slices.Values(procs))
	var pids []int
	for _, p := range procs {
		if err := t.compareTable(p); err != nil {
			return err
		}
		pids = append(pids, t.pids[p])
	}
	return check(pids, t.model.truth(procs, &t.pids))
}

func (t *tree) compareTable(p int) error {
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", t.pids[p]))
	if err != nil {
		return fmt.Errorf("the descriptors of %s: %w", process(p), err)
	}
	var got []int
	for _, name := range names {
		fd, err := strconv.Atoi(name.Name())
		if err != nil {
			return fmt.Errorf("the descriptors of %s: %w", process(p), err)
		}
		if fd >= firstFD && fd < endFD {
			got = append(got, fd)
		}
	}
	slices.Sort(got)
	if want := t.model.processes[p].descriptors(); !slices.Equal(got, want) {
		return fmt.Errorf("%s has the descriptors %v, in the model %v", process(p), got, want)
	}
	return nil
}

// retry repeats a system call that a signal has interrupted.
func retry(f func() (int, error)) (int, error) {
	for {
		n, err := f()
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}
