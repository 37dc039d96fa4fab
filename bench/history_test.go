// SPDX-License-Identifier: MIT

package bench

import (
	"context"
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"strconv"
	"strings"
	"testing"

	"epbench"
	"epbench/workloads/history"

	"pgregory.net/rapid"
)

var (
	histories   = flag.Int("histories", 200, "number of random histories to compare the methods on (a tenth of it with -short)")
	historyFile = flag.String("history", "", "replay the history in this file only (an absolute path: tests run in their package's directory)")
)

//go:embed testdata/history/*.txt
var remarkable embed.FS

// TestEveryMethodTellsTheTruthOfAHistory replays histories that are worth
// keeping, or the one that -history names.
func TestEveryMethodTellsTheTruthOfAHistory(t *testing.T) {
	c := newComparison(t)
	if *historyFile != "" {
		text, err := os.ReadFile(*historyFile)
		if err != nil {
			t.Fatal(err)
		}
		c.replay(t, string(text))
		return
	}
	const directory = "testdata/history"
	entries, err := remarkable.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		t.Run(strings.TrimSuffix(entry.Name(), ".txt"), func(t *testing.T) {
			text, err := remarkable.ReadFile(path.Join(directory, entry.Name()))
			if err != nil {
				t.Fatal(err)
			}
			c.replay(t, string(text))
		})
	}
}

// TestEveryMethodTellsTheTruthOfAnyHistory compares all methods with the model
// of package history, at several places of many random histories.
func TestEveryMethodTellsTheTruthOfAnyHistory(t *testing.T) {
	if *historyFile != "" {
		t.Skip("-history names another")
	}
	configureRapid(t)
	c := newComparison(t)
	var failing history.History
	defer func() {
		t.Logf("%d dumps of each of %d methods, of %d registrations", c.dumps, len(c.dumpers), c.registrations)
		if failing != nil {
			c.report(t, failing)
		}
	}()
	rapid.Check(t, func(t *rapid.T) {
		h := rapid.Custom(anyHistory).Draw(t, "history").History
		if c.fails(h) {
			failing = h // of those that rapid tries, the last is the shortest
			// Not what fails, since that has PIDs in it, and rapid takes two
			// failures of different words for two failures.
			t.Fatal("the history fails")
		}
	})
}

// configureRapid sets the library's flags, of which the test has its own.
func configureRapid(t *testing.T) {
	checks := *histories
	if testing.Short() {
		checks = (checks + 9) / 10 * 5 // rapid itself takes a fifth
	}
	for name, value := range map[string]string{
		"rapid.checks":     strconv.Itoa(checks),
		"rapid.steps":      strconv.Itoa(60), // on average
		"rapid.nofailfile": "true",           // report prints what is easier to read
		"rapid.shrinktime": "5s",             // report goes on
	} {
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
}

// drawn is a history that rapid does not print at length.
type drawn struct{ history.History }

func (d drawn) GoString() string { return fmt.Sprintf("%d operations", len(d.History)) }

func anyHistory(t *rapid.T) (d drawn) {
	m := history.NewModel()
	t.Repeat(map[string]func(*rapid.T){"operation": func(t *rapid.T) {
		op := history.Next(m, func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "choice") })
		if _, err := m.Do(op); err != nil {
			t.Fatal(err)
		}
		d.History = append(d.History, op)
	}})
	return d
}

// comparison compares methods with the model.
type comparison struct {
	ctx           context.Context
	dumpers       []namedDumper
	dumps         int
	registrations int
	failure       error // the last
}

type namedDumper struct {
	name string
	epbench.Dumper
}

// newComparison is of every method that works here.
func newComparison(t *testing.T) *comparison {
	c := &comparison{ctx: t.Context()}
	for _, m := range methods() {
		d, err := m.Open()
		var u *epbench.UnavailableError
		if errors.As(err, &u) {
			t.Logf("%s is not compared: %v", m.Name, err)
			continue
		}
		if err != nil {
			t.Fatalf("opening %s: %v", m.Name, err)
		}
		t.Cleanup(func() { d.Close() })
		c.dumpers = append(c.dumpers, namedDumper{m.Name, d})
	}
	return c
}

func (c *comparison) replay(t *testing.T, text string) {
	h, err := history.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := history.Run(h, c.check); err != nil {
		t.Error(err)
	}
}

// check compares one dump of each method with what it must find.
func (c *comparison) check(pids []int, truth []epbench.Registration) error {
	c.dumps++
	c.registrations += len(truth)
	var wrong []error
	for _, d := range c.dumpers {
		got, _, err := d.Dump(c.ctx, pids, nil)
		// A refusal is what CRIU would do; the result comes with it.
		if err != nil && !errors.Is(err, epbench.ErrRefused) {
			wrong = append(wrong, fmt.Errorf("%s: %w", d.name, err))
		} else if diff := epbench.Diff(truth, got); diff != "" {
			wrong = append(wrong, fmt.Errorf("%s, PIDs %v: %s", d.name, pids, diff))
		}
	}
	return errors.Join(wrong...)
}

// fails says whether h fails. What depends on the order of addresses fails now
// and then only, so once there is a failure, its like is looked for longer.
func (c *comparison) fails(h history.History) bool {
	attempts := 1
	if c.failure != nil {
		attempts = 8
	}
	for range attempts {
		if err := history.Run(h, c.check); err != nil {
			c.failure = err
			return true
		}
	}
	return false
}

// report prints the shortest history that fails as h does.
func (c *comparison) report(t *testing.T, h history.History) {
	t.Helper()
	h = history.Reduce(h, c.fails)
	t.Errorf(`a history of %d operations that fails:

%v
%v
To replay it, put the operations into a file, and give its absolute path:
go test ./bench -run AHistory -history=FILE`, len(h), h, c.failure)
}
