// SPDX-License-Identifier: MIT

package process

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"testing"

	"epbench"
)

func TestHoldTellsExit(t *testing.T) {
	child := exec.Command("cat")
	stdin, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	h, err := Hold([]int{child.Process.Pid, os.Getpid(), child.Process.Pid})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	want := []int{os.Getpid(), child.Process.Pid}
	slices.Sort(want)
	if !slices.Equal(h.PIDs(), want) {
		t.Errorf("holds %v, want %v", h.PIDs(), want)
	}
	if err := h.Check(); err != nil {
		t.Errorf("while both live: %v", err)
	}
	stdin.Close()
	child.Wait()
	if err := h.Check(); !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("after one exited: %v, want ErrNoProcess", err)
	}
	if _, err := Hold([]int{child.Process.Pid}); !errors.Is(err, epbench.ErrNoProcess) {
		t.Errorf("holding one that is gone: %v, want ErrNoProcess", err)
	}
}

func TestHoldRefusesWhatIsNoPID(t *testing.T) {
	for _, pid := range []int{0, -1} {
		if _, err := Hold([]int{pid}); err == nil {
			t.Errorf("PID %d was held", pid)
		}
	}
}
