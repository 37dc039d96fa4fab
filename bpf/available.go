// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"epbench"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

const (
	hintCapabilities = "run as root, or with CAP_BPF and CAP_PERFMON"
	hintConfined     = "the capabilities are there, but a seccomp filter, a security module or a user namespace refuses: run outside of the container"
	hintSyscall      = "needs a kernel with CONFIG_BPF_SYSCALL"
	hintBTF          = "needs a kernel with CONFIG_DEBUG_INFO_BTF, and /sys mounted"
	hintEvents       = "needs a kernel with CONFIG_BPF_EVENTS, which needs PERF_EVENTS and KPROBE_EVENTS or UPROBE_EVENTS"
	hintRefused      = "the kernel's verifier refuses the program, which is this program's fault: report it, with the version of the kernel"
	hintVersion      = "needs Linux 6.1 or later"
)

// unavailable makes an error of loading or first using a program one that
// tells what is missing.
func unavailable(doing string, err error) error {
	var verifier *ebpf.VerifierError
	cause, hint := err, ""
	switch {
	case errors.As(err, &verifier) && len(verifier.Log) > 0:
		// Not wrapped: EACCES, which it may be, is no want of permission here.
		cause, hint = errors.New(err.Error()), hintRefused
	case errors.Is(err, fs.ErrPermission), errors.Is(err, ebpf.ErrNotSupported) && !capable():
		// The library's probes take a refusal for a feature that is missing.
		cause, hint = unix.EPERM, permissionHint()
	case errors.Is(err, unix.ENOSYS):
		cause, hint = notSupported(unix.ENOSYS), hintSyscall
	case errors.Is(err, unix.E2BIG):
		// The kernel's union bpf_iter_link_info is shorter than ours.
		cause, hint = notSupported(errors.New("iterators cannot be limited to a process")), hintVersion
	case errors.Is(err, unix.EINVAL) && errors.As(err, &verifier) && len(verifier.Log) == 0:
		cause, hint = notSupported(unix.EINVAL), hintEvents
	case errors.Is(err, btf.ErrNotFound), errors.Is(err, ebpf.ErrNotSupported):
		cause, hint = notSupported(err), hintVersion
	}
	return &epbench.UnavailableError{Err: fmt.Errorf("%s: %w", doing, cause), Hint: hint}
}

func notSupported(err error) error {
	return fmt.Errorf("%w: %w", epbench.ErrNotSupported, err)
}

// checkBTF tells a kernel without type information, of which loading would
// only say that some type is not found.
func checkBTF() error {
	const path = "/sys/kernel/btf/vmlinux"
	_, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("no type information of the kernel in %s: %w", path, epbench.ErrNotSupported),
			Hint: hintBTF,
		}
	}
	return err
}

// permissionHint says what to do about EPERM, which is not always a matter of
// capabilities.
func permissionHint() string {
	if capable() {
		return hintConfined
	}
	return hintCapabilities
}

// capable tells whether this thread has the capabilities that are needed.
func capable() bool {
	var (
		header = unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		data   [2]unix.CapUserData
	)
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	has := func(capability int) bool {
		return data[capability/32].Effective&(1<<(capability%32)) != 0
	}
	return has(unix.CAP_SYS_ADMIN) || has(unix.CAP_BPF) && has(unix.CAP_PERFMON)
}
