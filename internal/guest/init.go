// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initMark is in the environment of a guest's first process.
const initMark = "EPBENCH_GUEST_INIT"

// linkDevice is the guest's end of the second serial port.
const linkDevice = "/dev/ttyS1"

var initCalled bool

// Init must be the first thing that main, or TestMain, of a program does that
// calls Run. In that program it does nothing. In a guest, of which the same
// program is the first process, it does that process's work and never returns.
func Init() {
	initCalled = true
	if os.Getpid() != 1 || os.Getenv(initMark) == "" {
		return
	}
	// The first process must not end: when it fails, the kernel panics, and
	// its log shows what is printed here.
	if err := beInit(); err != nil {
		fmt.Fprintf(os.Stderr, "epbench: guest: %v\n", err)
		os.Exit(1)
	}
	select {}
}

// beInit prepares the guest, runs its payload, tells the host, and reboots.
func beInit() error {
	if err := mountDevices(); err != nil {
		return err
	}
	port, link, err := openLink()
	if err != nil {
		return err
	}
	status, err := serve(link)
	if err != nil {
		link.send(kindFailure, []byte(err.Error()))
	} else {
		link.exit(status)
	}
	// What is still in the port's buffer would be lost (TCSBRK of 1: tcdrain).
	if err := unix.IoctlSetInt(int(port.Fd()), unix.TCSBRK, 1); err != nil {
		return fmt.Errorf("drain %s: %w", linkDevice, err)
	}
	return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}

// openLink opens the serial port to the host and makes it carry bytes as they
// are.
func openLink() (*os.File, *linkWriter, error) {
	port, err := os.OpenFile(linkDevice, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("second serial port: %w: does the kernel have CONFIG_SERIAL_8250 with 2 ports or more?", err)
	}
	fd := int(port.Fd())
	t, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return nil, nil, fmt.Errorf("second serial port: %w", err)
	}
	t.Iflag, t.Oflag, t.Lflag = 0, 0, 0
	t.Cflag = unix.CS8 | unix.CREAD | unix.CLOCAL | unix.B115200
	if err := unix.IoctlSetTermios(fd, unix.TCSETS, t); err != nil {
		return nil, nil, fmt.Errorf("second serial port: %w", err)
	}
	link, err := newLinkWriter(port)
	return port, link, err
}

// serve runs the session and returns the payload's exit status.
func serve(link *linkWriter) (int, error) {
	s, err := readSession()
	if err != nil {
		return 0, err
	}
	if err := prepare(); err != nil {
		return 0, err
	}
	leaks, err := startLeakWatch()
	if err != nil {
		return 0, err
	}
	time.Sleep(s.Settle)
	if err := link.send(kindStarted, nil); err != nil {
		return 0, err
	}
	if len(s.Args) == 0 {
		return 0, nil
	}
	status, err := runPayload(s, link)
	if err != nil {
		return 0, err
	}
	found, err := leaks.find()
	if err != nil {
		return 0, err
	}
	if found != "" {
		return status, link.send(kindLeaks, []byte(found))
	}
	return status, nil
}

func readSession() (s session, err error) {
	encoded, err := os.ReadFile(sessionPath)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(encoded, &s)
}

// runPayload starts the payload, forwards its output, and waits for it and
// ends whatever it left behind.
func runPayload(s session, link *linkWriter) (int, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDONLY, 0)
	if err != nil {
		return 0, err
	}
	defer null.Close()
	var forwards sync.WaitGroup
	var ends []*os.File
	for _, k := range []kind{kindStdout, kindStderr} {
		out, in, err := os.Pipe()
		if err != nil {
			return 0, fmt.Errorf("pipe for the payload: %w", err)
		}
		ends = append(ends, in)
		forwards.Go(func() {
			io.Copy(stream{link, k}, out)
			out.Close()
		})
	}
	pid, err := syscall.ForkExec(payloadPath, s.Args, &syscall.ProcAttr{
		Dir:   s.Dir,
		Env:   s.Env,
		Files: []uintptr{null.Fd(), ends[0].Fd(), ends[1].Fd()},
		Sys:   &syscall.SysProcAttr{Setsid: true},
	})
	for _, in := range ends {
		in.Close()
	}
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", s.Args[0], err)
	}
	wait, err := reap(pid)
	if err != nil {
		return 0, err
	}
	if err := killAll(); err != nil {
		return 0, err
	}
	// With every process gone the pipes have ended.
	forwards.Wait()
	if wait.Signaled() {
		message := fmt.Sprintf("guest: %s was ended by signal %v\n", s.Args[0], wait.Signal())
		return 128 + int(wait.Signal()), link.send(kindStderr, []byte(message))
	}
	return wait.ExitStatus(), nil
}

// reap waits for the payload, and for the orphans that come to the first
// process meanwhile.
func reap(payload int) (wait unix.WaitStatus, err error) {
	for {
		pid, err := unix.Wait4(-1, &wait, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return wait, fmt.Errorf("wait for the payload: %w", err)
		case pid == payload:
			return wait, nil
		}
	}
}

// killAll ends every other process, as an end of the first one would.
func killAll() error {
	if err := unix.Kill(-1, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end what the payload left: %w", err)
	}
	for {
		_, err := unix.Wait4(-1, nil, 0, nil)
		switch {
		case errors.Is(err, unix.ECHILD):
			return nil
		case err != nil && !errors.Is(err, unix.EINTR):
			return fmt.Errorf("end what the payload left: %w", err)
		}
	}
}
