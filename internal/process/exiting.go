// SPDX-License-Identifier: MIT

package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"syscall"

	"epbench"
)

// CheckExiting returns an error that wraps epbench.ErrNoProcess if the process
// pid has exited, or its main thread is about to.
//
// A process that exits gives up its descriptors first, and becomes a zombie,
// which is what Held.Check finds, only when all of them are closed: of a
// process with thousands that takes milliseconds, during which it looks like
// one that has none. This tells the two apart.
func CheckExiting(pid int) error {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("process %d has exited: %w", pid, epbench.ErrNoProcess)
	}
	if err != nil {
		return err
	}
	flags, err := statFlags(stat)
	if err != nil {
		return fmt.Errorf("process %d: %w", pid, err)
	}
	const exiting = 0x4 // PF_EXITING, include/linux/sched.h
	if flags&exiting != 0 {
		return fmt.Errorf("process %d is exiting: %w", pid, epbench.ErrNoProcess)
	}
	return nil
}

// statFlags returns the ninth field of /proc/PID/stat, proc(5). The second, the
// name in brackets, may have anything in it.
func statFlags(stat []byte) (uint64, error) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return 0, errors.New("its stat in procfs is cut off")
	}
	return strconv.ParseUint(string(fields[6]), 10, 64)
}
