// SPDX-License-Identifier: MIT

package baseline

import (
	"math"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

const header = "pos:\t0\nflags:\t02\nmnt_id:\t15\nino:\t1057\n"

func parseAll(text string) ([]Item, error) {
	var (
		f     Fdinfo
		items []Item
	)
	for f.Reset(strings.NewReader(text)); f.Next(); {
		items = append(items, f.Item())
	}
	return items, f.Err()
}

func TestFdinfoAcceptsWhatKernelsPrint(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []Item
	}{
		{"nothing", "", nil},
		{"no items, as of any other file", header, nil},
		{"before 4.13, and before 5.14 the header had no ino",
			"pos:\t0\nflags:\t02\nmnt_id:\t9\ntfd:        5 events:       1d data: ffffffffffffffff \n",
			[]Item{{TFD: 5, Events: 0x1d, Data: math.MaxUint64}}},
		{"before 3.19, without the space at the end",
			"pos:\t0\nflags:\t02\ntfd:        5 events:       1d data:                7\n",
			[]Item{{TFD: 5, Events: 0x1d, Data: 7}}},
		{"since 4.13",
			header + "tfd:        5 events: 80000019 data:                7  pos:0 ino:3ed sdev:e\n",
			[]Item{{TFD: 5, Events: 0x80000019, Data: 7, HasFile: true, Ino: 0x3ed, Sdev: 0xe}}},
		{"numbers wider than their columns, and a negative position",
			header + "tfd: 2147483647 events: ffffffff data: 123456789abcdef0  pos:-9223372036854775808 ino:ffffffffffffffff sdev:fff00001\n",
			[]Item{{math.MaxInt32, math.MaxUint32, 0x123456789abcdef0, true, math.MinInt64, math.MaxUint64, 0xfff00001}}},
		{"lines of the header that are not known, and locks",
			"pos:\t7\nnew-key:\t1 2 3\nlock:\t1: FLOCK  ADVISORY  WRITE 359 00:13:11691 0 EOF\n" +
				"tfd:        0 events:        0 data:                0  pos:0 ino:1 sdev:1\n",
			[]Item{{HasFile: true, Ino: 1, Sdev: 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseAll(c.text)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestFdinfoRejectsTheRestWithLineAndReason(t *testing.T) {
	const good = "tfd:        5 events:        1 data:                7  pos:0 ino:3ed sdev:e\n"
	for _, c := range []struct{ text, want string }{
		{"\n", `line 1: no key`},
		{header + "garbage\n", `line 5: no key`},
		{":\t1\n", `line 1: no key`},
		{good + "tfd: 5", `line 2: ends in the middle`},
		{"tfd: 5\n", `line 1: no "events:" at column 7`},
		{"tfd: x events: 1 data: 1\n", `line 1: tfd: no number at column 6`},
		{"tfd: -5 events: 1 data: 1\n", `line 1: tfd: no number at column 6`},
		{"tfd: 2147483648 events: 1 data: 1\n", `line 1: tfd: the number at column 6 is too large`},
		{"tfd: 99999999999999999999999 events: 1 data: 1\n", `tfd: the number at column 6 is too large`},
		{"tfd: 5 events: 100000000 data: 1\n", `events: the number at column 16 is too large`},
		{"tfd: 5 events: 1 data: 10000000000000000\n", `data: the number at column 24 is too large`},
		{"tfd: 5 events: 1 data: 1 pos:9223372036854775808 ino:1 sdev:1\n", `pos: the number at column 30 is too large`},
		{"tfd: 5 events: 1 data: 1 pos:--1 ino:1 sdev:1\n", `pos: no number at column 31`},
		{"tfd: 5 events: 1 data: 1 pos:0 ino:1\n", `no "sdev:" at column 37`},
		{"tfd: 5 events: 1 data: 1 pos:0 ino:XY sdev:1\n", `ino: no number at column 36`},
		{"tfd: 5 events: 1 data: 1 pos:0 ino:1 sdev:1 more\n", `"more" at column 45 is not understood`},
		{"pos:\tx\n", `line 1: pos: no number at column 6`},
		{"key:" + strings.Repeat("x", fdinfoBuffer) + "\n", `line 1: longer than 65536 bytes`},
	} {
		if _, err := parseAll(c.text); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: error %v, want it to have %q", c.text, err, c.want)
		}
	}
}

func items() *rapid.Generator[[]Item] {
	return rapid.SliceOf(rapid.Custom(func(t *rapid.T) Item {
		it := Item{
			TFD:     rapid.Int32Range(0, math.MaxInt32).Draw(t, "tfd"),
			Events:  rapid.Uint32().Draw(t, "events"),
			Data:    rapid.Uint64().Draw(t, "data"),
			HasFile: rapid.Bool().Draw(t, "has file"),
		}
		if it.HasFile {
			it.Pos = rapid.Int64().Draw(t, "pos")
			it.Ino = rapid.Uint64().Draw(t, "ino")
			it.Sdev = rapid.Uint32().Draw(t, "sdev")
		}
		return it
	}))
}

func printItems(items []Item) string {
	var b strings.Builder
	for _, it := range items {
		b.WriteString(it.String() + "\n")
	}
	return b.String()
}

func TestFdinfoReadsBackWhatIsPrintedHoweverItIsCutUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := items().Draw(t, "items")
		var got []Item
		var f Fdinfo
		for f.Reset(iotest.OneByteReader(strings.NewReader(header + printItems(want)))); f.Next(); {
			got = append(got, f.Item())
		}
		if f.Err() != nil || !slices.Equal(got, want) {
			t.Fatalf("got %v, %v; want %v", got, f.Err(), want)
		}
	})
}

func TestFdinfoAllocatesNothingPerLine(t *testing.T) {
	text := strings.Repeat("tfd:        5 events:        1 data:                7  pos:0 ino:3ed sdev:e\n", 5000)
	var f Fdinfo
	r := strings.NewReader(text)
	allocs := testing.AllocsPerRun(10, func() {
		r.Reset(text)
		for f.Reset(r); f.Next(); {
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations for 5000 lines", allocs)
	}
}

func TestStatDevIsTheEncodingOfStat(t *testing.T) {
	for sdev, want := range map[uint32]uint64{
		0xe:            0xe,
		8<<20 | 1:      0x801,
		259<<20 | 1023: 0x3103ff,
	} {
		if got := (Item{Sdev: sdev}).StatDev(); got != want {
			t.Errorf("%#x: got %#x, want %#x", sdev, got, want)
		}
	}
}

// What is accepted is printed in the kernel's form and read back the same.
func FuzzFdinfo(f *testing.F) {
	f.Add(header + "tfd:        5 events: 80000019 data:                7  pos:0 ino:3ed sdev:e\n")
	f.Add("tfd: 5 events: 1 data: 1\n")
	f.Add("tfd: 2147483648 events: ffffffff data: -1  pos:-1 ino: sdev:\n")
	f.Add("key\n\n")
	f.Fuzz(func(t *testing.T, text string) {
		once, err := parseAll(text)
		if err != nil {
			return
		}
		twice, err := parseAll(printItems(once))
		if err != nil || !slices.Equal(once, twice) {
			t.Errorf("accepted %v, then %v, %v", once, twice, err)
		}
	})
}
