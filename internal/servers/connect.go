// SPDX-License-Identifier: MIT

package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// freeAddress returns an address and port of the loopback interface that
// nobody uses. The address itself is drawn at random from 127.0.0.0/8, so that
// none of the many ports that connections of 127.0.0.1 take meanwhile can be
// in the way.
func freeAddress() (netip.AddrPort, error) {
	ip := netip.AddrFrom4([4]byte{127, byte(1 + rand.IntN(254)), byte(rand.IntN(256)), byte(1 + rand.IntN(254))})
	l, err := net.Listen("tcp", netip.AddrPortFrom(ip, 0).String())
	if err != nil {
		return netip.AddrPort{}, err
	}
	defer l.Close()
	return addrPort(l.Addr()), nil
}

func addrPort(a net.Addr) netip.AddrPort { return a.(*net.TCPAddr).AddrPort() }

// together is how many connections are opened at a time, so that several
// workers have some to accept.
const together = 16

// connect opens n connections to a server, in each of which it has answered.
func connect(ctx context.Context, p program, address netip.AddrPort, n int) ([]net.Conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		conns = make([]net.Conn, n)
		errs  = make([]error, together)
		all   sync.WaitGroup
	)
	for first := range together {
		all.Go(func() {
			for i := first; i < n && errs[first] == nil; i += together {
				conns[i], errs[first] = p.dial(ctx, address)
			}
			if errs[first] != nil {
				cancel()
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		for _, c := range conns {
			if c != nil {
				c.Close()
			}
		}
		return nil, fmt.Errorf("opening %d connections: %w", n, errs[0])
	}
	return conns, nil
}

// Ask asks the server on each of its connections, and returns when it has
// answered on all.
func (s *Server) Ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for i, c := range s.conns {
		if err := s.program.exchange(ctx, c); err != nil {
			return fmt.Errorf("asking %s on connection %d of %d: %w", s.Program, i+1, len(s.conns), err)
		}
	}
	return nil
}

// dial opens a connection on which the server has answered.
func (p program) dial(ctx context.Context, address netip.AddrPort) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", address.String())
	if err != nil {
		return nil, err
	}
	// Closing it takes no port of the machine's for a minute: tcp(7), TIME_WAIT.
	c.(*net.TCPConn).SetLinger(0)
	if err := p.exchange(ctx, c); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (p program) exchange(ctx context.Context, c net.Conn) error {
	if deadline, ok := ctx.Deadline(); ok {
		c.SetDeadline(deadline)
		defer c.SetDeadline(time.Time{})
	}
	if _, err := io.WriteString(c, p.ask); err != nil {
		return err
	}
	var answer strings.Builder
	buffer := make([]byte, 1024)
	for !strings.HasSuffix(answer.String(), p.answer) {
		n, err := c.Read(buffer)
		if err != nil {
			return fmt.Errorf("waiting for an answer: %w", err)
		}
		answer.Write(buffer[:n])
	}
	return nil
}
