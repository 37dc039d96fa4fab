// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"testing"

	"epbench/bpf"
)

// BenchmarkFileRef is what it costs to hold each watched file while the epoll
// iterator's program runs, of a program that does nothing and of one that
// stores full records. An operation is one pass over one epoll instance, from
// attaching to the last record.
func BenchmarkFileRef(b *testing.B) {
	for _, guard := range []struct {
		name   string
		target bpf.EpollTarget
	}{
		{"none", bpf.TargetNone},
		{"peek", bpf.TargetEpoll},
		{"fget", bpf.TargetFget},
		{"rcu", bpf.TargetRCU},
	} {
		for _, program := range []bpf.EpollProgram{bpf.EpollEmpty, bpf.EpollCount, bpf.EpollFull} {
			b.Run(fmt.Sprintf("guard=%s/prog=%s", guard.name, program), func(b *testing.B) {
				pass := openPass(b, guard.target, program)
				for _, n := range sizes.values {
					b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
						benchmarkPass(b, pass, program, n)
					})
				}
			})
		}
	}
}

func openPass(b *testing.B, target bpf.EpollTarget, program bpf.EpollProgram) *bpf.EpollPass {
	b.Helper()
	pass, err := bpf.OpenEpollPass(target, program)
	skipUnavailable(b, err)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { pass.Close() })
	return pass
}

func benchmarkPass(b *testing.B, pass *bpf.EpollPass, program bpf.EpollProgram, n int) {
	epoll := ownEpoll(b, n)
	want := uint64(n)
	if program == bpf.EpollEmpty {
		want = 0
	}
	run := func() {
		got, err := pass.Run(epoll)
		if err != nil {
			b.Fatal(err)
		}
		if got != want {
			b.Fatalf("%d registrations, want %d", got, want)
		}
	}
	run() // arrays grow once
	loopOperations(b, n, run)
}
