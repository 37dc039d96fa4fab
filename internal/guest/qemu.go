// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"epbench/internal/child"

	"golang.org/x/sys/unix"
)

const qemuProgram = "qemu-system-x86_64"

// Descriptors that QEMU inherits: ExtraFiles begin at 3.
const (
	fdInitramfs = 3 + iota
	fdLog
	fdLink
)

func (o Options) qemuArgs() []string {
	// A socket for each processor: it is all that the tables of kernels without
	// ACPI tell (QEMU's firmware lists one processor a socket there).
	smp := fmt.Sprintf("%d,sockets=%[1]d", o.CPUs)
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none",
		"-machine", "pc", "-m", o.Memory, "-smp", smp,
		"-accel", string(o.Accel), "-cpu", o.cpuModel(),
		"-kernel", o.Kernel, "-initrd", inherited(fdInitramfs),
		"-append", o.commandLine(),
		"-chardev", "file,id=log,path=" + inherited(fdLog), "-serial", "chardev:log",
		"-chardev", "file,id=link,path=" + inherited(fdLink), "-serial", "chardev:link",
		// The guest ends by a reboot, as it may have no ACPI to power off.
		"-no-reboot",
	}
	if o.Icount {
		args = append(args,
			// Idle time is skipped rather than waited for.
			"-icount", "shift=0,sleep=off",
			// The same random numbers and the same date in each boot.
			"-seed", "1", "-rtc", "base=2020-01-01,clock=vm")
	}
	return args
}

func inherited(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

func (o Options) cpuModel() string {
	if o.Accel == AccelKVM {
		return "host"
	}
	// Five levels of page tables cost a translator more than they give.
	return "max,la57=off"
}

func (o Options) commandLine() string {
	words := []string{
		"console=ttyS0", "earlycon=uart8250,io,0x3f8", "printk.time=1",
		// An oops is a panic, a panic a reboot, and a reboot is QEMU's exit. A
		// triple fault reboots without ACPI and keyboard controller too.
		"oops=panic", "panic=-1", "reboot=t",
		// An unknown word with a value is in the first process's environment.
		initMark + "=1",
	}
	if o.Accel == AccelTCG {
		// Without this the kernel distrusts QEMU's TSC, and reading any other
		// clock costs a system call and an access to a device.
		words = append(words, "tsc=reliable")
	}
	if o.Icount {
		// With icount the TSC is one count for each instruction: nothing to
		// calibrate. Addresses that differ from boot to boot change what is
		// done, as by a cache's hash.
		words = append(words, "tsc_early_khz=1000000", "nokaslr", "norandmaps")
	}
	if o.Icount && o.CPUs == 1 {
		// The kernel tries out one timer and calibrates the other by waiting in
		// loops, whose every turn is a way out of the translator with icount:
		// this was nine tenths of a boot. One processor needs no APIC timer.
		words = append(words, "no_timer_check", "noapictimer")
	}
	if o.Append != "" {
		words = append(words, o.Append)
	}
	return strings.Join(words, " ")
}

// qemu is a running QEMU.
type qemu struct {
	log, link *os.File // what the guest sends, to be read
	exited    chan error
	stderr    bytes.Buffer // to be read after exited
}

// startQEMU starts QEMU, which is killed when ctx ends and when this process
// does.
func startQEMU(ctx context.Context, o Options) (*qemu, error) {
	program, err := exec.LookPath(qemuProgram)
	if err != nil {
		return nil, fmt.Errorf("%w: install Debian's package qemu-system-x86", err)
	}
	initramfs, err := buildInitramfs(o)
	if err != nil {
		return nil, err
	}
	defer initramfs.Close()
	log, logEnd, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer logEnd.Close()
	link, linkEnd, err := os.Pipe()
	if err != nil {
		log.Close()
		return nil, err
	}
	defer linkEnd.Close()

	q := &qemu{log: log, link: link, exited: make(chan error, 1)}
	cmd := exec.CommandContext(ctx, program, o.qemuArgs()...)
	cmd.ExtraFiles = []*os.File{initramfs, logEnd, linkEnd}
	cmd.Stderr = &q.stderr
	// A Ctrl-C is for us alone: QEMU would end as if the guest had.
	if err := child.Start(cmd, func(err error) { q.exited <- err }); err != nil {
		log.Close()
		link.Close()
		return nil, fmt.Errorf("start QEMU: %w", err)
	}
	// With a KVM that does not work, QEMU aborts: no core files of that.
	_ = unix.Prlimit(cmd.Process.Pid, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	return q, nil
}

// complaint returns what QEMU itself had to say, and how it ended if that was
// not in order, or nil. It is for after the exit.
func (q *qemu) complaint(exit error) error {
	said := strings.TrimSpace(q.stderr.String())
	switch {
	case exit == nil && said == "":
		return nil
	case exit == nil:
		return errors.New(said)
	case said == "":
		return exit
	}
	return fmt.Errorf("%w: %s", exit, said)
}
