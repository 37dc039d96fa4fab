// SPDX-License-Identifier: MIT

package bench

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"epbench/bpf"
)

// BenchmarkResume is what the records of one epoll instance cost that are read
// through seq_file in pieces, by how the iterator finds its place again: by the
// tfd alone, a linear search, as proposed in 2021, or by the key of the tree.
func BenchmarkResume(b *testing.B) {
	for _, resume := range []struct {
		name   string
		target bpf.EpollTarget
	}{
		{"tfd", bpf.TargetTFD},
		{"key", bpf.TargetEpoll},
	} {
		for _, size := range []int{4096, 65536} {
			b.Run(fmt.Sprintf("resume=%s/buf=%d", resume.name, size), func(b *testing.B) {
				reader := openReader(b, resume.target)
				for _, n := range resumeSizes.values {
					b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
						benchmarkReader(b, reader, make([]byte, size), n)
					})
				}
			})
		}
	}
}

func openReader(b *testing.B, target bpf.EpollTarget) *bpf.EpollReader {
	b.Helper()
	reader, err := bpf.OpenEpollReader(target)
	skipUnavailable(b, err)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { reader.Close() })
	return reader
}

func benchmarkReader(b *testing.B, reader *bpf.EpollReader, buffer []byte, n int) {
	epoll := ownEpoll(b, n)
	want := n * bpf.EpollRecordSize
	loopOperations(b, n, func() {
		got, err := readAll(reader, epoll, buffer)
		if err != nil {
			b.Fatal(err)
		}
		if got != want {
			b.Fatalf("%d bytes, want %d", got, want)
		}
	})
}

// readAll makes one pass and returns the number of bytes read.
func readAll(reader *bpf.EpollReader, epoll int, buffer []byte) (total int, err error) {
	pass, err := reader.Iterate(epoll)
	if err != nil {
		return 0, err
	}
	defer pass.Close()
	for {
		n, err := pass.Read(buffer)
		total += n
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}
