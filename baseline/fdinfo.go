// SPDX-License-Identifier: MIT

package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// Item is one registration as the fdinfo of an epoll instance shows it, a line
// such as
//
//	tfd:        5 events:       1a data:        000000007  pos:0 ino:3ed sdev:d
//
// which ep_show_fdinfo prints (fs/eventpoll.c; the file is in it since Linux
// 4.13).
type Item struct {
	TFD    int32
	Events uint32
	Data   uint64
	// HasFile says that the line goes on to the watched file.
	HasFile bool
	Pos     int64  // its file position
	Ino     uint64 // its inode number
	// Sdev is the device of its inode in the kernel's own encoding, 12 bits
	// of major and 20 of minor number. What stat(2) returns is packed
	// otherwise: see StatDev.
	Sdev uint32
}

// StatDev returns Sdev as the st_dev of stat(2) has it (new_encode_dev in
// include/linux/kdev_t.h).
func (it Item) StatDev() uint64 {
	major, minor := it.Sdev>>20, it.Sdev&(1<<20-1)
	return uint64(minor&0xff | major<<8 | minor&^0xff<<12)
}

// String is the line without its end, as Linux 4.13 and later print it.
func (it Item) String() string {
	s := fmt.Sprintf("tfd: %8d events: %8x data: %16x ", it.TFD, it.Events, it.Data)
	if it.HasFile {
		s += fmt.Sprintf(" pos:%d ino:%x sdev:%x", it.Pos, it.Ino, it.Sdev)
	}
	return s
}

// Fdinfo reads a file of /proc/PID/fdinfo piece by piece. Neither the text nor
// anything of the size of it is ever in memory, and no line costs an
// allocation. Use it as a bufio.Scanner:
//
//	for f.Reset(r); f.Next(); {
//		use(f.Item())
//	}
//	err := f.Err()
//
// The kernel makes the whole text at the first read, with the mutex of the
// epoll instance held, and later reads only copy from it (single_open in
// fs/seq_file.c): what is read is one moment's state. It starts with a buffer
// of a page and begins anew with a doubled one until all fits, whatever the
// size of the reads, so these are as large as the cache likes.
//
// Lines other than those of items have the form "key:value"; Pos is the only
// one that is looked into. Anything else is an error.
type Fdinfo struct {
	r          io.Reader
	buf        []byte
	start, end int // what of buf is still to be parsed
	eof        bool

	line int // number of the line that was parsed last, from 1
	item Item
	pos  int64
	err  error
	read uint64
}

// fdinfoBuffer is more than the longest line by far.
const fdinfoBuffer = 64 << 10

// Reset starts anew with r, and keeps the buffer.
func (f *Fdinfo) Reset(r io.Reader) {
	if f.buf == nil {
		f.buf = make([]byte, fdinfoBuffer)
	}
	*f = Fdinfo{r: r, buf: f.buf}
}

// Next goes to the next item and reports whether there is one.
func (f *Fdinfo) Next() bool {
	for f.err == nil {
		line, ok := f.nextLine()
		if !ok {
			return false
		}
		isItem, err := f.parse(line)
		if err != nil {
			f.err = fmt.Errorf("fdinfo line %d: %w", f.line, err)
			return false
		}
		if isItem {
			return true
		}
	}
	return false
}

// Item returns the item that Next went to.
func (f *Fdinfo) Item() Item { return f.item }

// Pos returns the file position from the head of the file, as far as it was
// read.
func (f *Fdinfo) Pos() int64 { return f.pos }

// BytesRead returns how much text was read since Reset.
func (f *Fdinfo) BytesRead() uint64 { return f.read }

// Err returns what ended the reading, nil for the end of the file.
func (f *Fdinfo) Err() error { return f.err }

// nextLine returns the next line without its end. It is valid until the next
// call.
func (f *Fdinfo) nextLine() ([]byte, bool) {
	for {
		if i := bytes.IndexByte(f.buf[f.start:f.end], '\n'); i >= 0 {
			line := f.buf[f.start : f.start+i]
			f.start += i + 1
			f.line++
			return line, true
		}
		if f.eof {
			if f.start < f.end {
				f.err = fmt.Errorf("fdinfo line %d: ends in the middle", f.line+1)
			}
			return nil, false
		}
		if !f.fill() {
			return nil, false
		}
	}
}

