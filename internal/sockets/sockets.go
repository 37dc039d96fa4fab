// SPDX-License-Identifier: MIT

// Package sockets tells what the sockets of a process are: which protocol,
// bound to which address, connected to whom. It reads /proc/PID/net, which
// lists those of the process's network namespace by inode. proc(5) has the
// formats.
package sockets

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// Socket is what a socket is.
type Socket struct {
	Protocol  string         // "tcp", "udp" or "unix"
	Local     netip.AddrPort // of tcp and udp
	Remote    netip.AddrPort // of tcp and udp; port 0 if not connected
	Path      string         // of unix; "" of one without a name
	Listening bool
}

// String formats s for people: "tcp 127.0.0.1:80 -> 127.0.0.1:51234",
// "tcp 127.0.0.1:80 listening", "unix /run/program.sock".
func (s Socket) String() string {
	text := s.Protocol
	switch {
	case s.Protocol == protocolUnix && s.Path == "":
		text += " unnamed"
	case s.Protocol == protocolUnix:
		text += " " + s.Path
	case s.Remote.Port() != 0:
		text += fmt.Sprintf(" %v -> %v", s.Local, s.Remote)
	default:
		text += " " + s.Local.String()
	}
	if s.Listening {
		text += " listening"
	}
	return text
}

const (
	protocolTCP  = "tcp"
	protocolUDP  = "udp"
	protocolUnix = "unix"
)

// tables are the files of /proc/PID/net.
var tables = []struct {
	name, protocol string
	parse          func(fields []string) (uint64, Socket, error)
}{
	{"tcp", protocolTCP, parseInternet},
	{"tcp6", protocolTCP, parseInternet},
	{"udp", protocolUDP, parseInternet},
	{"udp6", protocolUDP, parseInternet},
	{"unix", protocolUnix, parseUnix},
}

// Of returns the sockets of the network namespace of process pid by inode.
// Protocols that the kernel lacks have none, and others than those of Socket
// are not in it.
func Of(pid int) (map[uint64]Socket, error) {
	sockets := map[uint64]Socket{}
	for _, t := range tables {
		path := fmt.Sprintf("/proc/%d/net/%s", pid, t.name)
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("listing sockets: %w", err)
		}
		lines := bufio.NewScanner(f)
		lines.Scan() // the header
		for lines.Scan() {
			inode, s, err := t.parse(strings.Fields(lines.Text()))
			if err != nil {
				f.Close()
				return nil, fmt.Errorf("listing sockets: %s: %q: %w", path, lines.Text(), err)
			}
			s.Protocol = t.protocol
			sockets[inode] = s
		}
		f.Close()
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("listing sockets: %s: %w", path, err)
		}
	}
	delete(sockets, 0) // connections without a socket, as in TIME_WAIT
	return sockets, nil
}

var errShort = errors.New("too few fields")

// parseInternet parses a line of net/tcp and its like.
func parseInternet(f []string) (inode uint64, s Socket, err error) {
	if len(f) < 10 {
		return 0, s, errShort
	}
	var err1, err2, err3 error
	s.Local, err1 = parseAddress(f[1])
	s.Remote, err2 = parseAddress(f[2])
	const listen = "0A" // TCP_LISTEN, include/net/tcp_states.h
	s.Listening = f[3] == listen
	inode, err3 = strconv.ParseUint(f[9], 10, 64)
	return inode, s, errors.Join(err1, err2, err3)
}

// parseAddress parses an address and a port in hexadecimal. The address is of
// 32-bit words in the machine's byte order (tcp4_seq_show and get_tcp4_sock in
// net/ipv4/tcp_ipv4.c, Linux 6.12).
func parseAddress(text string) (netip.AddrPort, error) {
	address, port, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	if err != nil {
		return netip.AddrPort{}, err
	}
	for word := b; len(word) >= 4; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	ip, ok := netip.AddrFromSlice(b)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", address)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)), err
}

// parseUnix parses a line of net/unix.
func parseUnix(f []string) (inode uint64, s Socket, err error) {
	if len(f) < 7 {
		return 0, s, errShort
	}
	const listening = "00010000" // __SO_ACCEPTCON, include/uapi/linux/net.h
	s.Listening = f[3] == listening
	s.Path = strings.Join(f[7:], " ")
	inode, err = strconv.ParseUint(f[6], 10, 64)
	return inode, s, err
}
