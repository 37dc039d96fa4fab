// SPDX-License-Identifier: MIT

// Package workloads starts real processes whose epoll registrations are known,
// so that what a method dumps can be compared with what is there.
//
// A workload is this same binary, started once more and taken over before its
// main function: any program or test binary that imports the package can start
// one. The child makes its descriptors with plain system calls, so that the Go
// runtime opens none of its own among them, reports what it did, and then sits
// blocked in read(2) on a pipe whose other end its parent holds. When the
// parent closes that end, or dies in whatever way, the child ends too.
//
// The ground truth is the record of the system calls that the child made and
// of their results, never of what procfs says about it. There is one
// exception: nothing but fdinfo tells whether the kernel keeps EPOLLWAKEUP
// (see keepsWakeup), so the child asks about that one bit, on an epoll instance
// that is gone before the workload is made.
//
// What a workload consists of is a function of its Spec and of the descriptor
// limit: two runs have the same ground truth but for the PIDs.
package workloads

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"epbench"
	"epbench/internal/child"

	"golang.org/x/sys/unix"
)

// Workload is a live process, or process tree, that sits still, unless its
// spec has it churn.
type Workload struct {
	Spec Spec
	// PIDs are the processes of the tree. The first is the root, the others
	// are descendants of it. A descendant's PID may be lower than the root's.
	PIDs []int
	// Epolls are the epoll instances that hold the registrations, each by its
	// lowest descriptor in the tree, in ascending order. The nested instances
	// of kind epoll are targets, hold no registrations, and are not in here.
	Epolls []epbench.Ref
	// Truth is every registration of the tree in canonical form, without those
	// that come and go (see Transient).
	Truth []epbench.Registration

	names   map[epbench.Ref]epbench.Ref // the lowest descriptor of the file of each
	cmd     *exec.Cmd
	control *os.File // closing it ends the tree
	stderr  bytes.Buffer
	ended   chan struct{} // closed when no process of the tree has a descriptor left
	exit    error         // of the root, valid once ended is closed
	close   func() error
	detach  func() bool // stops watching the context
}

// Start starts the workload s, of which zero fields take their defaults, and
// returns once it sits still, or churns. It ends when it is closed, when ctx is done or
// when this process ends.
//
// The errors are of one line, and say what to change: a descriptor limit or a
// kernel limit that is too low names the limit and the axis of the spec. On
// error no process is left.
func Start(ctx context.Context, s Spec) (*Workload, error) {
	s = s.withDefaults()
	if err := s.check(); err != nil {
		return nil, err
	}
	w, err := start(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("workload %v: %w", s, err)
	}
	return w, nil
}

func start(ctx context.Context, s Spec) (*Workload, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limit, err := descriptorLimit()
	if err != nil {
		return nil, err
	}
	if err := s.fits(limit); err != nil {
		return nil, err
	}
	w := &Workload{Spec: s, names: make(map[epbench.Ref]epbench.Ref), ended: make(chan struct{})}
	w.close = sync.OnceValue(w.end)
	report, err := w.launch()
	if err != nil {
		return nil, err
	}
	w.detach = context.AfterFunc(ctx, func() { w.close() })
	err = readReport(report, w)
	report.Close()
	if err == nil && ctx.Err() == nil {
		return w, nil
	}
	endErr := w.Close()
	return nil, cmp.Or(ctx.Err(), endErr, err) // the cause first
}

// launch starts the root process and returns the pipe that it reports to.
func (w *Workload) launch() (*os.File, error) {
	controlR, controlW, err := blockingPipe("control")
	if err != nil {
		return nil, err
	}
	defer controlR.Close()
	reportR, reportW, err := blockingPipe("report")
	if err != nil {
		controlW.Close()
		return nil, err
	}
	defer reportW.Close()

	w.control = controlW
	w.cmd = &exec.Cmd{
		Path:   self,
		Args:   []string{childName},
		Env:    childEnv(w.Spec, 0),
		Stdin:  controlR,
		Stdout: reportW,
		Stderr: &w.stderr,
	}
	// A Ctrl-C does not end the tree under the eyes of the process that dumps it,
	// and kill(2) reaches all of it. The command has ended when every process of
	// the tree has closed its standard error.
	err = child.Start(w.cmd, func(err error) {
		w.exit = err
		close(w.ended)
	})
	if err != nil {
		controlW.Close()
		reportR.Close()
		return nil, fmt.Errorf("starting the child: %w", err)
	}
	return reportR, nil
}

// Name returns the lowest descriptor of the file that ref refers to, by which
// a target is named, or none if ref is no descriptor of the workload's.
func (w *Workload) Name(ref epbench.Ref) epbench.Ref { return w.names[ref] }

// Close ends the workload and returns when no process of it is left. It may
// be called repeatedly. If the workload had ended before, and not because its
// context was done, the error says how; descendants of a root that was killed
// are then without descriptors, and about to be gone.
func (w *Workload) Close() error {
	w.detach()
	return w.close()
}

// grace is how long a tree may take to end by itself.
const grace = 2 * time.Second

func (w *Workload) end() error {
	w.control.Close()
	// A tree that something has stopped or frozen does not see the end of the
	// pipe. SIGCONT helps against the first, SIGKILL against the rest.
	unix.Kill(-w.cmd.Process.Pid, unix.SIGCONT)
	select {
	case <-w.ended:
	case <-time.After(grace):
		unix.Kill(-w.cmd.Process.Pid, unix.SIGKILL)
		<-w.ended
		return nil
	}
	if w.exit == nil {
		return nil
	}
	if text := strings.TrimSpace(w.stderr.String()); text != "" {
		return errors.New(text)
	}
	return fmt.Errorf("the child ended early: %w", w.exit)
}

// blockingPipe returns a pipe that the runtime's poller keeps its hands off:
// whether reads block belongs to the open file, which the child shares.
func blockingPipe(name string) (r, w *os.File, err error) {
	var p [2]int
	if err := unix.Pipe2(p[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, fmt.Errorf("making the %s pipe: %w", name, err)
	}
	return os.NewFile(uintptr(p[0]), name), os.NewFile(uintptr(p[1]), name), nil
}
