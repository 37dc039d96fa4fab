// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"strings"
	"testing"

	"epbench"
	"epbench/workloads/history"
)

// An epoll instance that another one watches is registered there for as long
// as anything refers to it. What merge borrows it has to give back before the
// dump is over, and not when the thread that borrowed it is.
func TestMergeKeepsNoFileAlive(t *testing.T) {
	h, err := history.Parse("p0 epoll\n p0 eventfd\n" + strings.Repeat(`
		p0 epoll
		p0 add 5 4 IN 1
		p0 add 3 5 IN 2
		dump p0
		p0 close 5
		dump p0
	`, 100))
	if err != nil {
		t.Fatal(err)
	}
	d := dumper{dump: merge}
	err = history.Run(h, func(pids []int, want []epbench.Registration) error {
		got, _, err := d.Dump(t.Context(), pids, nil)
		if err == nil && epbench.Diff(want, got) != "" {
			err = errors.New(epbench.Diff(want, got))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
