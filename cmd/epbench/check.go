// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"

	"epbench"

	"github.com/urfave/cli/v3"
)

func checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "tell which methods work here, and what the others need",
		Description: "Opens every method, which loads the BPF programs of those that have any.\n" +
			"Exits with 1 if none works.",
		Action: check,
	}
}

func check(_ context.Context, c *cli.Command) error {
	if c.Args().Present() {
		return usagef("check takes no arguments")
	}
	out := tabwriter.NewWriter(c.Root().Writer, 0, 0, 2, ' ', 0)
	works := 0
	for _, m := range methods() {
		d, err := m.Open()
		if err != nil {
			fmt.Fprintf(out, "%s\tno\t%s\n", m.Name, reason(err))
			continue
		}
		works++
		fmt.Fprintf(out, "%s\tyes\t%s\n", m.Name, m.How)
		if err := d.Close(); err != nil {
			return fmt.Errorf("closing method %s: %w", m.Name, err)
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if works == 0 {
		return errors.New("no method works here")
	}
	return nil
}

// reason tells what keeps a method from working, and then what would help.
func reason(err error) string {
	var unavailable *epbench.UnavailableError
	if errors.As(err, &unavailable) && unavailable.Hint != "" {
		return fmt.Sprintf("%v; %s", unavailable.Err, unavailable.Hint)
	}
	return err.Error()
}
