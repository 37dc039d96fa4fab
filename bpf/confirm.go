// SPDX-License-Identifier: MIT

package bpf

import (
	"fmt"
	"unsafe"

	"epbench"
	"epbench/internal/process"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// confirmer looks at descriptors again when a dump is done (confirm.h).
type confirmer struct {
	program *ebpf.Program
	asked   *ebpf.Variable
}

// unconfirmed is the bit of File that says that, at the end, the descriptor did
// not refer any more to what it was noted for.
const unconfirmed = 1

// confirm sets unconfirmed where it applies, and adds a warning if it does so
// anywhere. It returns how many there are. It fails if one of the processes has
// lost all its descriptors.
func (c *confirmer) confirm(processes []processRecords, s *spools, stats *epbench.Stats) (changed uint32, err error) {
	from := 0
	for _, p := range processes {
		err := s.descriptors.revisit(from, p.end, func(from, to int) error {
			n, err := c.run(p, from, to, stats)
			changed += n
			return err
		})
		if err != nil {
			return changed, err
		}
		from = p.end
	}
	if changed > 0 {
		stats.Warnings = append(stats.Warnings, fmt.Sprintf(
			"%d descriptors were closed or came to refer to other files meanwhile, and were left out", changed))
	}
	return changed, nil
}

// run looks at the descriptors at the places from from to to of the array.
func (c *confirmer) run(p processRecords, from, to int, stats *epbench.Stats) (changed uint32, err error) {
	asked := taskfileConfirmation{Task: p.task, From: uint32(from), Count: uint32(to - from)}
	if err := c.asked.Set(&asked); err != nil {
		return 0, err
	}
	stats.Syscalls++
	gone, err := runProgram(c.program)
	if err != nil {
		return 0, fmt.Errorf("running %s: %w", programName(c.program), err)
	}
	if gone != 0 {
		return 0, checkGone(p.pid, stats)
	}
	err = c.asked.Get(&asked)
	return asked.Changed, err
}

// checkGone tells of a process without descriptors whether it has lost them,
// which is an error, or never had any.
func checkGone(pid int, stats *epbench.Stats) error {
	stats.Syscalls += 3 // open, read, close
	return process.CheckExiting(pid)
}

// runProgram runs a raw tracepoint program once, and returns what it returned:
// bpf(2), BPF_PROG_TEST_RUN, for this type Linux 5.10.
func runProgram(program *ebpf.Program) (result uint32, err error) {
	attr := struct {
		program, result uint32
		_               [18]uint32
	}{program: uint32(program.FD())}
	_, err = bpf(unix.BPF_PROG_TEST_RUN, unsafe.Pointer(&attr), unsafe.Sizeof(attr))
	return attr.result, err
}
