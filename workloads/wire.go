// SPDX-License-Identifier: MIT

package workloads

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// Processes tell each other what they did in little-endian words of 32 bits.

// wireWriter collects words and writes them in large pieces.
type wireWriter struct {
	fd     int
	buffer []byte
	err    error
}

const wirePiece = 64 << 10

func newWireWriter(fd int) *wireWriter {
	return &wireWriter{fd: fd, buffer: make([]byte, 0, wirePiece+64)}
}

func (w *wireWriter) words(words ...uint32) {
	for _, word := range words {
		w.buffer = binary.LittleEndian.AppendUint32(w.buffer, word)
	}
	if len(w.buffer) > wirePiece {
		w.flush()
	}
}

// count writes the length of a list.
func (w *wireWriter) count(n int) { w.words(uint32(n)) }

func (w *wireWriter) flush() error {
	for rest := w.buffer; len(rest) > 0 && w.err == nil; {
		n, err := retry(func() (int, error) { return unix.Write(w.fd, rest) })
		if err != nil {
			w.err = failed("write to another process of the workload", err)
			break
		}
		rest = rest[n:]
	}
	w.buffer = w.buffer[:0]
	return w.err
}

// wireReader reads words, and remembers the first error.
type wireReader struct {
	r   *bufio.Reader
	w   [4]byte // here and not on the stack, from which it would escape
	err error
}

func newWireReader(r io.Reader) *wireReader {
	return &wireReader{r: bufio.NewReaderSize(r, wirePiece)}
}

// word returns the next word, and 0 once there has been an error.
func (r *wireReader) word() uint32 {
	if r.err == nil {
		_, r.err = io.ReadFull(r.r, r.w[:])
		if errors.Is(r.err, io.EOF) {
			r.err = io.ErrUnexpectedEOF
		}
	}
	if r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(r.w[:])
}

// count reads the length of a list, and is 0 once there has been an error.
func (r *wireReader) count() int { return int(r.word()) }

// end waits for the end of what is sent, which comes when the sender has closed
// its descriptor.
func (r *wireReader) end() error {
	if r.err == nil {
		if _, r.err = r.r.ReadByte(); errors.Is(r.err, io.EOF) {
			r.err = nil
		}
	}
	return r.err
}

// descriptorReader is a descriptor as an io.Reader that the runtime's poller
// knows nothing of.
type descriptorReader int

func (fd descriptorReader) Read(buf []byte) (int, error) {
	n, err := retry(func() (int, error) { return unix.Read(int(fd), buf) })
	switch {
	case err != nil:
		return 0, failed("read from another process of the workload", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}
