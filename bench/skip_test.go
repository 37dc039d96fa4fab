// SPDX-License-Identifier: MIT

package bench

import (
	"errors"
	"fmt"
	"testing"

	"epbench"
)

// unavailable remembers what has been told, so that each reason is told once.
var unavailable = map[string]bool{}

// skipUnavailable skips t when err says that something cannot work here. In
// benchmarks, whose skipping is silent, it also tells why in the output.
func skipUnavailable(t testing.TB, err error) {
	t.Helper()
	var u *epbench.UnavailableError
	if !errors.As(err, &u) {
		return
	}
	if _, ok := t.(*testing.B); ok && !unavailable[u.Error()] {
		unavailable[u.Error()] = true
		fmt.Printf("# not available: %v\n", u)
	}
	t.Skip(u)
}
