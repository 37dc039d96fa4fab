// SPDX-License-Identifier: MIT

// Package results turns raw benchmark files into a report: how each method of
// dumping grows, what the iterator saves, what a file reference costs, where
// userspace does just as well, and how far to trust each of these.
//
// It reads files and nothing else. It knows the benchmarks by their names (see
// Format) and imports none of the packages that measure.
//
// # What it insists on
//
// Medians and the distribution-free confidence intervals of
// golang.org/x/perf/benchmath, so that every number agrees with benchstat on
// the same file. No mean, no "best of", no lone number without its interval.
//
// Nothing is mixed that ran under different conditions. Results form a group
// by lane, kernel and clock; whatever else the configuration lines say (CPU,
// acceleration, commit of the suite, GOMAXPROCS, ...) must be one and the same
// throughout a group, or Read refuses. No ratio is ever formed across groups.
//
// Nothing is extrapolated. A crossing is looked for between measured sizes
// only; a case that was not run is listed with its prediction, and the
// prediction enters no table, fit or picture.
//
// Warnings are values beside the numbers that they concern, and are printed
// there.
//
// Everything random is seeded from the names of what is resampled. The output
// depends on the input files alone: not on the machine, the number of CPUs or
// the order of evaluation.
//
// # Exponents
//
// The growth exponent of a series is the least-squares slope of log(median)
// against log(n), each measured size counting once. For n log n and other laws
// with a logarithm there is no one slope, so the quantity that is estimated is
// defined as the slope that the same fit finds on the noise-free law over the
// same sizes: n log n over 100, 1,000 and 10,000 has exponent 1.15, over 1,000
// to 100,000 it has 1.11. Local exponents, between neighbouring sizes, show
// whether the slope changes.
//
// The 95% interval comes from resampling the measurements of each size. Few
// samples make plain bootstrap intervals too short (of six samples with 2% noise
// at three sizes, the basic interval meant to contain the truth in 99% of cases
// does in 93%), and samples of one size share what happened while it ran. The
// interval is therefore symmetric, reaches as far as the central 99% of the
// resampled slopes on their wider side, and is widened by the usual small-sample
// factors. On synthetic laws it contains the truth in 97 to 100 of 100 draws; it
// is meant to err on that side.
//
// # Laws
//
// Which of n, n log n, n², n² log n and n³ fits best is decided on
// cost = a + b·law(n) and, for the laws from n² on, also on a·n + b·law(n), with
// a ≥ 0: every method pays something once per dump, the quadratic ones read the
// registrations too, and n plus a constant must not pass for something slower
// than n. The fit minimizes relative errors, as the noise is relative, and a
// must lower their standard error. A law must win in 95% of
// resamples, in each of which every size is also moved by as much as the best
// law misses the medians: where caches or branches bend a curve by more than
// the laws differ, no law is named, but those that remain possible are. Fewer
// than three sizes, or sizes that span less than a factor of ten, cannot tell.
//
// # Ratios
//
// The interval of a ratio is [lo/hi, hi/lo] of the intervals of the two
// medians: wider than need be, and open to check by hand. Where it contains 1,
// the report says that no difference is shown.
//
// # Format
//
// Files are in the Go benchmark format, as go test -bench prints it. In force
// before the first result must be the configuration lines kernel, lane (native,
// guest), accel (none, kvm, tcg), clock (time, insn), patched (yes, no) and
// suite (the commit), together in one block. Names, with their axes:
//
//	BenchmarkDump/shape=/kind=/n=/method=       sec/op sec/reg kcmp/op syscalls/op B-read/op
//	BenchmarkFloor/floor=/shape=/kind=/n=       sec/op sec/reg
//	BenchmarkSetup/method=                      sec/op
//	BenchmarkFdinfo/n=  BenchmarkKcmp/n=        sec/op
//	BenchmarkFileRef/guard=/prog=/n=            sec/op sec/reg
//	BenchmarkRefcount/guard=/threads=/n=           sec/op sec/reg
//	BenchmarkResume/resume=/buf=/n=             sec/op
//
// with ns for sec as Go prints it, or insn where the clock is insn. Further
// axes (epolls=4) are kept apart, never averaged over. Benchmarks of other
// names or packages are passed over with a warning.
//
// Three more kinds of lines are read. None has the form of a result or of a
// configuration line, so benchstat passes over them:
//
//	# not run: BenchmarkDump/shape=moved/kind=eventfd/n=10000/method=naive predicted=210s budget=2s
//	# not available: loading the epoll program: not supported by this kernel
//	# command: go test -run '^$' -bench . -count 8 ./bench
package results
