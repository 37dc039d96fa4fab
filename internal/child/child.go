// SPDX-License-Identifier: MIT

// Package child starts processes that do not outlive this one.
package child

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts cmd as the head of a process group of its own, which keeps a
// terminal's Ctrl-C from it, and lets the kernel kill it when this process ends
// in whatever way. When it has exited, exited is called with the result of
// cmd.Wait.
//
// The parent whose death the kernel looks at is the thread that forked, not the
// process (PR_SET_PDEATHSIG(2const)): so a thread is kept until then.
func Start(cmd *exec.Cmd, exited func(error)) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			exited(cmd.Wait())
		}
	}()
	return <-started
}
