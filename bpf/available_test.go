// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"epbench"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// withoutVariable makes the test binary open every method without privileges.
const withoutVariable = "EPBENCH_TEST_WITHOUT_PRIVILEGES"

func TestMissingPrivilegeIsOneClearLine(t *testing.T) {
	if os.Getenv(withoutVariable) != "" {
		openWithoutPrivileges(t)
		return
	}
	child := exec.Command("/proc/self/exe", "-test.run=^TestMissingPrivilegeIsOneClearLine$")
	child.Env = append(os.Environ(), withoutVariable+"=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func openWithoutPrivileges(t *testing.T) {
	runtime.LockOSThread() // capabilities are a thread's
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&header, &none[0]); err != nil {
		t.Fatal(err)
	}
	for _, m := range Methods() {
		_, err := m.Open()
		requirePrivilegeError(t, m.Name, err)
	}
	_, err := OpenFloor(FloorCount)
	requirePrivilegeError(t, "floor", err)
}

func requirePrivilegeError(t *testing.T, name string, err error) {
	t.Helper()
	var unavailable *epbench.UnavailableError
	if !errors.As(err, &unavailable) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("%s: got %v, want an UnavailableError for want of permission", name, err)
		return
	}
	text := err.Error()
	if strings.Contains(text, "\n") || !strings.Contains(text, "CAP_BPF") || !strings.Contains(text, "CAP_PERFMON") {
		t.Errorf("%s: %q is not one line that names the capabilities", name, text)
	}
	fmt.Println(text)
}

// What a kernel says for want of something, and what is made of it.
func TestMissingKernelPartsAreNamed(t *testing.T) {
	for _, test := range []struct {
		said  error
		names string
	}{
		{unix.ENOSYS, "CONFIG_BPF_SYSCALL"},
		{unix.E2BIG, "Linux 6.1"},
		{&ebpf.VerifierError{Cause: unix.EINVAL}, "CONFIG_BPF_EVENTS"},
	} {
		err := unavailable("trying", test.said)
		if !errors.Is(err, epbench.ErrNotSupported) || !strings.Contains(err.Error(), test.names) {
			t.Errorf("%v gives %q, which does not name %s", test.said, err, test.names)
		}
	}
}
