// SPDX-License-Identifier: MIT

package results

import (
	"fmt"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bars are horizontal: a gray part that all have, and the part in question.
type bars struct {
	heads
	xLabel string
	xTick  func(v float64) string
	bars   []bar
}

type bar struct {
	name        string
	base, extra float64
	label       string
}

const barHeight = vg.Length(26)

// svg draws the bars.
func (b *bars) svg() ([]byte, error) {
	p := newPlot()
	p.X.Label.Text = b.xLabel
	p.X.Min, p.Y.Min, p.Y.Max = 0, -0.5, float64(len(b.bars))-0.5
	for _, r := range b.bars {
		p.X.Max = max(p.X.Max, r.base+r.extra)
	}
	var names, values []plot.Tick
	for i, r := range b.bars {
		// The spaces are air for fonts wider than the text was laid out for.
		names = append(names, plot.Tick{Value: b.row(i), Label: r.name + "    "})
	}
	for _, t := range (plot.DefaultTicks{}).Ticks(0, p.X.Max) {
		if t.Label != "" {
			values = append(values, plot.Tick{Value: t.Value, Label: b.xTick(t.Value)})
		}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(values), plot.ConstantTicks(names)
	p.Y.Tick.Length, p.Y.LineStyle.Width = 0, 0
	p.Add(b)
	return render(p, b.heads, 110+barHeight*vg.Length(len(b.bars)))
}

// row is the height of the i-th bar, from the top.
func (b *bars) row(i int) float64 { return float64(len(b.bars) - 1 - i) }

// Plot draws the bars and their labels.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	sty := textStyle(labelSize, ink)
	sty.YAlign = draw.YCenter
	const half = barHeight / 3
	for i, r := range b.bars {
		middle := y(b.row(i))
		rectangle := func(from, to float64) vg.Path {
			return vg.Rectangle{
				Min: vg.Point{X: x(from), Y: middle - half},
				Max: vg.Point{X: x(to), Y: middle + half},
			}.Path()
		}
		c.SetColor(gray)
		c.Fill(rectangle(0, r.base))
		if r.extra > 0 {
			c.SetColor(vermilion)
			c.Fill(rectangle(r.base, r.base+r.extra))
		}
		c.FillText(sty, vg.Point{X: x(r.base+max(r.extra, 0)) + 6, Y: middle}, r.label)
	}
}

// guardBars shows the cost of each guard at the largest size.
func (g *GroupReport) guardBars() *bars {
	b := &bars{
		heads:  heads{title: "What holding each file adds to the epoll iterator"},
		xLabel: g.per("registration"),
		xTick:  func(v float64) string { return format(v, g.costPerReg()) },
	}
	largest := 0
	for _, row := range g.Guards {
		largest = max(largest, row.N)
	}
	b.subtitle = fmt.Sprintf("n = %s, %s", thousands(largest), g.Title)
	if g.Clock == "insn" {
		b.xTick = significantTick
	}
	for _, row := range g.Guards {
		if row.N != largest {
			continue
		}
		r := bar{name: fmt.Sprintf("%s program: %s", row.Prog, row.Guard), base: row.Cost.Center, label: format(row.Cost.Center, row.Cost.Unit)}
		if row.Extra != nil {
			r.base -= row.Extra.Value
			r.extra = row.Extra.Value
			r.label += fmt.Sprintf(", +%s (%.1f%%)", format(row.Extra.Value, row.Extra.Unit), 100*row.Share)
		}
		b.bars = append(b.bars, r)
	}
	return b
}

// costPerReg is the unit of costs per registration.
func (g *GroupReport) costPerReg() string {
	if g.Clock == "insn" {
		return "insn/reg"
	}
	return "sec/reg"
}
