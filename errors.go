// SPDX-License-Identifier: MIT

package epbench

import "errors"

var (
	// ErrNotSupported marks what this kernel cannot do, whoever asks.
	ErrNotSupported = errors.New("not supported by this kernel")
	// ErrNoProcess marks a process that does not exist or has exited.
	ErrNoProcess = errors.New("no such process")
	// ErrRefused comes with a complete dump, as the only error that does. It
	// says that the program whose algorithm the method is would not have got
	// so far: it gives up at a registration that the error names.
	ErrRefused = errors.New("dump refused")
)

// UnavailableError says that a method cannot work here, and what would help.
type UnavailableError struct {
	// What cannot be done, and why: "loading the task_file program: operation
	// not permitted".
	Err error
	// Hint is what to do about it, naming the capability, kernel option,
	// kernel version or package: "run as root or with CAP_BPF and
	// CAP_PERFMON".
	Hint string
}

// Error is the reason followed by the hint, on one line.
func (e *UnavailableError) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (" + e.Hint + ")"
}

// Unwrap lets errors.Is find ErrNotSupported, fs.ErrPermission and errnos.
func (e *UnavailableError) Unwrap() error { return e.Err }
