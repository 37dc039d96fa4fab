// SPDX-License-Identifier: MIT

package bpf

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// heap is a slice that grows where it is, in memory of its own: what is not
// yet written takes up none, and nothing is copied, so that a million records
// never exist twice. T has no pointers.
type heap[T any] struct {
	records []T
	memory  []byte
}

func (h *heap[T]) append(records []T) error {
	n := len(h.records) + len(records)
	if err := h.reserve(n); err != nil {
		return err
	}
	h.records = unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(h.memory))), n)
	copy(h.records[n-len(records):], records)
	return nil
}

// reserve makes sure that there is memory for n records.
func (h *heap[T]) reserve(n int) (err error) {
	const least = 1 << 20
	size := n * int(unsafe.Sizeof(*new(T)))
	if size <= len(h.memory) {
		return nil
	}
	size = max(2*size, least) &^ (least - 1)
	if h.memory == nil {
		h.memory, err = unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	} else {
		h.memory, err = unix.Mremap(h.memory, size, unix.MREMAP_MAYMOVE)
	}
	if err != nil {
		return fmt.Errorf("making room for %d records: %w", n, err)
	}
	return nil
}

// empty keeps the memory for the next use.
func (h *heap[T]) empty() { h.records = h.records[:0] }

func (h *heap[T]) close() {
	if h.memory != nil {
		unix.Munmap(h.memory)
	}
	*h = heap[T]{}
}
