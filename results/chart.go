// SPDX-License-Identifier: MIT

package results

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// chart is lines over n, both axes logarithmic, each line labelled at its end.
type chart struct {
	heads
	yTick func(v float64) string
	lines []line
	// level, if not 0, is a value that the reader compares with, and its name.
	level     float64
	levelName string
}

// heads say what a picture shows, where that was measured, and what the vertical
// axis is; that too stands above it, where it is read without turning the head.
type heads struct{ title, subtitle, vertical string }

type line struct {
	style
	label  string
	points []chartPoint
}

type chartPoint struct{ x, y, lo, hi float64 }

const (
	chartWidth  = vg.Length(640)
	chartHeight = vg.Length(400)
	labelRoom   = vg.Length(180)
	labelSize   = vg.Length(11)
)

// svg draws the chart.
func (ch *chart) svg() ([]byte, error) {
	p := newPlot()
	p.X.Label.Text = "registrations (n)"
	p.X.Scale, p.Y.Scale = plot.LogScale{}, plot.LogScale{}
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = ch.ranges()
	p.X.Tick.Marker = plot.ConstantTicks(ch.sizeTicks())
	p.Y.Tick.Marker = plot.ConstantTicks(decadeTicks(p.Y.Min, p.Y.Max, ch.yTick))
	p.Add(gridLines{}, ch)
	return render(p, ch.heads, chartHeight)
}

// ranges leaves a little air around the data.
func (ch *chart) ranges() (xMin, xMax, yMin, yMax float64) {
	xMin, yMin = math.Inf(1), math.Inf(1)
	for _, l := range ch.lines {
		for _, pt := range l.points {
			xMin, xMax = min(xMin, pt.x), max(xMax, pt.x)
			yMin, yMax = min(yMin, pt.lo), max(yMax, pt.hi)
		}
	}
	if ch.level != 0 {
		yMin, yMax = min(yMin, ch.level/2), max(yMax, ch.level)
	}
	const air = 1.3
	return xMin / air, xMax * air, yMin / air, yMax * air
}

// sizeTicks are the sizes that were measured, without the labels that would
// touch their neighbours'.
func (ch *chart) sizeTicks() (ticks []plot.Tick) {
	var sizes []float64
	for _, l := range ch.lines {
		for _, pt := range l.points {
			if !slices.Contains(sizes, pt.x) {
				sizes = append(sizes, pt.x)
			}
		}
	}
	slices.Sort(sizes)
	for _, n := range sizes {
		ticks = append(ticks, plot.Tick{Value: n, Label: thousands(int(n))})
	}
	const apart = 1.5
	for i := 1; i < len(ticks); i++ {
		if ticks[i].Value < apart*ticks[i-1].Value {
			ticks[i-1].Label = ""
		}
	}
	return ticks
}

// decadeTicks are the powers of ten between the limits, and, where these are
// few, 2 and 5 times them.
func decadeTicks(low, high float64, label func(float64) string) (ticks []plot.Tick) {
	steps := []float64{1}
	if high/low < 300 {
		steps = []float64{1, 2, 5}
	}
	for e := math.Floor(math.Log10(low)); e <= math.Log10(high); e++ {
		for _, s := range steps {
			if v := s * math.Pow(10, e); v >= low && v <= high {
				ticks = append(ticks, plot.Tick{Value: v, Label: label(v)})
			}
		}
	}
	return ticks
}

// Plot draws the lines, then their labels.
func (ch *chart) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	if ch.level != 0 {
		at := y(ch.level)
		c.StrokeLine2(draw.LineStyle{Color: ink, Width: 1}, c.Min.X, at, c.Max.X, at)
		sty := textStyle(labelSize, ink)
		sty.YAlign = draw.YTop
		c.FillText(sty, vg.Point{X: c.Min.X + 4, Y: at - 2}, ch.levelName)
	}
	for _, l := range ch.lines {
		l.draw(c, x, y)
	}
	ch.drawLabels(c, x, y)
}

// GlyphBoxes tells plot that the whole area is used, so that it pads nothing.
func (ch *chart) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	return []plot.GlyphBox{{X: 0, Y: 0}, {X: 1, Y: 1}}
}

func (l *line) draw(c draw.Canvas, x, y func(float64) vg.Length) {
	points := make([]vg.Point, len(l.points))
	for i, pt := range l.points {
		points[i] = vg.Point{X: x(pt.x), Y: y(pt.y)}
		c.StrokeLine2(draw.LineStyle{Color: l.color, Width: thin}, points[i].X, y(pt.lo), points[i].X, y(pt.hi))
	}
	c.StrokeLines(draw.LineStyle{Color: l.color, Width: l.width, Dashes: l.dashes}, points)
	for _, pt := range points {
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: l.color, Radius: 3.5, Shape: l.glyph}, pt)
	}
}

