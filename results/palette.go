// SPDX-License-Identifier: MIT

package results

import (
	"image/color"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// The colours are those of Okabe and Ito ("Color Universal Design", 2008),
// which people with any kind of colour vision can tell apart, without the
// yellow and the sky blue, which are pale on white. Every picture stands on a
// white card of its own, so that a page may be light or dark.
var (
	black     = color.NRGBA{A: 0xff}
	orange    = color.NRGBA{0xe6, 0x9f, 0x00, 0xff}
	green     = color.NRGBA{0x00, 0x9e, 0x73, 0xff}
	blue      = color.NRGBA{0x00, 0x72, 0xb2, 0xff}
	vermilion = color.NRGBA{0xd5, 0x5e, 0x00, 0xff}
	purple    = color.NRGBA{0xcc, 0x79, 0xa7, 0xff}

	white      = color.NRGBA{0xff, 0xff, 0xff, 0xff}
	ink        = color.NRGBA{0x22, 0x22, 0x22, 0xff} // text
	gray       = color.NRGBA{0x70, 0x70, 0x70, 0xff} // floors, what is not the point
	leaderGray = color.NRGBA{0x90, 0x90, 0x90, 0xff}
	gridGray   = color.NRGBA{0xe2, 0xe2, 0xe2, 0xff}
)

// style is how a method is drawn, in every picture: by colour, by sign and,
// where it matters, by the line.
type style struct {
	color  color.Color
	glyph  draw.GlyphDrawer
	width  vg.Length
	dashes []vg.Length
}

const (
	thin  = vg.Length(1.4)
	thick = vg.Length(2.6)
)

var dotted = []vg.Length{1.5, 3}

var styles = map[string]style{
	"naive":    {purple, draw.TriangleGlyph{}, thin, nil},
	"criu":     {vermilion, draw.BoxGlyph{}, thin, nil},
	"inode":    {orange, draw.PyramidGlyph{}, thin, nil},
	"merge":    {green, draw.SquareGlyph{}, thin, nil},
	"taskfile": {blue, draw.CircleGlyph{}, thick, nil},
	"epoll":    {black, draw.CircleGlyph{}, thick, nil},

	"count":       {gray, draw.CrossGlyph{}, thin, dotted},
	"epoll-count": {gray, draw.PlusGlyph{}, thin, dotted},

	"tfd": {vermilion, draw.BoxGlyph{}, thin, nil},
	"key": {blue, draw.CircleGlyph{}, thick, nil},
}

// styleOf returns that of the name; variants and strangers are gray.
func styleOf(name string) style {
	if s, ok := styles[name]; ok {
		return s
	}
	return style{gray, draw.RingGlyph{}, thin, nil}
}
