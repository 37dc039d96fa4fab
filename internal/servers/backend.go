// SPDX-License-Identifier: MIT

package servers

import (
	"bufio"
	"io"
	"net"
	"net/netip"
	"sync"
)

// backend is a server of this process that answers each line.
type backend struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	all      sync.WaitGroup
}

const (
	backendAsk    = "ask\n"
	backendAnswer = "answer\n"
)

func startBackend() (*backend, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &backend{listener: l}
	b.all.Go(b.accept)
	return b, nil
}

func (b *backend) address() netip.AddrPort { return addrPort(b.listener.Addr()) }

func (b *backend) accept() {
	for {
		c, err := b.listener.Accept()
		if err != nil {
			return
		}
		c.(*net.TCPConn).SetLinger(0)
		b.mu.Lock()
		b.conns = append(b.conns, c)
		b.mu.Unlock()
		b.all.Go(func() { answer(c) })
	}
}

func answer(c net.Conn) {
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		if _, err := io.WriteString(c, backendAnswer); err != nil {
			return
		}
	}
}

// Close closes all connections and returns when nothing of the backend runs.
func (b *backend) Close() {
	b.listener.Close()
	b.mu.Lock()
	for _, c := range b.conns {
		c.Close()
	}
	b.mu.Unlock()
	b.all.Wait()
}
