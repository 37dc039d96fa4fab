// SPDX-License-Identifier: MIT

package sockets

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// describe returns what Of says of a descriptor of this process.
func describe(t *testing.T, c syscall.Conn) string {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	raw.Control(func(fd uintptr) { err = unix.Fstat(int(fd), &stat) })
	if err != nil {
		t.Fatal(err)
	}
	all, err := Of(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	s, ok := all[stat.Ino]
	if !ok {
		t.Fatalf("socket %d is not listed", stat.Ino)
	}
	return s.String()
}

func TestSocketsAreDescribedAsTheyWereMade(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		l, err := net.Listen("tcp", address)
		if errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.EAFNOSUPPORT) {
			continue // no IPv6
		}
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		check(t, l.(*net.TCPListener), "tcp "+l.Addr().String()+" listening")
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer server.Close()
		check(t, client.(*net.TCPConn), "tcp "+client.LocalAddr().String()+" -> "+l.Addr().String())
		check(t, server.(*net.TCPConn), "tcp "+l.Addr().String()+" -> "+client.LocalAddr().String())
	}

	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	check(t, udp, "udp "+udp.LocalAddr().String())

	path := filepath.Join(t.TempDir(), "a name.sock")
	named, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer named.Close()
	check(t, named, "unix "+path+" listening")
	client, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	check(t, client, "unix unnamed")
}

func check(t *testing.T, c syscall.Conn, want string) {
	t.Helper()
	if got := describe(t, c); got != want {
		t.Errorf("described as %q, want %q", got, want)
	}
}

func TestNoProcessHasNoSockets(t *testing.T) {
	if all, err := Of(1<<22 + 1); err != nil && !errors.Is(err, fs.ErrNotExist) || len(all) > 0 {
		t.Errorf("%d sockets, %v", len(all), err)
	}
}

func TestLinesThatCannotBeParsedAreErrors(t *testing.T) {
	for _, table := range tables {
		for _, line := range []string{"", "0: XX", "a b c d e f g h i j k"} {
			if _, s, err := table.parse(strings.Fields(line)); err == nil {
				t.Errorf("%s: %q is %v", table.name, line, s)
			}
		}
	}
}
