// SPDX-License-Identifier: MIT

// Package guest boots a Linux kernel in QEMU and runs one static binary in it,
// as if it had been started here: with its arguments, its output as it comes,
// and its exit status.
//
// A guest is a kernel, an initramfs that exists in memory only, and two serial
// ports. The first carries the kernel's log, which is watched: a guest whose
// kernel complained has failed, whatever its payload says. The second carries
// the payload's output. Serial ports are slow, with TCG 200 kilobytes a second,
// but every kernel for PCs has the driver built in, Debian's included; neither
// modules nor a disk nor a network are needed.
//
// The guest's first process is the very program that calls Run, started again
// in there. That program must call Init before anything else in its main, and
// be static, just like the payload.
//
// Nothing of a guest outlives the process that runs it, not even one that is
// killed: QEMU dies with it, and there are no files on disk to clean up.
package guest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Accel is how QEMU executes the guest's instructions.
type Accel string

const (
	// AccelAuto is KVM where it has been seen to boot a kernel, else TCG. That
	// /dev/kvm exists says little: under another hypervisor it may not work.
	AccelAuto Accel = "auto"
	// AccelKVM is the processor itself. Times are times.
	AccelKVM Accel = "kvm"
	// AccelTCG is QEMU's translator. It works everywhere, many times slower,
	// and times show growth, not what hardware would need.
	AccelTCG Accel = "tcg"
)

// Options says which kernel runs what. Kernel and Args are needed.
type Options struct {
	// Kernel is the path of a bzImage for x86-64 with, built in, initramfs
	// support and the 8250 serial driver and console.
	Kernel string

	// Args is the command line of the payload. Args[0] is the path of its
	// binary here: static, for x86-64.
	Args []string
	// Env is what the payload's environment holds besides PATH, HOME, TMPDIR
	// and the marks of a guest: EPBENCH_LANE=guest, EPBENCH_ACCEL=tcg|kvm and
	// EPBENCH_CLOCK=time|insn, the latter with Icount.
	Env []string
	// Dir is the payload's working directory, an absolute path. It is made in
	// the guest, and is empty but for what Copy brings. The default is the
	// working directory here.
	Dir string
	// Copy lists directories that exist in the guest too, at the same path.
	// What the payload changes in them is lost.
	Copy []string

	// Stdout and Stderr get what the payload writes, as it comes; Log gets the
	// kernel's log. Nil discards. The payload's standard input is /dev/null.
	Stdout, Stderr, Log io.Writer

	// Memory is the guest's, in QEMU's notation; the default is 2G.
	Memory string
	// CPUs is how many processors the guest has; the default is 2, and 1 with
	// Icount.
	CPUs int
	// Accel is AccelAuto by default. Icount is for TCG alone.
	Accel Accel
	// Icount lets the guest's time advance by one nanosecond for each
	// instruction that it executes, so that what it takes for a duration is an
	// exact count of instructions, and makes its random numbers, its addresses
	// and its date the same in each boot (QEMU's -icount shift=0,sleep=off).
	Icount bool
	// Append is added to the kernel's command line.
	Append string
	// Timeout bounds the whole run in time of this machine; the default is 20
	// minutes.
	Timeout time.Duration
}

// Run boots the kernel and runs the payload, and returns the payload's exit
// status: 128 plus the signal if one killed it. It fails if the guest cannot
// be had, ends before its payload, exceeds the time, or if its kernel reports
// a fault, be it an oops, a warning, a stall, a finding of KASAN or lockdep or
// a leak that kmemleak finds at the end; a *LogError then holds the log. When
// ctx ends, so does the guest, and the error wraps ctx's.
func Run(ctx context.Context, o Options) (exitCode int, err error) {
	o, err = o.complete()
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
	defer cancel()

	kvmFailed := false
	if o.Accel == AccelAuto {
		o.Accel, kvmFailed = chooseAccel(ctx, o)
	}
	m, err := boot(ctx, o)
	if err != nil {
		return 0, err
	}
	if kvmFailed && m.booted {
		// The kernel boots, only not with KVM: it is KVM's fault.
		rememberKVM(false)
	}
	return m.verdict(o)
}

var errTimeout = errors.New("time is up")

// complete returns o with its defaults filled in, or what is wrong with it.
func (o Options) complete() (Options, error) {
	if !initCalled {
		return o, errors.New("guest: Init was not called: it must be the first thing that main does")
	}
	if o.Kernel == "" || len(o.Args) == 0 {
		return o, errors.New("guest: needs a kernel and a payload")
	}
	if err := checkKernel(o.Kernel); err != nil {
		return o, err
	}
	if o.Dir == "" {
		dir, err := os.Getwd()
		if err != nil {
			return o, fmt.Errorf("working directory for the guest: %w", err)
		}
		o.Dir = dir
	}
	if o.Memory == "" {
		o.Memory = "2G"
	}
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Minute
	}
	for _, w := range []*io.Writer{&o.Stdout, &o.Stderr, &o.Log} {
		if *w == nil {
			*w = io.Discard
		}
	}
	return o.completeProcessor()
}

func (o Options) completeProcessor() (Options, error) {
	switch o.Accel {
	case "":
		o.Accel = AccelAuto
	case AccelAuto, AccelKVM, AccelTCG:
	default:
		return o, fmt.Errorf("guest: no accelerator %q: give auto, kvm or tcg", o.Accel)
	}
	if o.Icount && o.Accel == AccelKVM {
		return o, errors.New("guest: KVM cannot count instructions: icount needs tcg")
	}
	if o.Icount {
		o.Accel = AccelTCG
	}
	if o.CPUs == 0 && o.Icount {
		o.CPUs = 1
	}
	if o.CPUs == 0 {
		o.CPUs = 2
	}
	if o.CPUs < 0 {
		return o, fmt.Errorf("guest: cannot have %d processors", o.CPUs)
	}
	return o, nil
}

// environment returns the payload's.
func (o Options) environment() []string {
	clock := "time"
	if o.Icount {
		clock = "insn"
	}
	return append([]string{
		"PATH=/usr/local/bin:/usr/bin:/bin",
		"HOME=/",
		"TMPDIR=/tmp",
		"EPBENCH_LANE=guest",
		"EPBENCH_ACCEL=" + string(o.Accel),
		"EPBENCH_CLOCK=" + clock,
	}, o.Env...)
}
