// SPDX-License-Identifier: MIT

package history

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// String is the text of h: an operation a line, in the form that Parse reads.
func (h History) String() string {
	var b strings.Builder
	for _, op := range h {
		b.WriteString(op.String() + "\n")
	}
	return b.String()
}

// String is one line without its end: "p0 add 3 4 IN|ET 0x7".
func (op Op) String() string {
	words := []string{process(op.Proc), string(op.Call)}
	if op.Call == Dump {
		words = words[1:]
	}
	s := signatures[op.Call]
	for _, arg := range op.Args {
		word := strconv.Itoa(arg)
		if s.processes {
			word = process(arg)
		}
		words = append(words, word)
	}
	if s.event {
		words = append(words, eventNames(op.Events), fmt.Sprintf("%#x", op.Data))
	}
	return strings.Join(words, " ")
}

func process(p int) string { return "p" + strconv.Itoa(p) }

// Parse reads a history: an operation a line. Empty lines and what follows a #
// are passed over.
func Parse(text string) (History, error) {
	var h History
	number := 0
	for line := range strings.Lines(text) {
		number++
		line, _, _ = strings.Cut(line, "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		op, err := parseOp(line)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		h = append(h, op)
	}
	return h, nil
}

func parseOp(line string) (Op, error) {
	var op Op
	words := strings.Fields(line)
	if words[0] != string(Dump) {
		var err error
		if op.Proc, err = parseProcess(words[0]); err != nil {
			return op, err
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return op, errors.New("no operation")
	}
	op.Call = Call(words[0])
	s, ok := signatures[op.Call]
	if !ok {
		return op, fmt.Errorf("%q is no operation", words[0])
	}
	return op, s.parse(&op, words[1:])
}

// parse reads the words after the call.
func (s signature) parse(op *Op, words []string) (err error) {
	if s.event {
		if len(words) < 2 {
			return fmt.Errorf("%s: no events and data", op.Call)
		}
		last := len(words) - 2
		if op.Events, err = parseEvents(words[last]); err != nil {
			return err
		}
		if op.Data, err = strconv.ParseUint(words[last+1], 0, 64); err != nil {
			return fmt.Errorf("data: %w", err)
		}
		words = words[:last]
	}
	number := strconv.Atoi
	if s.processes {
		number = parseProcess
	}
	for _, word := range words {
		arg, err := number(word)
		if err != nil {
			return fmt.Errorf("%s: %w", op.Call, err)
		}
		op.Args = append(op.Args, arg)
	}
	return s.check(*op)
}

func parseProcess(word string) (int, error) {
	rest, ok := strings.CutPrefix(word, "p")
	p, err := strconv.Atoi(rest)
	if !ok || err != nil || p < 0 || p >= MaxProcesses {
		return 0, fmt.Errorf("%q is not a process: p0 to %s are", word, process(MaxProcesses-1))
	}
	return p, nil
}

// events are the bits that a history can register with. Not EPOLLWAKEUP, which
// some kernels and callers do without (fs/eventpoll.c,
// ep_take_care_of_epollwakeup).
var events = []struct {
	bit  uint32
	name string
}{
	{unix.EPOLLIN, "IN"},
	{unix.EPOLLPRI, "PRI"},
	{unix.EPOLLOUT, "OUT"},
	{unix.EPOLLRDHUP, "RDHUP"},
	{unix.EPOLLEXCLUSIVE, "EXCLUSIVE"},
	{unix.EPOLLONESHOT, "ONESHOT"},
	{unix.EPOLLET, "ET"},
}

const noEvents = "0"

func eventNames(mask uint32) string {
	var names []string
	for _, e := range events {
		if mask&e.bit != 0 {
			names = append(names, e.name)
		}
	}
	if names == nil {
		return noEvents
	}
	return strings.Join(names, "|")
}

func parseEvents(word string) (mask uint32, err error) {
	if word == noEvents {
		return 0, nil
	}
next:
	for name := range strings.SplitSeq(word, "|") {
		for _, e := range events {
			if e.name == name {
				mask |= e.bit
				continue next
			}
		}
		return 0, fmt.Errorf("%q is no event", name)
	}
	return mask, nil
}
