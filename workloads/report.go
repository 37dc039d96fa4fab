// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"io"
	"slices"

	"epbench"
)

// The root reports to its parent the record, with the registrations of all
// processes and no descriptors, and then each process with the descriptors
// that it holds. Then it closes the pipe, which is its last change to its
// descriptors.

func sendReport(fd int, t *tree, r *record) error {
	w := newWireWriter(fd)
	whole := *r
	whole.descriptors = nil
	whole.send(w)
	w.count(len(t.members))
	for _, m := range t.members {
		w.words(uint32(m.pid))
		sendDescriptors(w, m.descriptors)
	}
	return w.flush()
}

// readReport fills in what is known of w only once it runs.
func readReport(file io.Reader, w *Workload) error {
	r := newWireReader(file)
	var whole record
	whole.receive(r)
	members := make([]member, r.count())
	for i := range members {
		members[i] = member{int(int32(r.word())), receiveDescriptors(r)}
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("reading the child's report: %w", err)
	}
	lowest := lowestRefs(members)
	for _, m := range members {
		w.PIDs = append(w.PIDs, m.pid)
		for _, d := range m.descriptors {
			w.names[epbench.Ref{PID: int32(m.pid), FD: d.fd}] = lowest[d.file]
		}
	}
	for _, file := range whole.epollFiles {
		w.Epolls = append(w.Epolls, lowest[file])
	}
	slices.SortFunc(w.Epolls, epbench.Ref.Compare)
	w.Truth = whole.truth(lowest)
	return nil
}

// lowestRefs names each file by its lowest descriptor.
func lowestRefs(members []member) map[fileID]epbench.Ref {
	lowest := map[fileID]epbench.Ref{}
	for _, m := range members {
		for _, d := range m.descriptors {
			ref := epbench.Ref{PID: int32(m.pid), FD: d.fd}
			if old, ok := lowest[d.file]; !ok || ref.Compare(old) < 0 {
				lowest[d.file] = ref
			}
		}
	}
	return lowest
}

// truth is r's registrations in canonical form. A registration of an instance
// that no process holds any more is none of the tree's.
func (r *record) truth(names map[fileID]epbench.Ref) []epbench.Registration {
	truth := make([]epbench.Registration, len(r.registrations))
	for i, reg := range r.registrations {
		truth[i] = epbench.Registration{
			Epoll:  names[r.epollFiles[reg.epoll]],
			TFD:    reg.tfd,
			Events: reg.events,
			Data:   data(i),
			Target: names[reg.file],
		}
	}
	epbench.Sort(truth)
	return truth
}
