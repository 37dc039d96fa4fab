// SPDX-License-Identifier: MIT

package baseline

import (
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// window reads the fdinfo of one descriptor after another through one open
// file of procfs: that of a fixed number, which is made to refer to them in
// turn. The kernel makes the text anew at each read from offset 0, and keeps
// the buffer, which it otherwise starts with a page and doubles until the text
// fits, at the price of making the text about twice (seq_read_iter in
// fs/seq_file.c).
type window struct {
	table  *privateTable
	number int
	info   int // /proc/thread-self/fdinfo/number
}

func newWindow(table *privateTable) (*window, error) {
	number, err := table.newEpoll()
	if err != nil {
		return nil, err
	}
	path := fmt.Sprintf("/proc/thread-self/fdinfo/%d", number)
	info, err := table.calls.openat(unix.AT_FDCWD, path, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", path, err)
	}
	return &window{table, number, info}, nil
}

// show makes f read the fdinfo of fd.
func (w *window) show(fd int, f *Fdinfo) error {
	if err := w.table.dup(fd, w.number); err != nil {
		return fmt.Errorf("dup3: %w", err)
	}
	f.Reset(&windowReader{window: w})
	return nil
}

type windowReader struct {
	*window
	offset int64
}

func (r *windowReader) Read(buf []byte) (int, error) {
	stats := &r.table.calls.stats
	stats.Syscalls++
	n, err := retry(func() (int, error) { return unix.Pread(r.info, buf, r.offset) })
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, io.EOF
	}
	r.offset += int64(n)
	stats.BytesRead += uint64(n)
	return n, nil
}
