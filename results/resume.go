// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"slices"
)

// Resume compares the two ways to go on after a partial read: by the number of
// the last descriptor (tfd), or by the key of the next item.
type Resume struct {
	Buf string   `json:"buf"` // bytes a read
	N   int      `json:"n"`
	TFD *Summary `json:"tfd"`
	Key *Summary `json:"key"`
	// Ratio is tfd over key; nil unless both were measured.
	Ratio *Ratio `json:"ratio"`
}

func (g *Group) resumes() []Resume {
	type at struct {
		buf string
		n   int
	}
	rows := make(map[at]*Resume)
	for _, c := range g.cases("Resume") {
		k := at{c.Buf, c.N}
		if rows[k] == nil {
			rows[k] = &Resume{Buf: c.Buf, N: c.N}
		}
		switch s := g.summary(c, g.cost()); c.Resume {
		case "tfd":
			rows[k].TFD = s
		case "key":
			rows[k].Key = s
		}
	}
	var out []Resume
	for _, r := range rows {
		if r.TFD != nil && r.Key != nil {
			r.Ratio = new(ratio(r.TFD, r.Key))
		}
		out = append(out, *r)
	}
	slices.SortFunc(out, func(a, b Resume) int {
		return cmp.Or(compareWords(a.Buf, b.Buf), cmp.Compare(a.N, b.N))
	})
	return out
}
