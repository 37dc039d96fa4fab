// SPDX-License-Identifier: MIT

package results

import (
	"fmt"
	"math"
	"strconv"
)

// Ratio is how many times one cost is another, with an interval that has at
// least the confidence of the two medians' together.
type Ratio struct {
	Value float64 `json:"value"`
	// Lo and Hi are nil where a median's interval is unbounded.
	Lo *float64 `json:"lo"`
	Hi *float64 `json:"hi"`
}

// ratio returns a/b.
func ratio(a, b *Summary) Ratio {
	return Ratio{a.Center / b.Center, quotient(a.Lo, b.Hi), quotient(a.Hi, b.Lo)}
}

func quotient(a, b *float64) *float64 {
	if a == nil || b == nil || *b == 0 {
		return nil
	}
	return new(*a / *b)
}

// above and below report whether the whole interval is on one side of x.
func (r Ratio) above(x float64) bool { return r.Lo != nil && *r.Lo > x }
func (r Ratio) below(x float64) bool { return r.Hi != nil && *r.Hi < x }

// String is "1,218× [1,100, 1,350]".
func (r Ratio) String() string {
	return fmt.Sprintf("%s× %s", significant(r.Value), r.interval())
}

func (r Ratio) interval() string {
	if r.Lo == nil || r.Hi == nil {
		return "[?]"
	}
	return fmt.Sprintf("[%s, %s]", significant(*r.Lo), significant(*r.Hi))
}

// significant writes x with at least three significant digits.
func significant(x float64) string {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return fmt.Sprint(x)
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(x))))
	if digits <= 0 {
		return thousands(int(math.Round(x)))
	}
	return strconv.FormatFloat(x, 'f', digits, 64)
}

// thousands writes n with separators, "10,000".
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
