// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"os"
	"testing"

	"epbench/baseline"
	"epbench/workloads"
)

// BenchmarkFdinfo is one reading of an epoll's fdinfo, parsed: the part that
// every method of userspace pays once.
func BenchmarkFdinfo(b *testing.B) {
	forEachSize(b, func(b *testing.B, w *workloads.Workload) {
		path := fmt.Sprintf("/proc/%d/fdinfo/%d", w.Epolls[0].PID, w.Epolls[0].FD)
		var info baseline.Fdinfo
		for b.Loop() {
			f, err := os.Open(path)
			if err != nil {
				b.Fatal(err)
			}
			info.Reset(f)
			items := 0
			for info.Next() {
				items++
			}
			f.Close()
			if info.Err() != nil || items != len(w.Truth) {
				b.Fatalf("%s: %d registrations, want %d: %v", path, items, len(w.Truth), info.Err())
			}
		}
		reportTime(b, len(w.Truth))
		b.ReportMetric(float64(info.BytesRead()), "B-read/op")
	})
}

// BenchmarkKcmp is one kcmp(KCMP_EPOLL_TFD), averaged over the registrations
// of an epoll: the call that userspace makes for every candidate, and in which
// the kernel walks the registrations one by one to the one that is asked for.
func BenchmarkKcmp(b *testing.B) {
	forEachSize(b, func(b *testing.B, w *workloads.Workload) {
		i := 0
		for b.Loop() {
			r := w.Truth[i]
			order, err := baseline.KcmpTarget(r.Target, r.Epoll, r.TFD, 0)
			skipUnavailable(b, err)
			if err != nil || order != 0 {
				b.Fatalf("kcmp of %v: %d, %v", r, order, err)
			}
			i = (i + 1) % len(w.Truth)
		}
		reportTime(b, 1)
	})
}

// forEachSize runs f on one plain epoll of each size.
func forEachSize(b *testing.B, f func(*testing.B, *workloads.Workload)) {
	for _, n := range sizes.values {
		spec, err := workloads.Parse(fmt.Sprintf("shape=inplace,kind=eventfd,n=%d", n))
		if err != nil {
			b.Fatal(err)
		}
		get := sharedWorkload(b, spec)
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) { f(b, get(b)) })
	}
}
