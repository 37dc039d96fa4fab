// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"epbench/internal/guest"

	"github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"
)

func vmCommand() *cli.Command {
	return &cli.Command{
		Name:      "vm",
		Usage:     "run one static binary in a kernel booted in QEMU",
		ArgsUsage: "-- PROGRAM [ARGUMENT...]",
		Description: "The program runs as if it had been started here, in a directory of the same name, and vm\n" +
			"exits with its status. Made for go test:\n\n" +
			"    CGO_ENABLED=0 go test -exec 'epbench vm -kernel K --' -bench . ./bench\n\n" +
			"The guest has this directory's testdata, and of the environment the variables EPBENCH_*,\n" +
			"GODEBUG, GOGC, GOMAXPROCS, GOMEMLIMIT and GOTRACEBACK. Files that the program writes are\n" +
			"lost. If the guest's kernel reports a fault, vm prints the report and fails. The guest ends\n" +
			"with vm, and vm with the process that started it.",
		DisableSliceFlagSeparator: true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kernel", Usage: "boot the bzImage `FILE` (make kernel-path prints one)", Required: true},
			&cli.StringFlag{Name: "memory", Usage: "`SIZE` of the guest's memory", Value: "2G"},
			&cli.IntFlag{Name: "cpus", Usage: "`NUMBER` of processors (default: 2, with -icount 1)", HideDefault: true},
			&cli.StringFlag{Name: "accel", Usage: "`HOW` to execute: kvm, tcg, or auto: kvm if it proves to boot", Value: "auto"},
			&cli.BoolFlag{Name: "icount", Usage: "let time count instructions, one a nanosecond (tcg only)"},
			&cli.DurationFlag{Name: "timeout", Usage: "stop the guest after `TIME`", Value: 20 * time.Minute},
			&cli.StringFlag{Name: "append", Usage: "`WORDS` to add to the kernel's command line"},
			&cli.StringSliceFlag{Name: "env", Usage: "pass the variable `NAME`, or set NAME=VALUE"},
			&cli.StringSliceFlag{Name: "copy", Usage: "have the directory `DIR` in the guest too, at the same path"},
			&cli.BoolFlag{Name: "log", Usage: "show the kernel's log on standard error"},
		},
		Action: vm,
	}
}

func vm(ctx context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return usagef("which program? See epbench help vm")
	}
	directories, err := copied(c.StringSlice("copy"))
	if err != nil {
		return err
	}
	options := guest.Options{
		Kernel:  c.String("kernel"),
		Args:    c.Args().Slice(),
		Env:     passed(os.Environ(), c.StringSlice("env")),
		Copy:    directories,
		Stdout:  c.Root().Writer,
		Stderr:  c.Root().ErrWriter,
		Memory:  c.String("memory"),
		CPUs:    c.Int("cpus"),
		Accel:   guest.Accel(c.String("accel")),
		Icount:  c.Bool("icount"),
		Append:  c.String("append"),
		Timeout: c.Duration("timeout"),
	}
	if c.Bool("log") {
		options.Log = c.Root().ErrWriter
	}
	// go test sends SIGQUIT to what exceeds its time.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGQUIT, syscall.SIGHUP)
	defer stop()
	ctx, stop, err = untilParentEnds(ctx)
	if err != nil {
		return err
	}
	defer stop()
	status, err := guest.Run(ctx, options)
	if err == nil && status != 0 {
		return cli.Exit("", status)
	}
	return err
}

// copied returns the directories to copy: those named, and the testdata that a
// package's tests expect to find where they are run.
func copied(named []string) ([]string, error) {
	_, err := os.Stat("testdata")
	switch {
	case err == nil:
		return append(named, "testdata"), nil
	case errors.Is(err, fs.ErrNotExist):
		return named, nil
	}
	return nil, err
}

// passed returns what of the environment the program gets: what says how
// epbench and Go's runtime should behave, and what is asked for, by NAME or as
// NAME=VALUE.
func passed(environment, asked []string) (env []string) {
	wanted := append([]string{"GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GOTRACEBACK"}, asked...)
	// Of several values of one variable the first counts.
	for _, variable := range asked {
		if strings.Contains(variable, "=") {
			env = append(env, variable)
		}
	}
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "EPBENCH_") || slices.Contains(wanted, name) {
			env = append(env, variable)
		}
	}
	return env
}

// untilParentEnds returns a context that is canceled when the process that
// started this one ends: a go test that is killed cannot end its guest itself.
// stop ends the watch.
func untilParentEnds(ctx context.Context) (_ context.Context, stop func(), err error) {
	parent := os.Getppid()
	pidfd, err := unix.PidfdOpen(parent, unix.PIDFD_NONBLOCK)
	if parent == 0 || errors.Is(err, unix.ESRCH) {
		// It is in another PID namespace, or gone already: not ours to watch.
		return ctx, func() {}, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("watching the parent process: pidfd_open: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	watch := os.NewFile(uintptr(pidfd), "parent")
	go func() {
		// A pidfd becomes readable when its process ends: pidfd_open(2).
		conn, err := watch.SyscallConn()
		if err == nil {
			err = conn.Read(func(fd uintptr) bool {
				poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
				n, _ := unix.Poll(poll, 0)
				return n > 0
			})
		}
		if err == nil {
			cancel(errors.New("the process that started it has ended"))
		}
	}()
	return ctx, func() { watch.Close(); cancel(nil) }, nil
}
