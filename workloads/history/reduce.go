// SPDX-License-Identifier: MIT

package history

import (
	"maps"
	"slices"
)

// Reduce leaves out operations of h, which fails, for as long as what is left
// still fails: first halves, then ever smaller pieces, single operations until
// none can go.
func Reduce(h History, fails func(History) bool) History {
	for size := (len(h) + 1) / 2; size > 0; {
		before := len(h)
		for at := 0; at < len(h); {
			if rest := h.without(at, at+size); fails(rest) {
				h = rest
			} else {
				at += size
			}
		}
		if size > 1 || len(h) == before {
			size /= 2
		}
	}
	return h
}

// without leaves out the operations from from up to, not including, to. In what
// follows, descriptors have the numbers that they then get, and what a process
// was to do that is not forked any more its parent does. Operations that have
// become undefined are left out too.
func (h History) without(from, to int) (rest History) {
	before, after := NewModel(), NewModel()
	names := newRenaming()
	for i, op := range h {
		old, err := before.Do(op)
		if err != nil {
			continue
		}
		renamed, ok := names.rename(op)
		if from <= i && i < to || !ok {
			names.leaveOut(op)
			continue
		}
		result, err := after.Do(renamed)
		if err != nil {
			names.leaveOut(op)
			continue
		}
		rest = append(rest, renamed)
		names.learn(op, old, result)
	}
	return rest
}

// renaming has the new names of processes, and of the descriptors of each, by
// the old ones.
type renaming struct {
	processes [MaxProcesses]int
	fds       [MaxProcesses]map[int]int
}

func newRenaming() *renaming {
	r := &renaming{}
	for p := range r.fds {
		r.processes[p] = p
		r.fds[p] = map[int]int{}
	}
	return r
}

// rename reports false if op has no counterpart: a process does not exit in
// place of its child.
func (r *renaming) rename(op Op) (Op, bool) {
	old := op.Proc
	op.Proc = r.processes[old]
	if op.Call == Exit && op.Proc != old {
		return op, false
	}
	args := slices.Clone(op.Args)
	for i, arg := range args {
		if op.Call == Dump {
			args[i] = r.processes[arg]
		} else if fd, ok := r.fds[old][arg]; ok && op.Call != Fork {
			args[i] = fd
		}
	}
	if op.Call == Dump {
		slices.Sort(args)
		args = slices.Compact(args)
	}
	op.Args = args
	return op, true
}

// leaveOut takes in that op is not executed.
func (r *renaming) leaveOut(op Op) {
	if op.Call == Fork {
		r.inherit(op)
		r.processes[op.Args[0]] = r.processes[op.Proc]
	}
}

// learn takes in that op returned old, and now returns result.
func (r *renaming) learn(op Op, old, result Result) {
	if op.Call == Fork {
		r.inherit(op)
		return
	}
	for i := range min(len(old.Values), len(result.Values)) {
		r.fds[op.Proc][int(old.Values[i])] = int(result.Values[i])
	}
}

func (r *renaming) inherit(fork Op) {
	r.fds[fork.Args[0]] = maps.Clone(r.fds[fork.Proc])
}
