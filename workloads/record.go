// SPDX-License-Identifier: MIT

package workloads

import "golang.org/x/sys/unix"

// record is what the processes of a workload did: the ground truth before it
// has PIDs in it.
//
// Processes that make a part of the workload do so one after the other. Each
// is handed the record as it is when its turn comes, with the descriptors that
// it has inherited and without the registrations, and hands it back with what
// it did.
type record struct {
	files         fileID         // how many there are
	epollFiles    []fileID       // those that have registrations
	first         int            // number of registrations before these
	registrations []registration // in the order in which they were made
	told          []uint32       // earlier ones that epoll_wait has returned
	descriptors   []descriptor   // those that are open in the end in one process
}

type registration struct {
	epoll  int32 // index in epollFiles
	tfd    int32
	events uint32
	file   fileID
}

type descriptor struct {
	fd   int32
	file fileID
}

// disarm leaves of a registration what the kernel does when it has returned
// its event.
func (r *registration) disarm() {
	if r.events&unix.EPOLLONESHOT != 0 {
		r.events &= privateBits
	}
}

// handover is r as the next process gets it, which holds descriptors.
func (r *record) handover(descriptors []descriptor) record {
	return record{
		files:       r.files,
		epollFiles:  r.epollFiles,
		first:       r.first + len(r.registrations),
		descriptors: descriptors,
	}
}

// resume makes r what was handed back.
func (r *record) resume(back *record) {
	r.files, r.epollFiles = back.files, back.epollFiles
	r.registrations = append(r.registrations, back.registrations...)
	for _, index := range back.told {
		r.registrations[index].disarm()
	}
}

func (r *record) send(w *wireWriter) {
	w.count(int(r.files))
	w.count(len(r.epollFiles))
	for _, file := range r.epollFiles {
		w.words(uint32(file))
	}
	w.count(r.first)
	w.count(len(r.registrations))
	for _, reg := range r.registrations {
		w.words(uint32(reg.epoll), uint32(reg.tfd), reg.events, uint32(reg.file))
	}
	w.count(len(r.told))
	w.words(r.told...)
	sendDescriptors(w, r.descriptors)
}

func (r *record) receive(w *wireReader) {
	r.files = fileID(w.count())
	r.epollFiles = make([]fileID, w.count())
	for i := range r.epollFiles {
		r.epollFiles[i] = fileID(w.word())
	}
	r.first = w.count()
	r.registrations = make([]registration, w.count())
	for i := range r.registrations {
		r.registrations[i] = registration{int32(w.word()), int32(w.word()), w.word(), fileID(w.word())}
	}
	r.told = make([]uint32, w.count())
	for i := range r.told {
		r.told[i] = w.word()
	}
	r.descriptors = receiveDescriptors(w)
}

func sendDescriptors(w *wireWriter, descriptors []descriptor) {
	w.count(len(descriptors))
	for _, d := range descriptors {
		w.words(uint32(d.fd), uint32(d.file))
	}
}

func receiveDescriptors(w *wireReader) []descriptor {
	descriptors := make([]descriptor, w.count())
	for i := range descriptors {
		descriptors[i] = descriptor{int32(w.word()), fileID(w.word())}
	}
	return descriptors
}
