// SPDX-License-Identifier: MIT

package bench

import (
	"errors"

	"epbench"
	"epbench/workloads"
)

// unlessRefused returns err, unless it comes with a complete dump.
func unlessRefused(err error) error {
	if errors.Is(err, epbench.ErrRefused) {
		return nil
	}
	return err
}

// criuRefuses tells whether CRIU gives up on w. It searches for the targets of
// an instance if the number of any does not name it, and must then find each
// among the files that the instance's own process was the first to have
// (criu/eventpoll.c, flush_eventpoll_dinfo_queue).
func criuRefuses(w *workloads.Workload) bool {
	searched, elsewhere := map[epbench.Ref]bool{}, map[epbench.Ref]bool{}
	for _, r := range w.Truth {
		number := epbench.Ref{PID: r.Epoll.PID, FD: r.TFD}
		if r.Target.IsNone() || w.Name(number) != r.Target {
			searched[r.Epoll] = true
		}
		if r.Target.PID != r.Epoll.PID {
			elsewhere[r.Epoll] = true
		}
	}
	for epoll := range elsewhere {
		if searched[epoll] {
			return true
		}
	}
	return false
}
