// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// A note is a line of a benchmark file that benchfmt passes over but that says
// something here, about the run that it stands in.
type note struct {
	notRun bool   // otherwise: not available
	text   string // what follows the prefix
}

func parseNote(line string) (note, bool) {
	if text, ok := strings.CutPrefix(line, "# not run: "); ok {
		return note{notRun: true, text: text}, true
	}
	if text, ok := strings.CutPrefix(line, "# not available: "); ok {
		return note{text: text}, true
	}
	return note{}, false
}

// NotRun is a case that was left out because it would have cost too much. The
// prediction is no measurement, and is used for nothing but to be shown.
type NotRun struct {
	Case      Case    `json:"case"`
	Predicted float64 `json:"predicted_seconds"` // per operation
	Budget    float64 `json:"budget_seconds"`
}

var notRunFormat = regexp.MustCompile(`^Benchmark(\S+) predicted=(\S+)s budget=(\S+)s$`)

func parseNotRun(text string) (name string, n NotRun, err error) {
	m := notRunFormat.FindStringSubmatch(text)
	if m == nil {
		return "", n, fmt.Errorf("want \"# not run: NAME predicted=13.2s budget=2s\", not %q", text)
	}
	if n.Predicted, err = strconv.ParseFloat(m[2], 64); err != nil {
		return "", n, fmt.Errorf("predicted: %w", err)
	}
	if n.Budget, err = strconv.ParseFloat(m[3], 64); err != nil {
		return "", n, fmt.Errorf("budget: %w", err)
	}
	return m[1], n, nil
}