// drawLabels puts the labels in a column to the right, each as close to the
// height of its line's end as the others allow. What leads there is dotted and
// gray, so as not to be taken for more of the line.
func (ch *chart) drawLabels(c draw.Canvas, x, y func(float64) vg.Length) {
	type label struct {
		*line
		end vg.Point
		at  float64
	}
	labels := make([]label, len(ch.lines))
	for i := range ch.lines {
		l := &ch.lines[i]
		last := l.points[len(l.points)-1]
		end := vg.Point{X: x(last.x), Y: y(last.y)}
		labels[i] = label{l, end, float64(end.Y)}
	}
	slices.SortStableFunc(labels, func(a, b label) int { return int(math.Copysign(1, a.at-b.at)) })
	heights := make([]float64, len(labels))
	for i, l := range labels {
		heights[i] = l.at
	}
	spread(heights, 1.35*float64(labelSize), float64(c.Min.Y), float64(c.Max.Y))
	sty := textStyle(labelSize, ink)
	sty.YAlign = draw.YCenter
	for i, l := range labels {
		at := vg.Point{X: c.Max.X + 12, Y: vg.Length(heights[i])}
		c.StrokeLines(draw.LineStyle{Color: leaderGray, Width: 0.7, Dashes: []vg.Length{1, 2.5}}, []vg.Point{
			{X: l.end.X + 5, Y: l.end.Y}, {X: c.Max.X, Y: l.end.Y}, {X: at.X - 5, Y: at.Y},
		})
		c.DrawGlyphNoClip(draw.GlyphStyle{Color: l.color, Radius: 3.5, Shape: l.glyph}, at)
		c.FillText(sty, vg.Point{X: at.X + 8, Y: at.Y}, l.label+ch.upTo(l.line))
	}
}

// upTo says where the line ends, if others go on.
func (ch *chart) upTo(l *line) string {
	last := func(l line) float64 { return l.points[len(l.points)-1].x }
	for _, other := range ch.lines {
		if last(other) > last(*l) {
			return ", up to " + thousands(int(last(*l)))
		}
	}
	return ""
}

// spread moves ascending positions apart until neighbours are at least the
// distance apart and all are within the limits.
func spread(at []float64, distance, low, high float64) {
	for i := range at {
		if i > 0 {
			at[i] = max(at[i], at[i-1]+distance)
		}
	}
	limit := high
	for i := len(at) - 1; i >= 0; i-- {
		at[i] = min(at[i], limit)
		limit = at[i] - distance
	}
	if len(at) > 0 && at[0] < low { // more labels than room: from the bottom up
		for i := range at {
			at[i] = low + float64(i)*distance
		}
	}
}

// gridLines are drawn at the labelled ticks.
type gridLines struct{}

func (gridLines) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	sty := draw.LineStyle{Color: gridGray, Width: 0.7}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		c.StrokeLine2(sty, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		c.StrokeLine2(sty, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
	}
}

// newPlot returns an empty plot in the common style.
func newPlot() *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil // the card is
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color, a.Tick.Color = ink, ink
		a.Label.TextStyle.Font, a.Label.TextStyle.Color = sans(labelSize), ink
		a.Tick.Label.Font, a.Tick.Label.Color = sans(10), ink
		a.Tick.Length = 4
		a.Padding = 0
	}
	return p
}

func sans(size vg.Length) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: size}
}

func textStyle(size vg.Length, c color.Color) draw.TextStyle {
	return draw.TextStyle{Color: c, Font: sans(size), Handler: plot.DefaultTextHandler}
}

// render draws p on a white card, below its heads and with room for labels to
// its right.
func render(p *plot.Plot, h heads, height vg.Length) ([]byte, error) {
	const margin = 12
	room := vg.Length(50)
	if h.vertical != "" {
		room = 70
	}
	canvas := vgsvg.New(chartWidth, height)
	c := draw.New(canvas)
	c.SetColor(white)
	c.Fill(c.Rectangle.Path())
	head := func(text string, down, size vg.Length, in color.Color) {
		sty := textStyle(size, in)
		sty.YAlign = draw.YTop
		c.FillText(sty, vg.Point{X: margin, Y: height - margin - down}, text)
	}
	head(h.title, 0, 15, ink)
	head(h.subtitle, 20, labelSize, gray)
	head(h.vertical, 40, labelSize, ink)
	p.Draw(draw.Crop(c, margin, -margin-labelRoom, margin, -room))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return nil, fmt.Errorf("can't draw %q: %w", h.title, err)
	}
	return fixText(b.Bytes(), h), nil
}
