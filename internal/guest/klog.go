// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// fault matches the first line of what the kernel says when something in it is
// wrong. Lines begin so, after the time stamp and, with CONFIG_PRINTK_CALLER,
// the thread:
//
//   - BUG: KASAN, KFENCE, KCSAN, soft lockups, "sleeping function called from
//     invalid context", "unable to handle page fault", "scheduling while
//     atomic", "workqueue lockup", "workqueue leaked lock"
//   - WARNING: WARN_ON (kernel/panic.c, __warn), lockdep's (kernel/locking/
//     lockdep.c: "possible circular locking dependency", "inconsistent lock
//     state", "suspicious RCU usage" and more)
//   - INFO: hung tasks (kernel/hung_task.c), "trying to register non-static
//     key" (lockdep switches itself off)
//   - rcu: INFO: stalls (kernel/rcu/tree_stall.h)
//   - kmemleak finds leaks by itself too, but says so only of those it would
//     find at the end as well, and of some that are none: not matched
var fault = regexp.MustCompile(`^(\[ *\d+\.\d+\])?(\[ *[TC]\d+\])? ?(` +
	strings.Join([]string{
		`(watchdog: )?BUG: `,
		`(NMI )?watchdog: .*hard LOCKUP`,
		`WARNING: `,
		`INFO: (task|trying to register|lockdep is turned off)`,
		`rcu: INFO: .*(stall|kthread starved)`,
		`rcu: .* kthread starved`,
		`UBSAN: `,
		`(refcount_t|list_add|list_del|slab|ODEBUG)\b.*(corruption|saturated|use-after-free|underflow|overflow|leaking|bug|active)`,
		`general protection fault`,
		`Oops\b`,
		`Kernel panic`,
		`(stack|invalid opcode|divide error|int3|double fault): .*\[#\d+\]`,
		`kernel BUG at `,
		`Out of memory: `,
		`oom-kill:`,
	}, "|") + `)`)

const (
	// tailLines is how much of the log is shown of a guest that died.
	tailLines = 20
	// reportLines bounds what is shown of a report, and contextLines what is
	// shown of what came before it.
	reportLines  = 120
	contextLines = 5
	// A report is complete when the log has been quiet for reportQuiet, and
	// is not waited for longer than reportWait.
	reportQuiet = 2 * time.Second
	reportWait  = 20 * time.Second
)

// kernelLog is an io.Writer that is given the kernel's log, keeps its end, and
// looks out for faults.
type kernelLog struct {
	// complete is called once, when a fault was found and its report is done.
	complete func()

	mu      sync.Mutex
	partial []byte
	recent  []string
	report  []string
	quiet   *time.Timer
	until   time.Time
}

func (k *kernelLog) Write(p []byte) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.partial = append(k.partial, p...)
	for {
		line, rest, ended := bytes.Cut(k.partial, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		k.line(strings.TrimRight(string(line), "\r"))
		k.partial = rest
	}
}

func (k *kernelLog) line(s string) {
	k.recent = append(k.recent, s)
	if len(k.recent) > tailLines {
		k.recent = slices.Delete(k.recent, 0, 1)
	}
	switch {
	case k.report != nil:
		if len(k.report) < reportLines {
			k.report = append(k.report, s)
		}
		if time.Now().Before(k.until) {
			k.quiet.Reset(reportQuiet)
		}
	case fault.MatchString(s):
		k.report = slices.Clone(k.recent[max(0, len(k.recent)-1-contextLines):])
		k.until = time.Now().Add(reportWait)
		k.quiet = time.AfterFunc(reportQuiet, k.complete)
	}
}

// close ends the watch. Its log is complete then.
func (k *kernelLog) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.partial) > 0 {
		k.line(string(k.partial))
		k.partial = nil
	}
	if k.quiet != nil {
		k.quiet.Stop()
	}
}

// LogError is the failure of a guest whose reason is in its kernel's log.
type LogError struct {
	// Reason is one line.
	Reason string
	// Log is what the kernel printed of it, or last, by line.
	Log []string
}

// Error returns the reason, and the log below it.
func (e *LogError) Error() string {
	if len(e.Log) == 0 {
		return e.Reason + "; its kernel printed nothing: does it have CONFIG_SERIAL_8250_CONSOLE?"
	}
	return e.Reason + ":\n    " + strings.Join(e.Log, "\n    ")
}
