// SPDX-License-Identifier: MIT

package workloads

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Spec{
		"":             {"inplace", "eventfd", 1000, 1, 0, 1, "mixed", 0, ""},
		"n=7":          {"inplace", "eventfd", 7, 1, 0, 1, "mixed", 0, ""},
		"shape=closed": {"closed", "eventfd", 1000, 1, 0, 1, "mixed", 0, ""},
		"shape=moved,kind=eventfd,n=10000,epolls=4,idle=1000,procs=2": {"moved", "eventfd", 10000, 4, 1000, 2, "mixed", 0, ""},
		"tree=forked":               {"inplace", "eventfd", 1000, 1, 0, 3, "forked", 0, ""},
		"tree=threads,procs=2":      {"inplace", "eventfd", 1000, 1, 0, 2, "threads", 0, ""},
		"procs=2,idle=0,kind=mixed": {"inplace", "mixed", 1000, 1, 0, 2, "mixed", 0, ""},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%q: %+v %v, want %+v", text, got, err, want)
		}
	}
}

func TestParseErrorsNameWhatIsAllowed(t *testing.T) {
	for text, want := range map[string]string{
		"shape=round":         `unknown shape "round" (shapes: inplace, moved, reused, shared, closed)`,
		"kind=file":           `unknown kind "file" (kinds: eventfd, pipe, unix, tcp, udp, timerfd, signalfd, inotify, epoll, mixed)`,
		"shape=":              `unknown shape ""`,
		"size=3":              `unknown key "size" (keys: profile, shape, kind, tree, n, epolls, idle, procs, churn)`,
		"n":                   `"n" is not key=value (keys: profile, shape, kind, tree, n, epolls, idle, procs, churn)`,
		"n=1,":                `"" is not key=value`,
		"n=1,n=2":             `key "n" is given twice`,
		"shape=moved,shape=x": `key "shape" is given twice`,
		"n=0":                 `n=0 is not a number from 1 to 10000000`,
		"n=ten":               `n=ten is not a number from 1 to 10000000`,
		"n=10000001":          `n=10000001 is not a number from 1 to 10000000`,
		"n=1e3":               `n=1e3 is not a number`,
		"epolls=0":            `epolls=0 is not a number from 1 to`,
		"idle=-1":             `idle=-1 is not a number from 0 to`,
		"churn=-1":            `churn=-1 is not a number from 0 to`,
		"procs=99999":         `procs=99999 is not a number from 1 to`,
		"tree=oak":            `unknown tree "oak" (trees: mixed, forked, prefork, handed, renumbered, onetable, threads)`,
		"tree=forked,procs=1": `tree=forked needs procs=2 or more`,
		" n=1":                `unknown key " n"`,
	} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%q: no error", text)
			continue
		}
		if got := err.Error(); !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("%q: %q, want %q in one line", text, got, want)
		}
	}
}

func TestStartChecksTheSpec(t *testing.T) {
	for _, s := range []Spec{
		{Shape: "round"}, {Kind: "file"}, {N: -1}, {Epolls: -1}, {Idle: -1}, {Procs: -1}, {Churn: -1},
		{Tree: "oak"}, {Tree: "forked", Procs: 1}, {N: axes[0].max + 1},
	} {
		if w, err := Start(t.Context(), s); err == nil {
			w.Close()
			t.Errorf("%+v was started", s)
		}
	}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Spec{
			Shape:  rapid.SampledFrom(Shapes()).Draw(t, "shape"),
			Kind:   rapid.SampledFrom(Kinds()).Draw(t, "kind"),
			N:      rapid.IntRange(0, 10_000_000).Draw(t, "n"),
			Epolls: rapid.IntRange(0, 1000).Draw(t, "epolls"),
			Idle:   rapid.IntRange(0, 1000).Draw(t, "idle"),
			Procs:  rapid.IntRange(2, 1000).Draw(t, "procs"),
			Tree:   rapid.SampledFrom(Trees()).Draw(t, "tree"),
			Churn:  rapid.IntRange(0, 1000).Draw(t, "churn"),
		}
		got, err := Parse(s.String())
		if err != nil || got != s.withDefaults() {
			t.Fatalf("%q: %+v %v, want %+v", s, got, err, s.withDefaults())
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add("")
	f.Add("shape=moved,kind=eventfd,n=10000,epolls=4,idle=1000,procs=2")
	f.Add("n=1,n=2")
	f.Add("tree=prefork,procs=3")
	f.Add("n=-0,idle=+7")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := Parse(text)
		if err != nil {
			return
		}
		if err := s.check(); err != nil {
			t.Errorf("%q: parsed, but %v", text, err)
		}
		if again, err := Parse(s.String()); err != nil || again != s {
			t.Errorf("%q: %v becomes %v (%v)", text, s, again, err)
		}
	})
}
