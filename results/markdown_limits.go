// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"strings"
)

// reproduction says how to get at these figures again.
func (r *Report) reproduction(d *document) {
	d.heading(2, "How to reproduce")
	for _, line := range r.reproductionSteps() {
		d.line("%s", line)
	}
	d.line("")
	t := newTable(1, "file", "results", "SHA-256")
	for _, s := range r.Sources {
		t.row("`"+s.Path+"`", thousands(s.Results), "`"+s.SHA256[:16]+"…`")
	}
	d.table(t)
}

// reproductionSteps are shell commands, and what they make.
func (r *Report) reproductionSteps() (lines []string) {
	lines = append(lines, "```")
	for _, suite := range r.suites() {
		lines = append(lines, "git checkout "+suite)
	}
	lines = append(lines, "make bench")
	var paths []string
	for _, s := range r.Sources {
		if len(s.Commands) > 0 {
			lines = append(append(lines, "# which wrote "+s.Path+" by:"), s.Commands...)
		}
		paths = append(paths, s.Path)
	}
	return append(lines, "epbench report "+strings.Join(paths, " "), "```")
}

// suites lists the commits that measured.
func (r *Report) suites() (out []string) {
	for i := range r.Groups {
		out = appendNew(out, r.Groups[i].Suite)
	}
	return out
}

// limits lists what stands between these figures and a general truth.
func (r *Report) limits(d *document) {
	d.heading(2, "Limits and threats to validity")
	for _, l := range r.limitations() {
		d.line("- %s", l)
	}
	d.line("")
}

func (r *Report) limitations() (out []string) {
	for i := range r.Groups {
		g := &r.Groups[i]
		switch {
		case g.Clock == "insn":
			out = append(out, fmt.Sprintf("%s: instruction counts under icount are of all that the guest executed meanwhile: a pass of the iterator takes the same number from run to run, a whole dump varies by some per cent with timer interrupts and Go's runtime. They are blind to caches, branch prediction and the price of atomic operations. Ratios of instructions are no ratios of time.", g.Slug))
		case g.Accel == "tcg":
			out = append(out, fmt.Sprintf("%s: times under TCG show growth, not hardware speed.", g.Slug))
		}
	}
	return append(out,
		"Each lane is one machine and one kernel. Groups of results are shown side by side; no ratio is formed across them.",
		"The intervals cover the noise within a run. Other boots, kernels, configurations and CPUs differ by more.",
		"Each interval has 95% confidence by itself. Of many intervals some miss.",
		"Dumps are repeated on the same process: caches are warm, and a first dump costs more. The single dump of the crossovers is a warm dump plus the set-up.",
		"The dumped processes sit still and do nothing else, so that no piece has to be read again. `taskfile` takes no lock: it makes sure of what it has read by a second look. `merge` watches the target's epoll instances while it works, but never touches their registrations.",
		"`criu` is CRIU's algorithm in this suite, with the same kcmp calls; it is not CRIU, which does much else in a dump.",
		"Iterators need CAP_BPF and CAP_PERFMON, userspace needs permission to ptrace the target; the `epoll` iterator needs a kernel patch that is not upstream.",
		"The workloads of Dump are synthetic and uniform. The worst case for kcmp, `moved`, is what dup, close and descriptor passing leave behind; how common it is was not measured.",
	)
}
