// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"epbench"
	"epbench/baseline"

	"github.com/urfave/cli/v3"
)

func dumpCommand() *cli.Command {
	return &cli.Command{
		Name:      "dump",
		Usage:     "print every epoll registration of live processes, each with its target",
		ArgsUsage: "PID...",
		Description: "Targets are looked for among the descriptors of the given processes. Stop them first\n" +
			"(kill -STOP) if they are busy: a dump is exact only while nobody changes what it reads.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "method", Value: auto, Usage: "how to dump: auto for the best that works, or a `NAME` that epbench check lists"},
			&cli.BoolFlag{Name: "json", Usage: "print one JSON object a registration, in canonical order"},
			&cli.BoolFlag{Name: "stats", Usage: "print one JSON object of counts on standard error"},
			&cli.BoolFlag{Name: "tree", Usage: "include the descendants of the processes"},
		},
		Action: dump,
	}
}

// dumped is what -stats prints.
type dumped struct {
	Method        string `json:"method"`
	Registrations int    `json:"registrations"`
	Kcmp          uint64 `json:"kcmp"`
	Syscalls      uint64 `json:"syscalls"`
	BytesRead     uint64 `json:"bytes_read"`
	ElapsedNS     int64  `json:"elapsed_ns"`
}

func dump(ctx context.Context, c *cli.Command) error {
	pids, err := parsePIDs(c.Args().Slice())
	if err != nil {
		return err
	}
	stderr := c.Root().ErrWriter
	dumper, method, err := openMethod(c.String("method"))
	if err != nil {
		return err
	}
	defer dumper.Close()
	if c.String("method") == auto {
		fmt.Fprintln(stderr, "epbench: method", method)
	}
	if c.Bool("tree") {
		if pids, err = baseline.Descendants(pids); err != nil {
			return err
		}
	}

	start := time.Now()
	regs, stats, refusal := dumper.Dump(ctx, pids, nil)
	elapsed := time.Since(start)
	if refusal != nil && !errors.Is(refusal, epbench.ErrRefused) {
		return refusal
	}

	for _, w := range stats.Warnings {
		fmt.Fprintln(stderr, "epbench: warning:", w)
	}
	if err := printer(c.Bool("json"))(c.Root().Writer, regs); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	if c.Bool("stats") {
		err := json.NewEncoder(stderr).Encode(dumped{
			Method:        method,
			Registrations: len(regs),
			Kcmp:          stats.Kcmp,
			Syscalls:      stats.Syscalls,
			BytesRead:     stats.BytesRead,
			ElapsedNS:     elapsed.Nanoseconds(),
		})
		if err != nil {
			return fmt.Errorf("printing the counts: %w", err)
		}
	}
	return refusal
}

func printer(asJSON bool) func(io.Writer, []epbench.Registration) error {
	if asJSON {
		return printJSON
	}
	return printTable
}

func parsePIDs(args []string) ([]int, error) {
	if len(args) == 0 {
		return nil, usagef("dump takes the PIDs of the processes to dump")
	}
	var pids []int
	for _, arg := range args {
		pid, err := strconv.ParseInt(arg, 10, 32)
		if err != nil || pid <= 0 {
			return nil, usagef("%q is not a PID", arg)
		}
		pids = append(pids, int(pid))
	}
	return pids, nil
}
