// SPDX-License-Identifier: MIT

package results

import (
	"regexp"
	"strings"
)

// columns is the width of text for mail.
const columns = 72

// ascii replaces what mail to a kernel list had better not contain.
func ascii(text string) string {
	text = lawPowers.Replace(text)
	text = marks.ReplaceAllStringFunc(text, func(run string) string {
		return "[" + markDigits.Replace(strings.TrimSpace(run)) + "]"
	})
	return asciiWords.Replace(text)
}

var (
	// Powers are told from the superscripts of notes by what they follow.
	lawPowers  = strings.NewReplacer("n²", "n^2", "n³", "n^3")
	marks      = regexp.MustCompile(` [⁰¹²³⁴⁵⁶⁷⁸⁹]+`)
	markDigits = strings.NewReplacer(
		"⁰", "0", "¹", "1", "²", "2", "³", "3", "⁴", "4",
		"⁵", "5", "⁶", "6", "⁷", "7", "⁸", "8", "⁹", "9")
	asciiWords = strings.NewReplacer(" ± ", " +-", "±", "+-", "µ", "u", "×", "x", "·", "*", "≥", ">=", "∞", "inf", "–", "-")
)

// wrap breaks text into lines of at most columns, each after the indent. A
// word longer than that keeps its line.
func wrap(text, indent string) string { return wrapAt(text, indent, columns) }

func wrapAt(text, indent string, width int) string {
	var b, line strings.Builder
	for word := range strings.FieldsSeq(text) {
		if line.Len() > 0 && len(indent)+line.Len()+1+len(word) > width {
			b.WriteString(indent + line.String() + "\n")
			line.Reset()
		}
		if line.Len() > 0 {
			line.WriteByte(' ')
		}
		line.WriteString(word)
	}
	if line.Len() > 0 {
		b.WriteString(indent + line.String() + "\n")
	}
	return b.String()
}
