// SPDX-License-Identifier: MIT

package history

import (
	"cmp"
	"slices"

	"epbench"
)

// truth is what a dump of the processes procs must find: every registration of
// every epoll instance that one of them holds, in canonical form.
func (m *Model) truth(procs []int, pids *[MaxProcesses]int) []epbench.Registration {
	lowest := m.lowest(procs, pids)
	var regs []epbench.Registration
	for _, e := range m.epolls {
		epoll, held := lowest[e]
		if !held {
			continue
		}
		for _, it := range e.items {
			regs = append(regs, epbench.Registration{
				Epoll:  epoll,
				TFD:    int32(it.tfd),
				Events: it.events,
				Data:   it.data,
				Target: lowest[it.target],
			})
		}
	}
	epbench.Sort(regs)
	return regs
}

// lowest names every file that procs hold.
func (m *Model) lowest(procs []int, pids *[MaxProcesses]int) map[*file]epbench.Ref {
	procs = slices.SortedFunc(slices.Values(procs), func(p, q int) int {
		return cmp.Compare(pids[p], pids[q])
	})
	lowest := map[*file]epbench.Ref{}
	for _, p := range procs {
		for fd, f := range m.processes[p].files {
			if f == nil {
				continue
			}
			if _, named := lowest[f]; !named {
				lowest[f] = epbench.Ref{PID: int32(pids[p]), FD: int32(fd)}
			}
		}
	}
	return lowest
}
