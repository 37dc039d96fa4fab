// SPDX-License-Identifier: MIT

// Package bench asks the project's questions as Go benchmarks, one file a
// question, and holds the tests that all methods tell the same truth.
//
//	BenchmarkDump    what does a method cost, by shape, kind and number of registrations?
//	BenchmarkProfile what does it cost on what server programs have open?
//	BenchmarkReal    what does it cost on the programs themselves, started with connections open?
//	BenchmarkScale   what becomes of the iterators with a million registrations?
//	BenchmarkFloor   what is the least that any iterator could cost here?
//	BenchmarkSetup   what does it cost to make a method ready (load, verify, attach)?
//	BenchmarkFdinfo  what does one reading of an epoll's fdinfo cost?
//	BenchmarkKcmp    what does one kcmp(KCMP_EPOLL_TFD) cost?
//	BenchmarkFileRef   what does it cost to hold each file while the program runs?
//	BenchmarkResume    what does a partial read cost, by how it is resumed?
//	BenchmarkFileRef   what does it cost to hold each file while the epoll iterator's program runs?
//	BenchmarkResume    what does it cost to read the epoll iterator in pieces?
//	BenchmarkRefcount  what does a reference on each file cost on this hardware?
//
// # What is timed
//
// An operation is one dump, from known PIDs to finished []Registration, join
// and sorting included, of a process that sits still. Before a method is timed
// on a workload, its result there is compared with the ground truth; a method
// that is wrong fails and is not timed.
//
// A case whose predicted cost per operation is over -budget is not run. The
// output then has a line that is no benchmark line and no configuration, which
// benchstat passes over:
//
//	# not run: BenchmarkDump/shape=moved/kind=eventfd/n=10000/method=naive predicted=210s budget=2s
//
// The prediction extends the growth from n/4 to n/2 by one more doubling.
//
// # Units
//
//	ns/op, ns/reg  time of a dump, and the same divided by the registrations
//	kcmp/op        kcmp(2) calls of a dump
//	syscalls/op    its other system calls
//	B-read/op      bytes that it read from procfs or from the iterator
//	refused/op     1 if the program whose algorithm the method is would have
//	               given up: CRIU does at a target that only another process
//	               holds, or none
//
// Configuration lines (kernel, lane, accel, clock, patched, suite) say where
// the measurement ran; benchstat keeps apart what differs in them. With
// "clock: insn" the units insn/op and insn/reg stand for ns/op and ns/reg:
// instruction counts of a guest, not times. What is not the operation's
// own (timer interrupts, the garbage collector and the monitor thread of Go's
// runtime) is kept small by GOGC=off and GOMAXPROCS=2 on one processor, which
// lets the runtime leave a long system call alone. BenchmarkFileRef and
// BenchmarkResume report the least of a few operations, all others the mean, as
// Go does.
package bench
