// SPDX-License-Identifier: MIT

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"epbench"

	"golang.org/x/sys/unix"
)

// printJSON writes one JSON object a line.
func printJSON(w io.Writer, regs []epbench.Registration) error {
	buffered := bufio.NewWriter(w)
	enc := json.NewEncoder(buffered)
	for _, r := range regs {
		if err := enc.Encode(r); err != nil {
			return err
		}
	}
	return buffered.Flush()
}

// printTable writes a table for people.
func printTable(w io.Writer, regs []epbench.Registration) error {
	if len(regs) == 0 {
		return nil
	}
	buffered := bufio.NewWriter(w)
	table := tabwriter.NewWriter(buffered, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PROCESS\tEPOLL\tTFD\tEVENTS\tDATA\tTARGET\tFILE")
	d := newDescriber()
	for _, r := range regs {
		fmt.Fprintf(table, "%s\t%v\t%d\t%s\t%#x\t%v\t%s\n", d.process(r.Epoll.PID),
			r.Epoll, r.TFD, eventNames(r.Events), r.Data, r.Target, d.file(r.Target))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return buffered.Flush()
}

// eventBits are the bits of an event mask (include/uapi/linux/eventpoll.h),
// in ascending order.
var eventBits = []struct {
	bit  uint32
	name string
}{
	{unix.EPOLLIN, "IN"},
	{unix.EPOLLPRI, "PRI"},
	{unix.EPOLLOUT, "OUT"},
	{unix.EPOLLERR, "ERR"},
	{unix.EPOLLHUP, "HUP"},
	{0x20, "NVAL"},
	{unix.EPOLLRDNORM, "RDNORM"},
	{unix.EPOLLRDBAND, "RDBAND"},
	{unix.EPOLLWRNORM, "WRNORM"},
	{unix.EPOLLWRBAND, "WRBAND"},
	{unix.EPOLLMSG, "MSG"},
	{unix.EPOLLRDHUP, "RDHUP"},
	{unix.EPOLLEXCLUSIVE, "EXCLUSIVE"},
	{unix.EPOLLWAKEUP, "WAKEUP"},
	{unix.EPOLLONESHOT, "ONESHOT"},
	{unix.EPOLLET, "ET"},
}

// eventNames spells a mask as IN|ERR|HUP, bits without a name in hexadecimal.
func eventNames(events uint32) string {
	var names []string
	for _, b := range eventBits {
		if events&b.bit != 0 {
			names = append(names, b.name)
			events &^= b.bit
		}
	}
	if events != 0 || len(names) == 0 {
		names = append(names, fmt.Sprintf("%#x", events))
	}
	return strings.Join(names, "|")
}
