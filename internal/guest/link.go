// SPDX-License-Identifier: MIT

package guest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// The link is what the guest's first process says to the host on the second
// serial port: a greeting, before which the port may carry anything, as the
// kernel tries out what chip it is; then frames of a kind, a length and as
// many bytes.
const greeting = "\x00epbench guest link\n"

// kind is what a frame holds.
type kind byte

const (
	kindStarted kind = 's' // nothing: the payload runs now
	kindStdout  kind = '1' // bytes that the payload wrote
	kindStderr  kind = '2'
	kindFailure kind = 'f' // text: why the guest could not do its work
	kindLeaks   kind = 'l' // text: what kmemleak found
	kindExit    kind = 'x' // uint32: the payload's exit status, always last
)

const frameHeader = 5

// maxFrame bounds a frame's content, so that a stream gone wrong is noticed.
const maxFrame = 1 << 20

// linkWriter is the guest's end. Its methods may be called concurrently.
type linkWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func newLinkWriter(w io.Writer) (*linkWriter, error) {
	_, err := io.WriteString(w, greeting)
	return &linkWriter{w: w}, err
}

func (l *linkWriter) send(k kind, content []byte) error {
	frame := make([]byte, frameHeader, frameHeader+len(content))
	frame[0] = byte(k)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(content)))
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.w.Write(append(frame, content...))
	return err
}

func (l *linkWriter) exit(status int) error {
	return l.send(kindExit, binary.BigEndian.AppendUint32(nil, uint32(status)))
}

// stream is an io.Writer whose writes become frames of one kind, for io.Copy.
type stream struct {
	link *linkWriter
	kind kind
}

func (s stream) Write(p []byte) (int, error) {
	if err := s.link.send(s.kind, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// readLink reads the host's end until it ends and calls handle for each frame.
// An end within a frame is no error here: a guest may die at any time, and the
// kernel's log says why.
func readLink(r io.Reader, handle func(kind, []byte) error) error {
	buffered := bufio.NewReaderSize(r, 64<<10)
	if !skipPast(buffered, greeting) {
		return nil
	}
	var header [frameHeader]byte
	var content []byte
	for {
		if _, err := io.ReadFull(buffered, header[:]); err != nil {
			return nil
		}
		size := binary.BigEndian.Uint32(header[1:])
		if size > maxFrame {
			return fmt.Errorf("link to the guest: a frame of %d bytes: the stream is corrupt", size)
		}
		if uint32(cap(content)) < size {
			content = make([]byte, size)
		}
		content = content[:size]
		if _, err := io.ReadFull(buffered, content); err != nil {
			return nil
		}
		if err := handle(kind(header[0]), content); err != nil {
			return err
		}
	}
}

// skipPast reads up to and including the first occurrence of mark, whose first
// byte occurs in it once, and reports whether there was one.
func skipPast(r io.ByteReader, mark string) bool {
	for matched := 0; matched < len(mark); {
		b, err := r.ReadByte()
		switch {
		case err != nil:
			return false
		case b == mark[matched]:
			matched++
		case b == mark[0]:
			matched = 1
		default:
			matched = 0
		}
	}
	return true
}
