// SPDX-License-Identifier: MIT

package bpf

import (
	"cmp"
	"math/bits"
	"slices"

	"epbench"
)

// join makes registrations out of the records of a pass. Its tables are kept
// from one dump to the next.
type join struct {
	files  files
	epolls []epollRecords
	byTFD  tfdSorter
}

// epollRecords are the records of one epoll instance.
type epollRecords struct {
	file    uint64
	epoll   epbench.Ref
	records []registration
}

// reset makes room for as many descriptors as there will be.
func (j *join) reset(descriptors int) {
	j.files.reset(descriptors)
	j.epolls = j.epolls[:0]
}

// add takes in the descriptors of a process. Processes come in ascending order
// of pid, and descriptors of fd, so that the first one seen of a file is the
// lowest. It returns the rest of the records.
func (j *join) add(pid int, descriptors []descriptor, records []registration) []registration {
	j.files.addConfirmed(pid, descriptors)
	for _, d := range descriptors {
		if d.Registrations != 0 {
			j.epolls = append(j.epolls, epollRecords{file: d.File &^ unconfirmed, records: records[:d.Registrations]})
			records = records[d.Registrations:]
		}
	}
	return records
}

// name names the epoll instances, and puts them into order. Those without a
// descriptor that could be confirmed are dropped: they are closed. So are those
// that come once more.
func (j *join) name() {
	for i := range j.epolls {
		j.epolls[i].epoll = j.files.find(j.epolls[i].file)
	}
	j.epolls = slices.DeleteFunc(j.epolls, func(e epollRecords) bool { return e.epoll.IsNone() })
	slices.SortStableFunc(j.epolls, func(a, b epollRecords) int { return a.epoll.Compare(b.epoll) })
	j.epolls = slices.CompactFunc(j.epolls, func(a, b epollRecords) bool { return a.epoll == b.epoll })
}

// appendTo appends all registrations to dst, in canonical order.
func (j *join) appendTo(dst []epbench.Registration) []epbench.Registration {
	j.name()
	total := 0
	for _, e := range j.epolls {
		total += len(e.records)
	}
	at := len(dst)
	dst = slices.Grow(dst, total)[:at+total]
	for _, e := range j.epolls {
		j.place(e, dst[at:at+len(e.records)])
		at += len(e.records)
	}
	return dst
}

// place puts the registrations of one epoll instance into to, in canonical
// order. Where each goes is found out first, so that to is written from one
// end to the other: writing it here and there costs twice as much.
func (j *join) place(e epollRecords, to []epbench.Registration) {
	order, repeated, ok := j.byTFD.sort(e.records)
	if !ok {
		for i := range e.records {
			to[i] = j.registration(e.epoll, &e.records[i])
		}
		epbench.Sort(to)
		return
	}
	for i, k := range order {
		to[i] = j.registration(e.epoll, &e.records[k])
	}
	if repeated {
		sortTies(to)
	}
}

func (j *join) registration(epoll epbench.Ref, r *registration) epbench.Registration {
	return epbench.Registration{
		Epoll:  epoll,
		TFD:    r.Tfd,
		Events: r.Events,
		Data:   r.Data,
		Target: j.files.find(r.File),
	}
}

// sortTies sorts registrations of one epoll, in order of tfd, among those with
// the same tfd.
func sortTies(regs []epbench.Registration) {
	for i := 0; i < len(regs); {
		k := i + 1
		for k < len(regs) && regs[k].TFD == regs[i].TFD {
			k++
		}
		if k-i > 1 {
			slices.SortFunc(regs[i:k], epbench.Registration.Compare)
		}
		i = k
	}
}

// files finds, by the address of a struct file, the lowest descriptor that
// refers to it: a hash table with open addressing, at most three quarters full.
type files struct {
	slots []slot
	shift int
}

type slot struct {
	file uint64
	ref  epbench.Ref
}

// reset empties the table and makes room for n files.
func (f *files) reset(n int) {
	size := 1 << bits.Len(uint(cmp.Or(n*4/3, 1)))
	f.slots = slices.Grow(f.slots[:0], size)[:size]
	clear(f.slots)
	f.shift = 64 - bits.Len(uint(size-1))
}

// slot returns the slot of file, which is empty if it was not added.
func (f *files) slot(file uint64) *slot {
	// Fibonacci hashing: addresses of one slab differ in few, regular bits.
	at := file * 0x9e3779b97f4a7c15 >> f.shift
	for {
		s := &f.slots[at]
		if s.file == file || s.file == 0 {
			return s
		}
		at = (at + 1) & uint64(len(f.slots)-1)
	}
}

// add notes a descriptor, and reports whether it is the first one of its file.
func (f *files) add(file uint64, ref epbench.Ref) bool {
	s := f.slot(file)
	if s.file == file {
		return false
	}
	*s = slot{file, ref}
	return true
}

// addConfirmed notes the descriptors of a process that are confirmed.
func (f *files) addConfirmed(pid int, descriptors []descriptor) {
	for i := range descriptors {
		if d := &descriptors[i]; d.File&unconfirmed == 0 {
			f.add(d.File, epbench.Ref{PID: int32(pid), FD: d.Fd})
		}
	}
}

// find returns the first descriptor added of a file, or none.
func (f *files) find(file uint64) epbench.Ref {
	return f.slot(file).ref
}
