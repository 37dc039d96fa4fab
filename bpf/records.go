// SPDX-License-Identifier: MIT

package bpf

import (
	"unsafe"

	"github.com/cilium/ebpf"
)

// descriptor and registration are the records of all programs: records.h.
type (
	descriptor   = taskfileDescriptor
	registration = taskfileRegistration
)

// lengths are those of the arrays that programs write records into.
type lengths struct {
	descriptors, registrations uint32
}

// usual is enough for the usual process, which then is dumped without copying
// a record.
var usual = lengths{descriptors: 1 << 15, registrations: 1 << 16}

func (l lengths) set(spec *ebpf.CollectionSpec) {
	spec.Maps[taskfileMapDescriptors].MaxEntries = l.descriptors
	spec.Maps[taskfileMapRegistrations].MaxEntries = l.registrations
}

// spools is what the programs of a dump have written.
type spools struct {
	descriptors   spool[descriptor]
	registrations spool[registration]
}

// open maps the arrays that programs were loaded with.
func (s *spools) open(descriptors, registrations *ebpf.Map) (err error) {
	if s.descriptors.array, err = mapArray[descriptor](descriptors); err != nil {
		return err
	}
	s.registrations.array, err = mapArray[registration](registrations)
	return err
}

func (s *spools) reset() {
	s.descriptors.reset()
	s.registrations.reset()
}

// bytes is what the programs have handed over.
func (s *spools) bytes() uint64 {
	return uint64(s.descriptors.len())*uint64(unsafe.Sizeof(descriptor{})) +
		uint64(s.registrations.len())*uint64(unsafe.Sizeof(registration{}))
}

func (s *spools) close() {
	s.descriptors.close()
	s.registrations.close()
}

// processRecords is whose records are which.
type processRecords struct {
	pid  int
	task uint64 // the address of its task_struct, 0 if it has no descriptors
	end  int    // of its descriptors
}
