// SPDX-License-Identifier: MIT

package results

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strconv"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
)

// Text in the pictures stays text, to be searched and read out. It was laid out
// for Liberation Sans, which few systems have.

var (
	textElement = regexp.MustCompile(`<text ([^>]*font-size:([0-9.]+)px[^>]*)>([^<]*)</text>`)
	svgElement  = regexp.MustCompile(`<svg [^>]*>`)
)

// fixText names fonts of the same widths to fall back to, says how wide each
// text is for systems that have none of these, and gives the picture a title
// for readers that do not see it.
func fixText(svg []byte, h heads) []byte {
	svg = bytes.ReplaceAll(svg,
		[]byte("font-family:Liberation Sans;"),
		[]byte("font-family:'Liberation Sans',Arial,Helvetica,sans-serif;"))
	svg = textElement.ReplaceAllFunc(svg, func(element []byte) []byte {
		m := textElement.FindSubmatch(element)
		size, err := strconv.ParseFloat(string(m[2]), 64)
		if err != nil {
			return element
		}
		width := textWidth(html.UnescapeString(string(m[3])), vg.Length(size))
		return fmt.Appendf(nil, `<text textLength="%.1f" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, width.Points(), m[1], m[3])
	})
	return svgElement.ReplaceAllFunc(svg, func(element []byte) []byte {
		return fmt.Appendf(nil, "%s\n<title>%s</title>", element, html.EscapeString(h.title+", "+h.subtitle))
	})
}

func textWidth(text string, size vg.Length) vg.Length {
	face := font.DefaultCache.Lookup(sans(size), size)
	return face.Width(text)
}
