// SPDX-License-Identifier: MIT

package bpf

import "slices"

// tfdSorter sorts records by tfd, by counting: tfds are descriptor numbers,
// and so dense. Its tables are kept from one use to the next.
type tfdSorter struct {
	next  []int32 // by tfd, from the lowest on: where its next record goes
	order []int32
}

// sort returns the indexes of records in ascending order of tfd, and whether
// any tfd comes twice. Where tfds are too far apart for the counters to be
// worth their memory, it does nothing and says so.
func (s *tfdSorter) sort(records []registration) (order []int32, repeated, ok bool) {
	lowest, highest := records[0].Tfd, records[0].Tfd
	for i := range records {
		lowest = min(lowest, records[i].Tfd)
		highest = max(highest, records[i].Tfd)
	}
	span := int(highest) - int(lowest) + 1
	if span > 4*len(records)+1024 {
		return nil, false, false
	}
	repeated = s.count(records, lowest, span)
	s.order = slices.Grow(s.order[:0], len(records))[:len(records)]
	for i := range records {
		at := &s.next[records[i].Tfd-lowest]
		s.order[*at] = int32(i)
		*at++
	}
	return s.order, repeated, true
}

// count fills next, and reports whether any tfd comes twice.
func (s *tfdSorter) count(records []registration, lowest int32, span int) (repeated bool) {
	s.next = slices.Grow(s.next[:0], span)[:span]
	clear(s.next)
	for i := range records {
		s.next[records[i].Tfd-lowest]++
	}
	sum, most := int32(0), int32(0)
	for i, n := range s.next {
		s.next[i] = sum
		sum += n
		most = max(most, n)
	}
	return most > 1
}
