// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"io"

	"epbench"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// EpollTarget is a BPF iterator over the registrations of one epoll instance.
// TargetEpoll is the one of the series that one would mail, the others differ
// from it in one choice each, and are there to be measured
// (bpf/kernel/patches).
type EpollTarget string

const (
	// TargetEpoll looks at a watched file's reference count, skips zero, and
	// resumes a partial read by key.
	TargetEpoll EpollTarget = "epoll"
	// TargetNone does not even look.
	TargetNone EpollTarget = "epoll_none"
	// TargetFget takes a reference, unless the count is zero, and drops it.
	TargetFget EpollTarget = "epoll_fget"
	// TargetRCU does so by get_file_active.
	TargetRCU EpollTarget = "epoll_rcu"
	// TargetTFD resumes by ep_find_tfd, a linear search, which is wrong where
	// two registrations share a tfd.
	TargetTFD EpollTarget = "epoll_tfd"
	// TargetHold holds the file to be resumed at from read to read: wrong on
	// purpose, it can leak.
	TargetHold EpollTarget = "epoll_hold"
)

// EpollProgram is what is done with each registration.
type EpollProgram string

const (
	// EpollEmpty does nothing.
	EpollEmpty EpollProgram = "empty"
	// EpollCount counts it.
	EpollCount EpollProgram = "count"
	// EpollFull stores it in an array that is mapped here.
	EpollFull EpollProgram = "full"
)

// EpollPass is a BPF iterator with a program, to be measured. It is not safe
// for concurrent use.
type EpollPass struct {
	programs *epollSet
	program  EpollProgram
}

// OpenEpollPass loads program for target. Where the kernel does not have it,
// the error is an *epbench.UnavailableError that wraps ErrNotSupported.
func OpenEpollPass(target EpollTarget, program EpollProgram) (*EpollPass, error) {
	switch program {
	case EpollEmpty, EpollCount, EpollFull:
	default:
		return nil, fmt.Errorf("epoll program %q: not one of %s, %s and %s", program, EpollEmpty, EpollCount, EpollFull)
	}
	programs, err := openEpollSet(target, lengths{1, usual.registrations}, string(program))
	if err != nil {
		return nil, err
	}
	return &EpollPass{programs, program}, nil
}

// Run makes one pass over the epoll instance of this process's descriptor
// epoll, from attaching to the end, and returns how many registrations the
// program has counted or stored, of EpollEmpty 0.
func (p *EpollPass) Run(epoll int) (registrations uint64, err error) {
	var state epollSweep
	if err := p.programs.set(&state); err != nil {
		return 0, err
	}
	err = iterateEpoll(p.programs.program(string(p.program)), epoll, new(epbench.Stats), func() error {
		if err := p.programs.get(&state); err != nil {
			return err
		}
		registrations += uint64(state.Registrations)
		state.Registrations = 0
		return p.programs.set(&state)
	})
	if err != nil {
		return 0, err
	}
	err = p.programs.get(&state)
	return registrations + uint64(state.Registrations) + uint64(state.Items), err
}

// Close unloads the program.
func (p *EpollPass) Close() error {
	p.programs.close()
	return nil
}

// EpollRecordSize is the length of what EpollReader reads of a registration:
// the address of the file, data (8 bytes each), events, and tfd (4 bytes).
const EpollRecordSize = 24

// EpollReader is a BPF iterator that writes its records through seq_file, so
// that it can be read in pieces.
type EpollReader struct {
	programs *epollSet
}

// OpenEpollReader loads the program for target. Its errors are those of
// OpenEpollPass.
func OpenEpollReader(target EpollTarget) (*EpollReader, error) {
	programs, err := openEpollSet(target, lengths{1, 1}, epollProgSeq)
	if err != nil {
		return nil, err
	}
	return &EpollReader{programs}, nil
}

// Iterate begins a pass over the epoll instance of this process's descriptor
// epoll. Each Read is one read(2). Between two of them nothing is locked.
func (r *EpollReader) Iterate(epoll int) (io.ReadCloser, error) {
	link, err := linkEpoll(r.program(), epoll)
	if err != nil {
		return nil, fmt.Errorf("attaching to an epoll instance: %w", err)
	}
	defer unix.Close(link)
	fd, err := createIterator(link)
	if err != nil {
		return nil, fmt.Errorf("creating the iterator: %w", err)
	}
	return iterator(fd), nil
}

func (r *EpollReader) program() *ebpf.Program { return r.programs.program(epollProgSeq) }

// Close unloads the program. Passes that have begun can be read to their end.
func (r *EpollReader) Close() error {
	r.programs.close()
	return nil
}

// iterator is the descriptor of a BPF iterator.
type iterator int

func (i iterator) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(i), p)
		switch {
		case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR): // see drain
		case err != nil:
			return 0, err
		case n == 0 && len(p) > 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

func (i iterator) Close() error { return unix.Close(int(i)) }
