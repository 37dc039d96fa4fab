// SPDX-License-Identifier: MIT

package bpf

import (
	"fmt"
	"os"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// array is a BPF array, made with BPF_F_MMAPABLE, as a slice. A program's
// writes to it are plain stores, and reading it is no system call.
type array[T any] struct {
	records []T
	memory  []byte
}

func mapArray[T any](m *ebpf.Map) (array[T], error) {
	length := int(m.MaxEntries())
	page := os.Getpagesize()
	size := (length*int(m.ValueSize()) + page - 1) / page * page
	memory, err := unix.Mmap(m.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return array[T]{}, fmt.Errorf("mapping %d KiB of BPF array: %w", size/1024, err)
	}
	records := unsafe.Slice((*T)(unsafe.Pointer(&memory[0])), length)
	return array[T]{records, memory}, nil
}

func (a *array[T]) close() {
	if a.memory != nil {
		unix.Munmap(a.memory)
	}
	*a = array[T]{}
}
