// SPDX-License-Identifier: MIT

package bench

import "testing"

// BenchmarkSetup is what has to be paid once before the first dump: for the
// iterators loading, verifying and attaching BPF programs; for the methods of
// userspace next to nothing. Unloading is part of it.
func BenchmarkSetup(b *testing.B) {
	for _, m := range methods() {
		b.Run("method="+m.Name, func(b *testing.B) {
			newDumpers(b).get(b, m) // skips where the method cannot work
			for b.Loop() {
				d, err := m.Open()
				if err != nil {
					b.Fatal(err)
				}
				if err := d.Close(); err != nil {
					b.Fatal(err)
				}
			}
			reportPerOp(b, meanTime(b))
		})
	}
}
