// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"slices"

	"epbench"

	"golang.org/x/sys/unix"
)

// Of a process that runs, what fdinfo tells and what is then asked about it are
// of different moments, and kcmp may answer for another registration than the
// one that was read. Whether a process ran is cheap to tell: by the processor
// time that it has used. Only if one did, every fdinfo is read again in the end
// and compared.

// cpuTimes returns the processor time in nanoseconds that each process has used
// with all its threads, those that run right now included: clock_getcpuclockid(3).
func (t *tree) cpuTimes() ([]int64, error) {
	times := make([]int64, len(t.held.PIDs()))
	for i, pid := range t.held.PIDs() {
		const sched = 2 // CPUCLOCK_SCHED, include/linux/posix-timers_types.h
		t.stats.Syscalls++
		var ts unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
			return nil, explain(fmt.Sprintf("process %d: reading its processor time", pid), err)
		}
		times[i] = ts.Nano()
	}
	return times, nil
}

// ran tells whether any process has run since its times were before.
func (t *tree) ran(before []int64) (bool, error) {
	after, err := t.cpuTimes()
	return !slices.Equal(before, after), err
}

// blame adds to err, which ended a dump, what most likely led to it.
func (t *tree) blame(before []int64, err error) error {
	var unavailable *epbench.UnavailableError
	if t.ctx.Err() != nil || errors.As(err, &unavailable) || errors.Is(err, epbench.ErrNoProcess) {
		return err
	}
	if ran, failed := t.ran(before); failed != nil || !ran {
		return err
	}
	return fmt.Errorf("%w (the processes ran meanwhile: stop them first)", err)
}

// reading is an epoll instance, whose registrations are those of tree.regs from
// from to to.
type reading struct {
	epoll    epbench.Ref
	from, to int
}

// markChanges warns if a process has run since its times were before: of every
// epoll instance whose registrations are others than they were when they were
// read. That they are the same does not mean that they were so all the time.
func (t *tree) markChanges(before []int64) error {
	if ran, err := t.ran(before); err != nil || !ran {
		return err
	}
	changed := false
	for _, r := range t.readings {
		same, err := t.readsTheSame(r)
		if err != nil && !gone(err) {
			return err
		}
		if !same {
			changed = true
			t.warn(fmt.Sprintf("epoll %v changed during the dump and its targets may be wrong: stop the process first", r.epoll))
		}
	}
	if !changed && len(t.readings) > 0 {
		t.warn("the processes ran during the dump: what they changed meanwhile may be in it or not, stop them first")
	}
	return nil
}

func (t *tree) warn(warning string) { t.stats.Warnings = append(t.stats.Warnings, warning) }

// readsTheSame reads an epoll instance once more and tells whether it still has
// the registrations that it had.
func (t *tree) readsTheSame(r reading) (bool, error) {
	fd, err := t.openFdinfo(r.epoll)
	if err != nil {
		return false, err
	}
	defer t.close(fd)
	at := r.from
	for ; t.fdinfo.Next(); at++ {
		it := t.fdinfo.Item()
		if at == r.to {
			return false, nil
		}
		if reg := t.regs[at]; it.TFD != reg.TFD || it.Events != reg.Events || it.Data != reg.Data {
			return false, nil
		}
	}
	return at == r.to, t.fdinfo.Err()
}
