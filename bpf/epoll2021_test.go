// SPDX-License-Identifier: MIT

package bpf

import (
	"bufio"
	"fmt"
	"os"
	"testing"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// The context, the way to attach, and what may be read are those of the
// iterator that was proposed in 2021.
func TestProgramOf2021PrintsTheRightLines(t *testing.T) {
	openEpollDumper(t, lengths{1, 1}) // skips where there is no iterator
	spec, err := loadEpoll2021()
	if err != nil {
		t.Fatal(err)
	}
	var objects epoll2021Objects
	if err := spec.LoadAndAssign(&objects, nil); err != nil {
		t.Fatalf("%+v", err)
	}
	defer objects.Close()
	items := newItems(t)
	for i := range 300 {
		items.add(t, i%7)
	}
	items.addFile(t, items.pipe(t), 8)

	got := readLines(t, objects.DumpEpoll, items.epoll)
	tfds := fdinfoTFDs(t, items.epoll)
	if len(got) != len(tfds)+1 {
		t.Fatalf("%d lines of %d registrations", len(got), len(tfds))
	}
	eventfd, others := "", 0
	for i, want := range tfds {
		var tfd int
		var fops string
		if n, err := fmt.Sscan(got[i], &tfd, &fops); n != 2 || tfd != want {
			t.Errorf("line %d is %q (%v), want tfd %d", i, got[i], err, want)
		}
		switch {
		case tfd == items.number(8):
			others++
			if fops == eventfd || fops == "0" {
				t.Errorf("line %d is %q, want the f_op of a pipe", i, got[i])
			}
		case eventfd == "":
			eventfd = fops
		case fops != eventfd:
			t.Errorf("line %d is %q, want the f_op of an eventfd, %s", i, got[i], eventfd)
		}
	}
	if last := got[len(tfds)]; last != "end" {
		t.Errorf("last line is %q", last)
	}
	if others != 1 {
		t.Errorf("the pipe came %d times", others)
	}
}

// readLines reads an iterator to its end in small pieces.
func readLines(t *testing.T, program *ebpf.Program, epoll int) (lines []string) {
	t.Helper()
	link, err := linkEpoll(program, epoll)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(link)
	fd, err := createIterator(link)
	if err != nil {
		t.Fatal(err)
	}
	pass := iterator(fd)
	defer pass.Close()
	scanner := bufio.NewScanner(pass)
	scanner.Buffer(make([]byte, 100), 100)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// fdinfoTFDs returns the tfds that fdinfo prints, which are in the same order.
func fdinfoTFDs(t *testing.T, epoll int) (tfds []int) {
	t.Helper()
	file, err := os.Open(fmt.Sprintf("/proc/self/fdinfo/%d", epoll))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var tfd int
		if n, _ := fmt.Sscanf(lines.Text(), "tfd: %d", &tfd); n == 1 {
			tfds = append(tfds, tfd)
		}
	}
	return tfds
}
