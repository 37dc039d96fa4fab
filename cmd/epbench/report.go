// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"epbench/results"

	"github.com/urfave/cli/v3"
)

// reportCommand turns raw benchmark files into a report.
func reportCommand() *cli.Command {
	return &cli.Command{
		Name:      "report",
		Usage:     "analyze benchmark files: tables, plots, text for a mailing list",
		ArgsUsage: "FILE...",
		Description: "FILEs are what go test -bench printed for this suite. With -format md,\n" +
			"report.md, upstream.txt and the plots are written to DIR, and the headline\n" +
			"to standard output. With -format json, all computed figures are written to\n" +
			"report.json in DIR if -o is given, otherwise to standard output.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "o", Value: "report", Usage: "write to the directory `DIR`"},
			&cli.StringFlag{Name: "format", Value: "md", Usage: "`FORMAT` of the report: md or json"},
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if !c.Args().Present() {
				return usagef("which benchmark files? See epbench help report")
			}
			format := c.String("format")
			if format != "md" && format != "json" {
				return usagef("-format %q is neither md nor json", format)
			}
			r, err := analyze(c.Root().ErrWriter, c.Args().Slice())
			switch {
			case err != nil:
				return err
			case format == "md":
				return writeReport(c.Root().Writer, r, c.String("o"))
			case c.IsSet("o"):
				return writeReportJSON(r, c.String("o"))
			}
			return printReportJSON(c.Root().Writer, r)
		},
	}
}

// analyze analyzes the files, and tells the warnings about them.
func analyze(stderr io.Writer, paths []string) (*results.Report, error) {
	data, err := results.Read(paths...)
	if err != nil {
		return nil, err
	}
	for _, text := range data.Warnings {
		fmt.Fprintln(stderr, "epbench: warning:", text)
	}
	return results.Analyze(data), nil
}

// writeReport writes the report to dir, and on w its headline.
func writeReport(w io.Writer, r *results.Report, dir string) error {
	if _, err := r.WriteFiles(dir); err != nil {
		return err
	}
	for _, sentence := range r.Headline {
		fmt.Fprintln(w, "-", sentence)
	}
	_, err := fmt.Fprintln(w, "The report is", filepath.Join(dir, "report.md"))
	return err
}

func writeReportJSON(r *results.Report, dir string) error {
	b, err := r.JSON()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("can't make the directory of the report: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.json"), b, 0o666); err != nil {
		return fmt.Errorf("can't write the report: %w", err)
	}
	return nil
}

func printReportJSON(w io.Writer, r *results.Report) error {
	b, err := r.JSON()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}
