// SPDX-License-Identifier: MIT

package bench

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
)

// BenchmarkRefcount is the hardware's side of BenchmarkFileRef: instruction
// counts of a guest do not show what an atomic operation waits for. It does on
// n counters what each guard does on the f_count of n files, in the order of
// their addresses, which is the order of the epoll's tree; alone, and while a
// second thread takes and drops references to the same files, as the owner of
// the files might.
//
// It runs in userspace, in the native lane: the instructions are those that the
// kernel's x86 atomics compile to.
func BenchmarkRefcount(b *testing.B) {
	if lane() == "guest" {
		b.Skip("it is the processor of this machine that matters: see the native lane")
	}
	for _, g := range guards {
		b.Run("guard="+g.name, func(b *testing.B) {
			for _, threads := range []int{1, 2} {
				b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
					for _, n := range sizes.values {
						b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
							if threads > runtime.GOMAXPROCS(0) {
								b.Skipf("%d threads need as many processors", threads)
							}
							files := newFiles(n)
							if threads == 2 {
								defer contend(files)()
							}
							for b.Loop() {
								g.pass(files)
							}
							reportTime(b, n)
						})
					}
				})
			}
		})
	}
}

// file stands for a struct file: its reference count alone matters, and that
// no two share a cache line. The size is that of the kernel's slab objects
// (struct file, aligned to cache lines, Linux 6.12).
type file struct {
	count atomic.Int64
	rest  [23]uint64
}

// newFiles returns pointers to n files, as the epitems have them.
func newFiles(n int) []atomic.Pointer[file] {
	memory := make([]file, n)
	files := make([]atomic.Pointer[file], n)
	for i := range memory {
		memory[i].count.Store(1)
		files[i].Store(&memory[i])
	}
	return files
}

// guards are the ways of holding a file while a program looks at it.
var guards = []struct {
	name string
	pass func([]atomic.Pointer[file])
}{
	{"none", func(files []atomic.Pointer[file]) {
		for i := range files {
			use(files[i].Load())
		}
	}},
	{"peek", func(files []atomic.Pointer[file]) {
		for i := range files {
			if f := files[i].Load(); f.count.Load() != 0 {
				use(f)
			}
		}
	}},
	{"fget", func(files []atomic.Pointer[file]) {
		for i := range files {
			if f := files[i].Load(); f.get() {
				use(f)
				f.put()
			}
		}
	}},
	{"rcu", func(files []atomic.Pointer[file]) {
		for i := range files {
			if f := getRCU(&files[i]); f != nil {
				use(f)
				f.put()
			}
		}
	}},
}

// used keeps the compiler from dropping a pass that only looks.
var used uint64

// use reads from the file what is not its count, as every program does
// (file->f_op, f_inode): the cache line has to come in whatever the guard is.
func use(f *file) { used += f.rest[0] }

// get is atomic_long_inc_not_zero, as get_file_rcu was in 2021.
func (f *file) get() bool {
	for {
		count := f.count.Load()
		if count == 0 {
			return false
		}
		if f.count.CompareAndSwap(count, count+1) {
			return true
		}
	}
}

// put is fput without the work of a last reference.
func (f *file) put() { f.count.Add(-1) }

// getRCU is get_file_rcu since Linux 6.7, which reads the pointer again when
// it has the reference.
func getRCU(p *atomic.Pointer[file]) *file {
	for {
		f := p.Load()
		if !f.get() {
			return nil
		}
		if p.Load() == f {
			return f
		}
		f.put()
	}
}

// contend takes and drops references to files on a thread of its own until the
// function that it returns is called.
func contend(files []atomic.Pointer[file]) (stop func()) {
	var stopping atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for !stopping.Load() {
			for i := range files {
				f := files[i].Load()
				f.get()
				f.put()
			}
		}
	}()
	return func() {
		stopping.Store(true)
		<-done
	}
}
