// SPDX-License-Identifier: MIT

// Package servers starts real servers, with connections open to them, so that
// dumps can be made of programs that know nothing of this project.
//
// A server is the program of the distribution, on an address of the loopback
// interface that is its own, with a configuration of its own that is as near to
// the distribution's as that allows: descriptors that nobody would have in
// production, or too few, would make the dump easier than real ones are.
//
// It is the first process of a PID namespace, so that the kernel ends all of
// its processes when it ends, and it ends when whoever started it does, in
// whatever way. Workers of nginx, for one, would else live on after a master
// that is killed. This takes CAP_SYS_ADMIN.
package servers

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"epbench"
	"epbench/baseline"
	"epbench/internal/child"

	"golang.org/x/sys/unix"
)

// Server is a running program that holds connections.
type Server struct {
	// Program is its name.
	Program string
	// PIDs are its processes, ascending.
	PIDs []int
	// Connections are those opened to it, each of which it has answered on.
	Connections []Connection

	program program
	root    int
	conns   []net.Conn
	closes  []func() // what else ends with it, in order
	exit    *exit
}

// Connection is a TCP connection by its two addresses.
type Connection struct{ Client, Server netip.AddrPort }

// patience is how long a server may take to start, and to answer, at most.
const patience = 30 * time.Second

// Start starts a program with n connections open to it. The server ends when
// it is closed, when ctx is done or when this process ends.
//
// Where the program is not installed or may not be started, the error is an
// *epbench.UnavailableError. On error nothing is left.
func Start(ctx context.Context, name string, n int) (*Server, error) {
	i := slices.IndexFunc(programs, func(p program) bool { return p.name == name })
	if i < 0 {
		return nil, fmt.Errorf("no server %q: choose of %s", name, strings.Join(Programs(), ", "))
	}
	s := &Server{Program: name, program: programs[i]}
	if err := s.start(ctx, n); err != nil {
		s.Close()
		return nil, fmt.Errorf("server %s with %d connections: %w", name, n, err)
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, n int) error {
	p := s.program
	path, err := p.path()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "epbench-"+p.name+"-")
	if err != nil {
		return err
	}
	// Not when the server is closed, so that nothing is left of one that is
	// killed. What it needs of its directory it holds open by then.
	defer os.RemoveAll(dir)
	setting := setting{dir: dir, n: n}
	if setting.address, err = freeAddress(); err != nil {
		return err
	}
	if p.backend {
		b, err := startBackend("127.0.0.1:0")
		if err != nil {
			return err
		}
		s.closes = append(s.closes, b.Close)
		setting.backend = b.address()
	}
	args, err := p.configure(setting)
	if err != nil {
		return fmt.Errorf("writing its configuration: %w", err)
	}
	if err := s.launch(ctx, path, dir, args); err != nil {
		return err
	}

	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.await(patient, p, setting.address); err != nil {
		return err
	}
	if s.conns, err = connect(patient, p, setting.address, n); err != nil {
		return err
	}
	for _, c := range s.conns {
		s.Connections = append(s.Connections, Connection{addrPort(c.LocalAddr()), addrPort(c.RemoteAddr())})
	}
	if s.PIDs, err = baseline.Descendants([]int{s.root}); err != nil {
		return err
	}
	// Until it has nothing left to do. The master of haproxy, for one, executes
	// itself anew when its worker is there, and answers nobody.
	const sleeping, times = 'S', 20
	return s.awaitState(patient, sleeping, times)
}

// exit is how a process ended.
type exit struct {
	done   chan struct{}
	err    error // valid once done is closed
	output bytes.Buffer
}

// launch starts the program.
func (s *Server) launch(ctx context.Context, path, dir string, args []string) error {
	// What this process has inherited, from a shell say, is not the server's.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	e := &exit{done: make(chan struct{})}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Stdout, cmd.Stderr = &e.output, &e.output
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	err := child.Start(cmd, func(err error) {
		e.err = cmp.Or(ctx.Err(), err)
		close(e.done)
	})
	if errors.Is(err, unix.EPERM) {
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("starting it in a PID namespace: %w", err),
			Hint: "run as root or with CAP_SYS_ADMIN",
		}
	}
	if err != nil {
		return fmt.Errorf("starting it: %w", err)
	}
	s.root, s.exit = cmd.Process.Pid, e
	return nil
}

// await returns when the server has answered once.
func (s *Server) await(ctx context.Context, p program, address netip.AddrPort) error {
	for {
		c, err := p.dial(ctx, address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-s.exit.done:
			return fmt.Errorf("it ended (%v): %s", s.exit.err, lastLine(s.exit.output.String()))
		case <-ctx.Done():
			return fmt.Errorf("it does not answer: %w", err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Close ends the server and returns when none of its processes is left. It may
// be called repeatedly.
func (s *Server) Close() error {
	for _, c := range s.conns {
		c.Close()
	}
	s.conns = nil
	var err error
	if s.exit != nil {
		err = s.end()
	}
	for _, f := range s.closes {
		f()
	}
	s.closes = nil
	return err
}

// end kills the first process. It has ended, of a PID namespace, when all have.
func (s *Server) end() error {
	e := s.exit
	s.exit = nil
	select {
	case <-e.done:
		if errors.Is(e.err, context.Canceled) || errors.Is(e.err, context.DeadlineExceeded) {
			return nil
		}
		return fmt.Errorf("%s ended by itself (%v): %s", s.Program, e.err, lastLine(e.output.String()))
	default:
	}
	unix.Kill(s.root, unix.SIGKILL)
	<-e.done
	return nil
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
