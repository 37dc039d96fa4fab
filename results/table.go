// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is text in rows and columns, with notes that its cells refer to. It
// can be written as Markdown and as plain text.
type table struct {
	head  []string
	rows  [][]string
	left  int // how many columns are words, and aligned left
	notes []string
}

func newTable(left int, head ...string) *table { return &table{left: left, head: head} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// mark returns text with a superscript for each of the warnings, which become
// notes.
func (t *table) mark(text string, warnings ...[]string) string {
	var marks []string
	for _, w := range slices.Concat(warnings...) {
		i := slices.Index(t.notes, w)
		if i < 0 {
			i = len(t.notes)
			t.notes = append(t.notes, w)
		}
		marks = append(marks, superscript(i+1))
	}
	if len(marks) == 0 {
		return text
	}
	return text + " " + strings.Join(marks, " ")
}

// summary is a cell for s, with its warnings.
func (t *table) summary(s *Summary) string {
	if s == nil {
		return ""
	}
	return t.mark(s.Text, s.Warnings)
}

// markdown writes the table with its notes below.
func (t *table) markdown() string {
	var b strings.Builder
	line := func(cells []string) {
		b.WriteString("| " + strings.Join(cells, " | ") + " |\n")
	}
	line(t.head)
	rule := make([]string, len(t.head))
	for i := range rule {
		rule[i] = "---:"
		if i < t.left {
			rule[i] = ":---"
		}
	}
	line(rule)
	for _, r := range t.rows {
		line(r)
	}
	if len(t.notes) > 0 {
		b.WriteString("\n")
		for i, n := range t.notes {
			fmt.Fprintf(&b, "%s %s  \n", superscript(i+1), n)
		}
	}
	return b.String()
}

// plain writes the table in columns of fixed width, as ASCII, notes below.
func (t *table) plain() string {
	rows := make([][]string, 0, 1+len(t.rows))
	for _, r := range append([][]string{t.head}, t.rows...) {
		cells := make([]string, len(r))
		for i, cell := range r {
			cells[i] = ascii(cell)
		}
		rows = append(rows, cells)
	}
	widths := make([]int, len(t.head))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			if i > 0 {
				line.WriteString("  ")
			}
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		b.WriteString("  " + strings.TrimRight(line.String(), " ") + "\n")
	}
	for i, n := range t.notes {
		b.WriteString(wrap(fmt.Sprintf("[%d] %s", i+1, ascii(n)), "  "))
	}
	return b.String()
}

const superscripts = "⁰¹²³⁴⁵⁶⁷⁸⁹"

func superscript(n int) string {
	digits := []rune(superscripts)
	var b strings.Builder
	for _, d := range fmt.Sprint(n) {
		b.WriteRune(digits[d-'0'])
	}
	return b.String()
}
