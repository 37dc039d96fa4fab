// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"epbench"
	"epbench/internal/process"
	"epbench/workloads"

	"github.com/urfave/cli/v3"
)

func loadCommand() *cli.Command {
	return &cli.Command{
		Name:      "load",
		Usage:     "start a workload and hold it, so that other tools can be pointed at it",
		ArgsUsage: "SPEC",
		Description: "SPEC is key=value pairs, such as shape=moved,kind=eventfd,n=10000,epolls=4,idle=1000, or\n" +
			"profile=nginx,n=1000 for what a server program has with so many connections.\n" +
			"When the workload is ready, one line of JSON tells its PIDs and epoll instances. It is held\n" +
			"until standard input closes or an interrupt arrives.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "truth", Usage: "write the registrations to `FILE`, as dump -json prints them"},
		},
		Action: load,
	}
}

// loaded is what load prints when the workload is ready.
type loaded struct {
	PIDs          []int         `json:"pids"`
	Epolls        []epbench.Ref `json:"epolls"`
	Registrations int           `json:"registrations"`
}

func load(ctx context.Context, c *cli.Command) error {
	if c.Args().Len() != 1 {
		return usagef("load takes one SPEC, such as shape=moved,kind=eventfd,n=1000")
	}
	spec, err := workloads.Parse(c.Args().First())
	if err != nil {
		return usagef("%v", err)
	}
	w, err := workloads.Start(ctx, spec)
	if err != nil {
		return err
	}
	defer w.Close()
	if file := c.String("truth"); file != "" {
		if err := writeTruth(file, w.Truth); err != nil {
			return err
		}
	}
	ready := loaded{PIDs: w.PIDs, Epolls: w.Epolls, Registrations: len(w.Truth)}
	if err := json.NewEncoder(c.Root().Writer).Encode(ready); err != nil {
		return fmt.Errorf("telling that the workload is ready: %w", err)
	}
	return hold(ctx, c.Root().Reader, w.PIDs)
}

func writeTruth(file string, truth []epbench.Registration) error {
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("writing the truth: %w", err)
	}
	defer f.Close()
	if err := printJSON(f, truth); err != nil {
		return fmt.Errorf("writing the truth to %s: %w", file, err)
	}
	return f.Close()
}

// hold waits for the end of stdin, for ctx, or for the death of one of pids,
// and of these calls only the last an error.
func hold(ctx context.Context, stdin io.Reader, pids []int) error {
	held, err := process.Hold(pids)
	if err != nil {
		return err
	}
	defer held.Close()

	// The reader ends with the input or, when it is the other conditions that
	// end the wait, with the program.
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		io.Copy(io.Discard, stdin)
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-closed:
			return nil
		case <-tick.C:
			if err := held.Check(); err != nil {
				return fmt.Errorf("the workload ended by itself: %w", err)
			}
		}
	}
}
