// SPDX-License-Identifier: MIT

package results

import (
	"fmt"

	"golang.org/x/perf/benchfmt"
)

// copies counts results that repeat earlier ones to the digit. Two timed runs
// agree like that once in a while; a whole file does when it is given twice.
type copies struct {
	count int
	at    string // the first of them
	of    string // what it repeats
}

// add counts res if it is in seen, and puts it there.
func (c *copies) add(seen map[string]string, res *benchfmt.Result) {
	content := fmt.Sprint(res.Name, res.Iters, res.Values, res.GetConfig("lane"), res.GetConfig("kernel"))
	earlier, ok := seen[content]
	if !ok {
		seen[content] = position(res)
		return
	}
	if c.count == 0 {
		c.at, c.of = position(res), earlier
	}
	c.count++
}

// check returns an error when of results too many are copies for chance.
func (c *copies) check(results int) error {
	const few, share = 3, 10
	if c.count < few || c.count*share < results {
		return nil
	}
	return fmt.Errorf("%s repeats %s exactly, and %d of %d results do the like: the same measurements were appended or given twice; remove the copy",
		c.at, c.of, c.count, results)
}
