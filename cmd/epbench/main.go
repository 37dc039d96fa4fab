// SPDX-License-Identifier: MIT

// Command epbench starts processes with epoll registrations, dumps the
// registrations of any process tree, tells which methods of dumping work on
// this kernel, runs benchmarks in a guest and turns their output into a
// report.
//
// It exits with 0 on success, 1 when something failed, 2 when it was called
// wrongly, and tells the reason in one line on standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"epbench/internal/guest"

	"github.com/urfave/cli/v3"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	guest.Init() // does not return in a guest, where this program is the first process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main without its process: it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cli.Command{
		Name:  "epbench",
		Usage: "what it costs to find out which open files a process watches with epoll",
		Commands: []*cli.Command{
			loadCommand(),
			dumpCommand(),
			checkCommand(),
			reportCommand(),
			vmCommand(),
		},
		Reader:    stdin,
		Writer:    stdout,
		ErrWriter: stderr,
		// Errors are told below, once and in one line.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usagef("no command %q: see epbench help", c.Args().First())
			}
			return usagef("which command? See epbench help")
		},
	}
	explainUsage(root)
	return exitStatus(ctx, root.Run(ctx, args), stderr)
}

// exitStatus tells err on stderr and returns the status for it.
func exitStatus(ctx context.Context, err error, stderr io.Writer) int {
	var exit cli.ExitCoder
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit): // the status of a program that was run for the user
		if err.Error() != "" {
			fmt.Fprintln(stderr, "epbench:", err)
		}
		return exit.ExitCode()
	case errors.As(err, &usage):
		fmt.Fprintln(stderr, "epbench:", err)
		return exitUsage
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		fmt.Fprintln(stderr, "epbench: interrupted")
		return exitFailed
	}
	fmt.Fprintln(stderr, "epbench:", err)
	return exitFailed
}

// usageError is a fault of the command line.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// explainUsage makes every command report faults of its flags as usageErrors,
// instead of printing its help.
func explainUsage(c *cli.Command) {
	c.OnUsageError = func(_ context.Context, c *cli.Command, err error, _ bool) error {
		return usagef("%v: see epbench help %s", err, c.Name)
	}
	for _, sub := range c.Commands {
		explainUsage(sub)
	}
}
