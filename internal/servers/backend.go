// SPDX-License-Identifier: MIT

package servers

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
)

// backend is a server of Go's runtime that answers each line.
type backend struct {
	listener net.Listener
	mu       sync.Mutex
	conns    []net.Conn
	all      sync.WaitGroup
}

const (
	lineAsk    = "ask\n"
	lineAnswer = "answer\n"
)

func startBackend(address string) (*backend, error) {
	l, err := net.Listen("tcp", address)
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
		if _, err := io.WriteString(c, lineAnswer); err != nil {
			return
		}
	}
}

// goServer as the first argument makes a process a backend and nothing else.
const goServer = "epbench-go-server"

func init() {
	if len(os.Args) != 3 || os.Args[1] != goServer {
		return
	}
	b, err := startBackend(os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	b.all.Wait()
	os.Exit(0)
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
