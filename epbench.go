// SPDX-License-Identifier: MIT

// Package epbench is the vocabulary of the project: what a dump of a process
// tree's epoll registrations consists of, what a method of dumping owes its
// caller, and how two dumps are compared.
//
// It contains no method. Package baseline has those that ask procfs and
// kcmp(2), package bpf those that run a BPF iterator. All of them, and the
// ground truth of package workloads, produce the same canonical form (see
// Sort), so that dumps are compared element by element and nothing about a
// disagreement is a matter of opinion.
package epbench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"
)

// Ref names an open file by one of the descriptors that refer to it.
//
// A file or an epoll instance that has several descriptors in the dumped tree
// is named by the lowest Ref, by PID and then by FD. The fields are 32 bits
// wide because the kernel's are (pid_t, and unsigned int in struct
// epoll_filefd), and because a dump may hold millions of them.
type Ref struct {
	PID int32 `json:"pid"`
	FD  int32 `json:"fd"`
}

// IsNone says that r names no file: it is the zero Ref, which no process can
// own, since PIDs start at 1.
func (r Ref) IsNone() bool { return r == Ref{} }

// Compare orders by PID, then by FD.
func (r Ref) Compare(s Ref) int {
	return cmp.Or(cmp.Compare(r.PID, s.PID), cmp.Compare(r.FD, s.FD))
}

// String formats r as "pid:fd", or "none".
func (r Ref) String() string {
	if r.IsNone() {
		return "none"
	}
	return strconv.Itoa(int(r.PID)) + ":" + strconv.Itoa(int(r.FD))
}

// Registration is one struct epitem of the kernel (fs/eventpoll.c): an epoll
// instance watches a target file, under the descriptor number that
// EPOLL_CTL_ADD was given.
type Registration struct {
	// Epoll names the epoll instance.
	Epoll Ref
	// TFD is the descriptor number at EPOLL_CTL_ADD, as fdinfo prints it.
	// It need not refer to the target any more, nor to anything.
	TFD int32
	// Events is the mask that the kernel keeps, as fdinfo prints it: EPOLLERR
	// and EPOLLHUP are always in it, unless an EPOLLONESHOT has fired, which
	// leaves only the private bits (EPOLLWAKEUP, EPOLLONESHOT, EPOLLET,
	// EPOLLEXCLUSIVE).
	Events uint32
	// Data is the 64-bit value that epoll_wait(2) returns.
	Data uint64
	// Target names the watched file by a descriptor that refers to it now.
	// It is none if no process of the tree holds one.
	Target Ref
}

// Compare orders by (Epoll, TFD, Data, Target, Events), the canonical order.
func (r Registration) Compare(s Registration) int {
	// Not one cmp.Or, which would evaluate all five: sorting is timed.
	switch {
	case r.Epoll != s.Epoll:
		return r.Epoll.Compare(s.Epoll)
	case r.TFD != s.TFD:
		return cmp.Compare(r.TFD, s.TFD)
	case r.Data != s.Data:
		return cmp.Compare(r.Data, s.Data)
	case r.Target != s.Target:
		return r.Target.Compare(s.Target)
	}
	return cmp.Compare(r.Events, s.Events)
}

// String formats r for people: "epoll 1:3 tfd 7 events 0x19 data 0x7 target 1:9".
func (r Registration) String() string {
	return fmt.Sprintf("epoll %v tfd %d events %#x data %#x target %v",
		r.Epoll, r.TFD, r.Events, r.Data, r.Target)
}

// registrationJSON is the external form. Data is a hexadecimal string, since
// a JSON number is a double to many readers and loses the low bits.
type registrationJSON struct {
	Epoll  Ref    `json:"epoll"`
	TFD    int32  `json:"tfd"`
	Events uint32 `json:"events"`
	Data   string `json:"data"`
	Target *Ref   `json:"target"`
}

// MarshalJSON writes
//
//	{"epoll":{"pid":1,"fd":3},"tfd":7,"events":25,"data":"0x7","target":{"pid":1,"fd":9}}
//
// with a null target when there is none.
func (r Registration) MarshalJSON() ([]byte, error) {
	j := registrationJSON{
		Epoll:  r.Epoll,
		TFD:    r.TFD,
		Events: r.Events,
		Data:   "0x" + strconv.FormatUint(r.Data, 16),
	}
	if !r.Target.IsNone() {
		j.Target = &r.Target
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (r *Registration) UnmarshalJSON(b []byte) error {
	var j registrationJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	data, err := strconv.ParseUint(j.Data, 0, 64)
	if err != nil {
		return fmt.Errorf("registration data: %w", err)
	}
	*r = Registration{Epoll: j.Epoll, TFD: j.TFD, Events: j.Events, Data: data}
	if j.Target != nil {
		r.Target = *j.Target
	}
	return nil
}

// Stats counts what one dump did. The counts are of this process: what the
// kernel did inside a call is the benchmark's to measure.
type Stats struct {
	Kcmp      uint64 // kcmp(2) calls, of every type
	Syscalls  uint64 // all other system calls that the method makes itself
	BytesRead uint64 // read from procfs, or from the iterator

	// Warnings tells what the caller should know of the result and would not
	// see in it: a fallback that was taken, an answer that could not be
	// confirmed. Each is a sentence without its full stop.
	Warnings []string
}

// Dumper is one method at work. It is not safe for concurrent use.
type Dumper interface {
	// Dump appends every registration of every epoll instance that the
	// processes pids hold to dst and returns the result, of which the
	// appended part is in canonical form. Targets are looked for among the
	// descriptors of pids, and nowhere else. PIDs are process (thread group)
	// IDs in the caller's PID namespace; a repeated one counts once.
	//
	// A process without epoll instances, such as a kernel thread, adds
	// nothing. A process that does not exist, exits before Dump is done or
	// may not be looked into is an error, as is anything else that would make
	// the result incomplete; dst's old part is then returned unchanged. An
	// error that wraps ErrRefused comes with the complete result.
	Dump(ctx context.Context, pids []int, dst []Registration) ([]Registration, Stats, error)

	// Close releases what the method holds (descriptors, BPF objects).
	Close() error
}

// Method is a way to dump, and the column of every comparison.
type Method struct {
	// Name is the word for it: "criu", "taskfile".
	Name string
	// How is one line that says what it does.
	How string
	// Open makes the method ready: it loads what has to be loaded. Where the
	// method cannot work, the error is an *UnavailableError.
	Open func() (Dumper, error)
}
