// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"unicode"

	"epbench"
	"epbench/baseline"
	"epbench/internal/sockets"
)

// describer tells people what open files and processes are. It asks procfs
// when it is asked itself, after the dump, and says "-" of what can't be told
// any more.
type describer struct {
	processes map[int32]string
	sockets   map[int32]map[uint64]sockets.Socket // by process; shared by network namespace
	networks  map[string]map[uint64]sockets.Socket
}

func newDescriber() *describer {
	return &describer{
		processes: map[int32]string{},
		sockets:   map[int32]map[uint64]sockets.Socket{},
		networks:  map[string]map[uint64]sockets.Socket{},
	}
}

const unknown = "-"

// file returns what a descriptor refers to: what /proc/PID/fd shows, but
// sockets by their addresses.
func (d *describer) file(ref epbench.Ref) string {
	if ref.IsNone() {
		return unknown
	}
	name, err := baseline.FileName(ref)
	if err != nil {
		return unknown
	}
	if number, ok := strings.CutPrefix(name, "socket:["); ok {
		inode, err := strconv.ParseUint(strings.TrimSuffix(number, "]"), 10, 64)
		if s, ok := d.socketsOf(ref.PID)[inode]; err == nil && ok {
			name = s.String()
		}
	}
	return printable(name)
}

// socketsOf returns the sockets of a process's network namespace, those that
// can be told, which a tree shares as a rule.
func (d *describer) socketsOf(pid int32) map[uint64]sockets.Socket {
	if known, ok := d.sockets[pid]; ok {
		return known
	}
	namespace, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", pid))
	all, ok := d.networks[namespace]
	if err != nil || !ok {
		all, _ = sockets.Of(int(pid))
		d.networks[namespace] = all
	}
	d.sockets[pid] = all
	return all
}

// process returns a process's name or, where it has given itself a longer one
// ("nginx: worker process"), that.
func (d *describer) process(pid int32) string {
	if name, ok := d.processes[pid]; ok {
		return name
	}
	name := unknown
	if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)); err == nil {
		name = strings.TrimSuffix(string(comm), "\n")
	}
	title, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err == nil && bytes.HasPrefix(title, []byte(name+": ")) {
		title, _, _ = bytes.Cut(title, []byte{0})
		name = firstWords(string(title))
	}
	d.processes[pid] = printable(name)
	return d.processes[pid]
}

// firstWords leaves out of a title what makes a table too wide.
func firstWords(title string) string {
	const width = 24
	var short string
	for word := range strings.FieldsSeq(title) {
		if short != "" && len(short)+1+len(word) > width {
			break
		}
		short = strings.TrimSpace(short + " " + word)
	}
	return short
}

// printable replaces what would do something to a terminal or a table. Names
// of files and of processes may have any bytes in them.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
