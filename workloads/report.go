// SPDX-License-Identifier: MIT

package workloads

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"epbench"

	"golang.org/x/sys/unix"
)

// The root reports to its parent, in little-endian words of 32 bits: the
// processes (count, then the PID of each), the epoll instances (count, file),
// the registrations (count; epoll, tfd, events, file, and two words of data)
// and the descriptors (count; process, descriptor, file). Then it closes the
// pipe.

// reportWriter collects words and writes them in large pieces.
type reportWriter struct {
	fd     int
	buffer []byte
	err    error
}

const reportPiece = 64 << 10

func (w *reportWriter) words(words ...uint32) {
	for _, word := range words {
		w.buffer = binary.LittleEndian.AppendUint32(w.buffer, word)
	}
	if len(w.buffer) > reportPiece {
		w.flush()
	}
}

func (w *reportWriter) flush() {
	for rest := w.buffer; len(rest) > 0 && w.err == nil; {
		n, err := retry(func() (int, error) { return unix.Write(w.fd, rest) })
		if err != nil {
			w.err = failed("write of the report", err)
			break
		}
		rest = rest[n:]
	}
	w.buffer = w.buffer[:0]
}

// sendReport writes the record of what t's root did.
func sendReport(fd int, t *tree, r *record) error {
	w := &reportWriter{fd: fd, buffer: make([]byte, 0, reportPiece+64)}
	w.words(uint32(len(t.pids)))
	for _, pid := range t.pids {
		w.words(uint32(pid))
	}
	w.words(uint32(len(r.epollFiles)))
	for _, file := range r.epollFiles {
		w.words(uint32(file))
	}
	w.words(uint32(len(r.registrations)))
	for i, reg := range r.registrations {
		d := data(i)
		w.words(uint32(reg.epoll), uint32(reg.tfd), reg.events, uint32(reg.file), uint32(d), uint32(d>>32))
	}
	procs := len(t.pids)
	count := 0
	forHeld(r.descriptors, procs, func(int, descriptor) { count++ })
	w.words(uint32(count))
	forHeld(r.descriptors, procs, func(p int, d descriptor) {
		w.words(uint32(p), uint32(d.fd), uint32(d.file))
	})
	w.flush()
	return w.err
}

// forHeld calls f for each descriptor that each process holds.
func forHeld(descriptors []descriptor, procs int, f func(p int, d descriptor)) {
	for i, d := range descriptors {
		for p := range procs {
			if holds(i, p, procs) {
				f(p, d)
			}
		}
	}
}

// reportReader reads words, and remembers the first error.
type reportReader struct {
	r   *bufio.Reader
	w   [4]byte // here and not on the stack, from which it would escape
	err error
}

// word returns the next word, and 0 once there has been an error.
func (r *reportReader) word() uint32 {
	if r.err == nil {
		_, r.err = io.ReadFull(r.r, r.w[:])
	}
	if r.err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(r.w[:])
}

// count reads the length of a list, and is 0 once there has been an error.
func (r *reportReader) count() int { return int(r.word()) }

// end waits for the end of the report, which the child's last change to its
// descriptors brings about.
func (r *reportReader) end() {
	if r.err != nil {
		return
	}
	if _, r.err = r.r.ReadByte(); errors.Is(r.err, io.EOF) {
		r.err = nil
	}
}

// readReport fills in what is known of w only once it runs.
func readReport(file *os.File, w *Workload) error {
	r := &reportReader{r: bufio.NewReaderSize(file, reportPiece)}
	for range r.count() {
		w.PIDs = append(w.PIDs, int(int32(r.word())))
	}
	epolls := make([]fileID, r.count())
	for i := range epolls {
		epolls[i] = fileID(r.word())
	}
	// Until the descriptors are known, a registration's epoll and target hold
	// the number of the file.
	w.Truth = make([]epbench.Registration, r.count())
	for i := range w.Truth {
		epoll := r.word()
		w.Truth[i] = epbench.Registration{
			TFD:    int32(r.word()),
			Events: r.word(),
			Target: epbench.Ref{FD: int32(r.word())},
			Data:   uint64(r.word()) | uint64(r.word())<<32,
		}
		if r.err == nil {
			w.Truth[i].Epoll.FD = epolls[epoll]
		}
	}
	lowest := r.lowest(w.PIDs)
	r.end()
	if r.err != nil {
		return fmt.Errorf("reading the child's report: %w", unexpected(r.err))
	}
	for i := range w.Truth {
		t := &w.Truth[i]
		t.Epoll, t.Target = lowest[t.Epoll.FD], lowest[t.Target.FD]
	}
	for _, file := range epolls {
		w.Epolls = append(w.Epolls, lowest[file])
	}
	slices.SortFunc(w.Epolls, epbench.Ref.Compare)
	epbench.Sort(w.Truth)
	return nil
}

// lowest reads the descriptors and returns the lowest of each file.
func (r *reportReader) lowest(pids []int) map[fileID]epbench.Ref {
	lowest := map[fileID]epbench.Ref{}
	for range r.count() {
		p, fd, file := r.word(), r.word(), fileID(r.word())
		if r.err != nil {
			break
		}
		ref := epbench.Ref{PID: int32(pids[p]), FD: int32(fd)}
		if old, ok := lowest[file]; !ok || ref.Compare(old) < 0 {
			lowest[file] = ref
		}
	}
	return lowest
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
