// SPDX-License-Identifier: MIT

package bpf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// readSizes are one of each class: a record, no multiple of one, several and a
// part, what CRIU would use, and more than the kernel's own buffer.
var readSizes = []int{EpollRecordSize, EpollRecordSize + 1, 100, 4096, 65536}

// layouts are how tfds and files may be shared. Each registers the n-th item.
var layouts = []struct {
	name string
	add  func(t *testing.T, i *items, n int) item
}{
	{"unique", func(t *testing.T, i *items, n int) item { return i.add(t, n) }},
	{"reused tfds", func(t *testing.T, i *items, n int) item { return i.add(t, n/5) }},
	{"shared file", func(t *testing.T, i *items, n int) item { return i.addFile(t, i.shared(t), n) }},
}

func openRecords(t *testing.T, target EpollTarget) *EpollReader {
	t.Helper()
	r, err := OpenEpollReader(target)
	needBPF(t, err)
	t.Cleanup(func() { r.Close() })
	return r
}

// record is what is read of a registration.
type record struct {
	file, data uint64
	events     uint32
	tfd        int32
}

// readPieces reads a pass to its end, calling between after each piece.
func readPieces(t *testing.T, r *EpollReader, epoll, size int, between func()) []record {
	t.Helper()
	pass, err := r.Iterate(epoll)
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Close()
	var text []byte
	for buffer := make([]byte, size); ; between() {
		n, err := pass.Read(buffer)
		text = append(text, buffer[:n]...)
		if errors.Is(err, io.EOF) {
			return records(t, text)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func records(t *testing.T, text []byte) (all []record) {
	t.Helper()
	if len(text)%EpollRecordSize != 0 {
		t.Fatalf("%d bytes are no whole records", len(text))
	}
	for ; len(text) > 0; text = text[EpollRecordSize:] {
		all = append(all, record{
			file:   binary.NativeEndian.Uint64(text),
			data:   binary.NativeEndian.Uint64(text[8:]),
			events: binary.NativeEndian.Uint32(text[16:]),
			tfd:    int32(binary.NativeEndian.Uint32(text[20:])),
		})
	}
	return all
}

// requireAscending checks that keys only grow, so that none can come twice.
func requireAscending(t *testing.T, all []record) {
	t.Helper()
	for i := 1; i < len(all); i++ {
		a, b := all[i-1], all[i]
		if b.file < a.file || b.file == a.file && b.tfd <= a.tfd {
			t.Fatalf("%+v comes after %+v", b, a)
		}
	}
}

// requireOnce checks that each of stay is among all once, and everything else
// at most once.
func requireOnce(t *testing.T, i *items, all []record, stay []item) {
	t.Helper()
	seen := make(map[uint64]int)
	tfd := make(map[uint64]int32)
	for _, r := range all {
		tfd[r.data] = r.tfd
		if seen[r.data]++; seen[r.data] > 1 {
			t.Errorf("%+v came %d times", r, seen[r.data])
		}
	}
	for _, it := range stay {
		if seen[it.data] != 1 || int(tfd[it.data]) != i.number(it.number) {
			t.Errorf("%+v came %d times, tfd %d", it, seen[it.data], tfd[it.data])
		}
	}
}

func TestReadsInPiecesHaveEveryRegistrationOnce(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	registrations := 3000 // two of the kernel's buffers
	if testing.Short() {
		registrations = 1500
	}
	for _, layout := range layouts {
		t.Run(layout.name, func(t *testing.T) {
			i := newItems(t)
			var all []item
			for n := range registrations {
				all = append(all, layout.add(t, i, n))
			}
			for _, size := range readSizes {
				t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
					got := readPieces(t, r, i.epoll, size, func() {})
					if len(got) != len(all) {
						t.Errorf("%d records of %d registrations", len(got), len(all))
					}
					requireAscending(t, got)
					requireOnce(t, i, got, all)
				})
			}
		})
	}
}

// Between two reads a few registrations are deleted, closed, or added, be it
// under a key that was there before.
func TestChangesBetweenReadsLoseAndRepeatNothing(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	const kernelBuffer = 32768 // a read is no longer: bpf_seq_read, PAGE_SIZE << 3
	seeds, fewest := uint64(2), 300
	if testing.Short() {
		seeds, fewest = 1, 60
	}
	for _, layout := range layouts {
		for _, size := range readSizes {
			for seed := range seeds {
				t.Run(fmt.Sprintf("%s, %d bytes, seed %d", layout.name, size, seed), func(t *testing.T) {
					i := newItems(t)
					// As many that reads are several, but not thousands.
					var stay, come []item
					for n := range max(fewest, 2*min(size, kernelBuffer)/EpollRecordSize) {
						if it := layout.add(t, i, n); n%2 == 0 {
							stay = append(stay, it)
						} else {
							come = append(come, it)
						}
					}
					c := changer{rand: rand.New(rand.NewPCG(seed, 0)), items: i, come: come, numbers: 2 * len(come)}
					got := readPieces(t, r, i.epoll, size, func() { c.change(t, 10) })
					if c.changes == 0 {
						t.Error("nothing was changed")
					}
					requireAscending(t, got)
					requireOnce(t, i, got, stay)
				})
			}
		}
	}
}

// changer deletes, closes, and adds registrations.
type changer struct {
	rand    *rand.Rand
	items   *items
	come    []item
	gone    []item // deleted, their files still held
	numbers int
	changes int
}

func (c *changer) change(t *testing.T, times int) {
	t.Helper()
	for range times {
		c.changes++
		switch k := c.rand.IntN(4); {
		case k == 0 && len(c.come) > 0:
			it := c.take(&c.come)
			c.items.remove(t, it)
			c.gone = append(c.gone, it)
		case k == 1 && len(c.come) > 0:
			it := c.take(&c.come)
			if it.holder == c.items.sharing {
				c.items.remove(t, it)
				break
			}
			c.items.close(it.holder)
		case k == 2 && len(c.gone) > 0:
			// The same file under the same number again.
			it := c.take(&c.gone)
			c.come = append(c.come, c.items.addFile(t, it.holder, it.number))
		default:
			c.come = append(c.come, c.items.add(t, c.rand.IntN(c.numbers)))
		}
	}
}

func (c *changer) take(from *[]item) item {
	k := c.rand.IntN(len(*from))
	it := (*from)[k]
	(*from)[k] = (*from)[len(*from)-1]
	*from = (*from)[:len(*from)-1]
	return it
}

// The item that is to come next goes, in every way there is.
func TestNextRegistrationMayGo(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	for name, remove := range map[string]func(*testing.T, *items, item){
		"deleted": func(t *testing.T, i *items, it item) { i.remove(t, it) },
		"closed":  func(_ *testing.T, i *items, it item) { i.close(it.holder) },
	} {
		t.Run(name, func(t *testing.T) {
			i := newItems(t)
			byData := make(map[uint64]item)
			for n := range 20 {
				it := i.add(t, n)
				byData[it.data] = it
			}
			order := readPieces(t, r, i.epoll, 4096, func() {})
			var stay []item
			reads := 0
			// Of two that come one after the other, the second goes.
			for k := 0; k < len(order); k += 2 {
				stay = append(stay, byData[order[k].data])
			}
			got := readPieces(t, r, i.epoll, EpollRecordSize, func() {
				if next := 2*reads + 1; next < len(order) {
					remove(t, i, byData[order[next].data])
				}
				reads++
			})
			requireOnce(t, i, got, stay)
			if len(got) != len(stay) {
				t.Errorf("%d records, want %d", len(got), len(stay))
			}
		})
	}
}

func TestNothingComesAfterTheEnd(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	i := newItems(t)
	i.add(t, 0)
	pass, err := r.Iterate(i.epoll)
	if err != nil {
		t.Fatal(err)
	}
	defer pass.Close()
	buffer := make([]byte, 4096)
	if n, err := pass.Read(buffer); n != EpollRecordSize || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	if n, err := pass.Read(buffer); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: read %d bytes, %v", n, err)
	}
	for n := range 10 {
		i.add(t, 1+n)
	}
	if n, err := pass.Read(buffer); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end, with more added: read %d bytes, %v", n, err)
	}
}