// fill reads more behind the started line, which it first moves to the front.
func (f *Fdinfo) fill() bool {
	f.end = copy(f.buf, f.buf[f.start:f.end])
	f.start = 0
	if f.end == len(f.buf) {
		f.err = fmt.Errorf("fdinfo line %d: longer than %d bytes", f.line+1, len(f.buf))
		return false
	}
	n, err := f.r.Read(f.buf[f.end:])
	f.end += n
	f.read += uint64(n)
	switch {
	case errors.Is(err, io.EOF):
		f.eof = true
	case err != nil:
		f.err = err
		return false
	}
	return true
}

// parse looks into one line and reports whether it is an item.
func (f *Fdinfo) parse(line []byte) (bool, error) {
	colon := bytes.IndexByte(line, ':')
	if colon <= 0 {
		return false, errors.New("no key")
	}
	switch string(line[:colon]) {
	case "tfd":
		return true, f.parseItem(line)
	case "pos":
		p := fields{line: line}
		f.pos = p.signed("pos:")
		return false, p.finish()
	}
	return false, nil
}

func (f *Fdinfo) parseItem(line []byte) error {
	p := fields{line: line}
	f.item = Item{
		TFD:    int32(p.decimal("tfd:", math.MaxInt32)),
		Events: uint32(p.hex("events:", 8)),
		Data:   p.hex("data:", 16),
	}
	if p.skipSpace(); p.err == nil && p.at < len(line) {
		f.item.HasFile = true
		f.item.Pos = p.signed("pos:")
		f.item.Ino = p.hex("ino:", 16)
		f.item.Sdev = uint32(p.hex("sdev:", 8))
	}
	return p.finish()
}

// fields takes a line apart from the left. After the first error, which it
// keeps, it does nothing.
type fields struct {
	line []byte
	at   int
	err  error
}

func (p *fields) skipSpace() {
	for p.at < len(p.line) && (p.line[p.at] == ' ' || p.line[p.at] == '\t') {
		p.at++
	}
}

// key takes key and the space on both sides of it.
func (p *fields) key(key string) bool {
	if p.err != nil {
		return false
	}
	p.skipSpace()
	if rest := p.line[p.at:]; len(rest) < len(key) || string(rest[:len(key)]) != key {
		p.err = fmt.Errorf("no %q at column %d", key, p.at+1)
		return false
	}
	p.at += len(key)
	p.skipSpace()
	return true
}

// digits ends a number that starts at from.
func (p *fields) digits(key string, from int, tooLarge bool) {
	switch {
	case tooLarge:
		p.err = fmt.Errorf("%s the number at column %d is too large", key, from+1)
	case p.at == from:
		p.err = fmt.Errorf("%s no number at column %d", key, from+1)
	}
}

// decimal takes key and a number from 0 to limit.
func (p *fields) decimal(key string, limit uint64) uint64 {
	if !p.key(key) {
		return 0
	}
	return p.decimalDigits(key, limit)
}

func (p *fields) decimalDigits(key string, limit uint64) uint64 {
	var v uint64
	from, tooLarge := p.at, false
	for ; p.at < len(p.line); p.at++ {
		d := uint64(p.line[p.at] - '0')
		if d > 9 {
			break
		}
		if v > (limit-d)/10 {
			tooLarge = true
			continue
		}
		v = v*10 + d
	}
	p.digits(key, from, tooLarge)
	return v
}

// signed takes key and a number that may have a minus sign.
func (p *fields) signed(key string) int64 {
	if !p.key(key) {
		return 0
	}
	if p.at < len(p.line) && p.line[p.at] == '-' {
		p.at++
		return -int64(p.decimalDigits(key, -math.MinInt64))
	}
	return int64(p.decimalDigits(key, math.MaxInt64))
}

// hex takes key and a hexadecimal number in lower case without a prefix.
func (p *fields) hex(key string, limit int) uint64 {
	if !p.key(key) {
		return 0
	}
	var v uint64
	from := p.at
	for ; p.at < len(p.line); p.at++ {
		c := p.line[p.at]
		switch {
		case '0' <= c && c <= '9':
			v = v<<4 | uint64(c-'0')
		case 'a' <= c && c <= 'f':
			v = v<<4 | uint64(c-'a'+10)
		default:
			p.digits(key, from, p.at-from > limit)
			return v
		}
	}
	p.digits(key, from, p.at-from > limit)
	return v
}

// finish returns the first error, or one if something is left of the line.
func (p *fields) finish() error {
	if p.skipSpace(); p.err == nil && p.at < len(p.line) {
		p.err = fmt.Errorf("%q at column %d is not understood", p.line[p.at:], p.at+1)
	}
	return p.err
}
