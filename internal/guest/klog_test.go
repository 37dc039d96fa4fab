// SPDX-License-Identifier: MIT

package guest

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestFaultsAreToldFromOrdinaryLines(t *testing.T) {
	faults := []string{
		"[    3.141592] BUG: KASAN: slab-use-after-free in ep_insert+0x1/0x2",
		"[    3.141592][   T42] BUG: KASAN: slab-use-after-free in ep_insert+0x1/0x2",
		"[    3.141592] BUG: sleeping function called from invalid context at kernel/locking/mutex.c:580",
		"[    3.141592] BUG: kernel NULL pointer dereference, address: 0000000000000000",
		"[    3.141592] BUG: unable to handle page fault for address: ffffffffffffff00",
		"[    3.141592] Oops: 0002 [#1] PREEMPT SMP NOPTI",
		"[    3.141592] Oops: general protection fault, probably for non-canonical address: 0000 [#1]",
		"[    3.141592] general protection fault: 0000 [#1] SMP",
		"[    3.141592] WARNING: CPU: 1 PID: 42 at fs/eventpoll.c:1 ep_remove+0x1/0x2",
		"[    3.141592] WARNING: possible circular locking dependency detected",
		"[    3.141592] WARNING: inconsistent lock state",
		"[    3.141592] WARNING: suspicious RCU usage",
		"[    3.141592] INFO: task payload:42 blocked for more than 120 seconds.",
		"[    3.141592] INFO: trying to register non-static key.",
		"[    3.141592] rcu: INFO: rcu_preempt self-detected stall on CPU",
		"[    3.141592] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
		"[    3.141592] rcu: rcu_preempt kthread starved for 5250 jiffies! g1 f0x0",
		"[    3.141592] watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [payload:42]",
		"[    3.141592] NMI watchdog: Watchdog detected hard LOCKUP on cpu 0",
		"[    3.141592] refcount_t: underflow; use-after-free.",
		"[    3.141592] list_del corruption. prev->next should be ff, but was 00",
		"[    3.141592] kernel BUG at lib/list_debug.c:62!",
		"[    3.141592] UBSAN: array-index-out-of-bounds in fs/eventpoll.c:1:2",
		"[    3.141592] ODEBUG: free active (active state 0) object: ff object type: timer_list",
		"[    3.141592] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000200",
		"[    3.141592] Out of memory: Killed process 42 (payload) total-vm:1kB",
		"Kernel panic - not syncing: before the clock runs",
	}
	ordinary := []string{
		"[    0.507580] NMI watchdog: Perf NMI watchdog permanently disabled",
		"[    1.318426] PCI: Using host bridge windows from ACPI; if necessary, use \"pci=nocrs\" and report a bug",
		"[    1.149957] mtrr: your CPUs had inconsistent fixed MTRR settings",
		"[    0.500914] rcu: \tMax phase no-delay instances is 1000.",
		"[    0.500914] rcu: \tRCU debug extended QS entry/exit.",
		"[    0.500914] Spectre V2 : WARNING: Unprivileged eBPF is enabled",
		"[    2.000000] kmemleak: Automatic memory scanning thread started",
		"[    2.000000] payload: this mentions a BUG: but does not begin with it",
		"",
	}
	for _, line := range faults {
		if !fault.MatchString(line) {
			t.Errorf("not taken for a fault: %s", line)
		}
	}
	for _, line := range ordinary {
		if fault.MatchString(line) {
			t.Errorf("taken for a fault: %s", line)
		}
	}
}

func TestAReportIsWaitedForUntilTheLogIsQuiet(t *testing.T) {
	completed := make(chan time.Time, 1)
	k := kernelLog{complete: func() { completed <- time.Now() }}
	for i := range 100 {
		fmt.Fprintf(&k, "line %d\r\n", i)
	}
	fmt.Fprint(&k, "[    3.141592] BUG: K")
	fmt.Fprint(&k, "ASAN: invalid-access\nCall Trace:\n")
	time.Sleep(reportQuiet / 2)
	fmt.Fprint(&k, " ep_insert+0x1/0x2\nthe l")
	last := time.Now()
	if waited := (<-completed).Sub(last); waited < reportQuiet*9/10 {
		t.Errorf("complete %v after the last line", waited)
	}
	k.close()
	want := "line 95 line 96 line 97 line 98 line 99 [    3.141592] BUG: KASAN: invalid-access Call Trace:  ep_insert+0x1/0x2 the l"
	if got := strings.Join(k.report, " "); got != want {
		t.Errorf("report %q", got)
	}
}
