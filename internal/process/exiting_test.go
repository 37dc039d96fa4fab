// SPDX-License-Identifier: MIT

package process

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"epbench"

	"golang.org/x/sys/unix"
)

func TestExitingIsToldFromLiving(t *testing.T) {
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	for _, living := range []int{os.Getpid(), pid} {
		if err := CheckExiting(living); err != nil {
			t.Errorf("living: %v", err)
		}
	}
	stdin.Close()
	// Until it is waited for, it is a zombie.
	if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if err := CheckExiting(pid); !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("zombie: %v, want ErrNoProcess", err)
	}
	child.Wait()
	if err := CheckExiting(pid); !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("gone: %v, want ErrNoProcess", err)
	}
}
