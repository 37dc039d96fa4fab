// SPDX-License-Identifier: MIT

package bpf

// spool is what a program writes into a BPF array, however much: between two
// runs what is there is moved out of it, so that the program finds room again.
// What has fitted from the beginning is never copied.
type spool[T any] struct {
	array array[T]
	used  int // of the array
	moved heap[T]
}

// reset forgets all records.
func (s *spool[T]) reset() {
	s.used = 0
	s.moved.empty()
}

// makeRoom makes sure that there are places in the array.
func (s *spool[T]) makeRoom(places int) error {
	if s.used+places <= len(s.array.records) {
		return nil
	}
	return s.move()
}

// move moves what is in the array out of it.
func (s *spool[T]) move() error {
	err := s.moved.append(s.array.records[:s.used])
	s.used = 0
	return err
}

func (s *spool[T]) len() int { return len(s.moved.records) + s.used }

// all returns the records, in the order in which they were written. It is
// called when all are.
func (s *spool[T]) all() ([]T, error) {
	if len(s.moved.records) == 0 {
		return s.array.records[:s.used], nil
	}
	err := s.move()
	return s.moved.records, err
}

// revisit has f look at the records from from to to again, and change them, at
// places in the array that it is given: one after the other, unless all are
// still where they were written.
func (s *spool[T]) revisit(from, to int, f func(from, to int) error) error {
	all, err := s.all()
	if err != nil {
		return err
	}
	if len(s.moved.records) == 0 {
		return f(from, to)
	}
	for from < to {
		n := copy(s.array.records, all[from:to])
		if err := f(0, n); err != nil {
			return err
		}
		copy(all[from:], s.array.records[:n])
		from += n
	}
	return nil
}

func (s *spool[T]) close() {
	s.array.close()
	s.moved.close()
}
