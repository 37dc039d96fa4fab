// SPDX-License-Identifier: MIT

package history

import "slices"

// Bounds of what the model defines. They are below the kernel's, which differ
// from version to version.
const (
	maxNesting     = 3  // EP_MAX_NESTS is 4
	maxPaths       = 50 // path_limits of fs/eventpoll.c, at the length that maxNesting leaves
	maxQueue       = 16 // messages
	maxMessage     = 4  // descriptors
	maxDescriptors = 64 // of a process
)

// undefined says why the model has no prediction for op, and is empty if it
// has.
func (m *Model) undefined(op Op) string {
	s, ok := signatures[op.Call]
	switch {
	case !ok:
		return "no such operation"
	case s.check(op) != nil:
		return s.check(op).Error()
	case op.Call != Dump && !m.alive(op.Proc):
		return "there is no " + process(op.Proc)
	case s.processes:
		return m.undefinedProcesses(op)
	case slices.ContainsFunc(op.Args, func(fd int) bool { return fd < firstFD || fd >= endFD }):
		return "not a descriptor of the history"
	}
	t := m.processes[op.Proc]
	switch op.Call {
	case Exit:
		if len(m.living()) == 1 {
			return "no process is left"
		}
	case Add, Mod:
		return m.undefinedEvent(t, op)
	case Send:
		return undefinedMessage(t.files[op.Args[0]], t, op.Args[1:])
	case Eventfd, Timerfd, Signalfd, Directory, Epoll, Pipe, Socketpair, Dup, Recv:
		if len(t.descriptors()) > maxDescriptors {
			return "too many descriptors"
		}
	}
	return ""
}

func (m *Model) undefinedProcesses(op Op) string {
	for i, p := range op.Args {
		switch {
		case op.Call == Dump && !m.alive(p):
			return "there is no " + process(p)
		case op.Call == Dump && slices.Contains(op.Args[:i], p):
			return process(p) + " twice"
		case op.Call == Fork && (p < 0 || p >= MaxProcesses || m.processes[p] != nil):
			return "the name is taken"
		}
	}
	return ""
}

// undefinedEvent is undefined for Add and Mod. Data has to tell registrations
// of an epoll instance apart, since epoll_wait returns nothing else.
func (m *Model) undefinedEvent(t *table, op Op) string {
	e, target := t.files[op.Args[0]], t.files[op.Args[1]]
	if m.refusal(op, e, target) != 0 {
		return ""
	}
	old := e.item(target, op.Args[1])
	for _, it := range e.items {
		if it != old && it.data == op.Data {
			return "the data of another registration"
		}
	}
	if op.Call != Add || old != nil {
		return ""
	}
	if target.kind == Epoll && m.above(e)+1+target.below() > maxNesting {
		return "nested too deep"
	}
	trial := &item{target: target}
	e.items = append(e.items, trial)
	defer e.remove(trial)
	if m.mostPaths() > maxPaths {
		return "too many paths"
	}
	return ""
}

func undefinedMessage(s *file, t *table, fds []int) string {
	if notSocket(s) != 0 || s.peer == nil {
		return ""
	}
	if len(fds) > maxMessage || len(s.peer.queue) == maxQueue {
		return "too much in flight"
	}
	for _, fd := range fds {
		if f := t.files[fd]; f != nil && f.keeps(s.peer) {
			return "a socket that keeps itself alive"
		}
	}
	return ""
}
