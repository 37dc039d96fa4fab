// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// mountDevices mounts what the link to the host needs.
func mountDevices() error {
	return mount("devtmpfs", "/dev", "CONFIG_DEVTMPFS")
}

// prepare makes the guest a place in which programs expect to run, and lifts
// the limits that would be in a benchmark's way.
func prepare() error {
	if err := mountAll(); err != nil {
		return err
	}
	if err := os.Mkdir("/tmp", 0o777); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Chmod("/tmp", 0o777|fs.ModeSticky); err != nil {
		return err
	}
	if err := liftLimits(); err != nil {
		return err
	}
	return loopbackUp()
}

func mountAll() error {
	if err := mount("proc", "/proc", "CONFIG_PROC_FS"); err != nil {
		return err
	}
	if err := mount("sysfs", "/sys", "CONFIG_SYSFS"); err != nil {
		return err
	}
	// /dev/fd and its like come from udev elsewhere; programs take them for
	// granted.
	for name, target := range map[string]string{
		"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2",
	} {
		if err := os.Symlink(target, "/dev/"+name); err != nil {
			return err
		}
	}
	for _, m := range [][2]string{
		{"tmpfs", "/dev/shm"},
		{"bpf", "/sys/fs/bpf"},
		{"cgroup2", "/sys/fs/cgroup"},
		{"securityfs", "/sys/kernel/security"},
		{"debugfs", "/sys/kernel/debug"},
		{"tracefs", "/sys/kernel/tracing"},
	} {
		if err := mountIfThere(m[0], m[1]); err != nil {
			return err
		}
	}
	return nil
}

// mountIfThere mounts a file system that a kernel may do without: it is
// unknown then, or the directory that it makes to be mounted on is not there.
func mountIfThere(fstype, dir string) error {
	err := mount(fstype, dir, "")
	if errors.Is(err, unix.ENODEV) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return nil
	}
	return err
}

func mount(fstype, dir, option string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("mount %s: %w", fstype, err)
	}
	err := unix.Mount(fstype, dir, fstype, 0, "")
	if errors.Is(err, unix.ENODEV) && option != "" {
		return fmt.Errorf("mount %s: the kernel needs %s", fstype, option)
	}
	if err != nil {
		return fmt.Errorf("mount %s on %s: %w", fstype, dir, err)
	}
	return nil
}

// maxDescriptors is what a process may open in a guest. It must be a multiple
// of 1,024 (fs/file.c, sysctl_nr_open); each needs kernel memory only when
// used.
const maxDescriptors = 4 << 20

// liftLimits lets a process have as many descriptors and registrations as
// memory allows.
func liftLimits() error {
	for name, value := range map[string]int{
		"fs/nr_open":                maxDescriptors,
		"fs/file-max":               1 << 40,
		"fs/epoll/max_user_watches": 1 << 40,
		"fs/pipe-user-pages-soft":   0, // none
		"fs/pipe-user-pages-hard":   0,
	} {
		if err := os.WriteFile("/proc/sys/"+name, fmt.Appendln(nil, value), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("lift limit: %w", err)
		}
	}
	limit := unix.Rlimit{Cur: maxDescriptors, Max: maxDescriptors}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("lift RLIMIT_NOFILE: %w", err)
	}
	return nil
}

// loopbackUp brings up the interface lo, if the kernel has IP at all.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo); err != nil {
		return fmt.Errorf("bring up lo: %w", err)
	}
	return nil
}
