// SPDX-License-Identifier: MIT

package epbench

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func registrations() *rapid.Generator[[]Registration] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Registration {
		ref := func(name string) Ref {
			return Ref{
				PID: rapid.Int32Range(0, 3).Draw(t, name+".pid"),
				FD:  rapid.Int32Range(0, 3).Draw(t, name+".fd"),
			}
		}
		return Registration{
			Epoll:  ref("epoll"),
			TFD:    rapid.OneOf(rapid.Int32Range(0, 50), rapid.Int32()).Draw(t, "tfd"),
			Events: rapid.Uint32().Draw(t, "events"),
			Data:   rapid.Uint64Range(0, 3).Draw(t, "data"),
			Target: ref("target"),
		}
	}), 0, 300)
}

func TestSortIsTheOrderOfCompare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		got := registrations().Draw(t, "registrations")
		want := slices.Clone(got)
		slices.SortFunc(want, Registration.Compare)
		Sort(got)
		if !slices.Equal(want, got) {
			t.Fatalf("sorted by radix and by comparison differ:\n%s", Diff(want, got))
		}
	})
}

func TestDiffIsEmptyOnlyForEqualDumps(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := registrations().Draw(t, "a")
		b := registrations().Draw(t, "b")
		Sort(a)
		Sort(b)
		if d := Diff(a, a); d != "" {
			t.Fatalf("a dump differs from itself: %s", d)
		}
		if equal, d := slices.Equal(a, b), Diff(a, b); equal != (d == "") {
			t.Fatalf("equal: %t, difference: %q", equal, d)
		}
	})
}

func TestRegistrationSurvivesJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		for _, want := range registrations().Draw(t, "registrations") {
			b, err := json.Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			var got Registration
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatalf("%s: %v", b, err)
			}
			if got != want {
				t.Fatalf("%s: got %v, want %v", b, got, want)
			}
		}
	})
}

func ExampleRegistration_MarshalJSON() {
	b, _ := json.Marshal([]Registration{
		{Epoll: Ref{1, 3}, TFD: 7, Events: 1, Data: 7, Target: Ref{1, 9}},
		{Epoll: Ref{1, 3}, TFD: 8, Events: 25, Data: 1<<64 - 1},
	})
	fmt.Println(string(b))
	// Output:
	// [{"epoll":{"pid":1,"fd":3},"tfd":7,"events":1,"data":"0x7","target":{"pid":1,"fd":9}},{"epoll":{"pid":1,"fd":3},"tfd":8,"events":25,"data":"0xffffffffffffffff","target":null}]
}

func ExampleDiff() {
	epoll := Ref{1, 3}
	want := []Registration{
		{Epoll: epoll, TFD: 7, Data: 7, Target: Ref{1, 9}},
		{Epoll: epoll, TFD: 8, Data: 8, Target: Ref{1, 10}},
	}
	got := []Registration{
		{Epoll: epoll, TFD: 7, Data: 7, Target: Ref{1, 8}},
	}
	fmt.Print(Diff(want, got))
	// Output:
	// 2 differences (1 registrations, want 2):
	// differs  epoll 1:3 tfd 7 events 0x0 data 0x7 target 1:8
	//    want  epoll 1:3 tfd 7 events 0x0 data 0x7 target 1:9
	// missing  epoll 1:3 tfd 8 events 0x0 data 0x8 target 1:10
}

func BenchmarkSort(b *testing.B) {
	for _, n := range []int{1000, 10000, 100000} {
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			shuffled := make([]Registration, n)
			for i := range shuffled {
				shuffled[i] = Registration{Epoll: Ref{1, 3}, TFD: int32(i * 7919 % n)}
			}
			regs := make([]Registration, n)
			for b.Loop() {
				copy(regs, shuffled)
				Sort(regs)
			}
		})
	}
}
