// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"slices"
	"strings"
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

// plain writes the table as ASCII, notes below: in columns of fixed width, or,
// if these have no room, each row as a paragraph.
func (t *table) plain() string {
	head := asciiRow(t.head)
	rows := make([][]string, len(t.rows))
	for i, r := range t.rows {
		rows[i] = asciiRow(r)
	}
	text, width := alignColumns(append([][]string{head}, rows...), t.left)
	if width > columns {
		text = paragraphs(head, rows)
	}
	for i, n := range t.notes {
		text += wrap(fmt.Sprintf("[%d] %s", i+1, ascii(n)), "  ")
	}
	return text
}

func asciiRow(cells []string) []string {
	out := make([]string, len(cells))
	for i, cell := range cells {
		out[i] = ascii(cell)
	}
	return out
}

// alignColumns writes ASCII cells in columns, the first of them aligned left,
// and returns the width of the widest line.
func alignColumns(rows [][]string, left int) (text string, width int) {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len(cell))
		}
	}
	var b strings.Builder
	for _, r := range rows {
		line := " "
		for i, cell := range r {
			pad := strings.Repeat(" ", widths[i]-len(cell))
			if i < left {
				line += " " + cell + pad + " "
			} else {
				line += " " + pad + cell + " "
			}
		}
		line = strings.TrimRight(line, " ")
		width = max(width, len(line))
		b.WriteString(line + "\n")
	}
	return b.String(), width
}

// paragraphs writes each row as "first cell, head: cell, head: cell".
func paragraphs(head []string, rows [][]string) string {
	var b strings.Builder
	for _, r := range rows {
		var parts []string
		for i, cell := range r {
			switch {
			case cell == "":
			case head[i] == "":
				parts = append(parts, cell)
			default:
				parts = append(parts, head[i]+": "+cell)
			}
		}
		b.WriteString("  - " + strings.TrimLeft(wrap(strings.Join(parts, ", "), "    "), " "))
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
