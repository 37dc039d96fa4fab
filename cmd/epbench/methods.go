// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"strings"

	"epbench"
	"epbench/baseline"
	"epbench/bpf"
)

// auto is the -method that stands for the best one available.
const auto = "auto"

// methods lists every method, the legacy ones first.
func methods() []epbench.Method {
	return append(baseline.Methods(), bpf.Methods()...)
}

// preferred lists methods by preference: one pass in the kernel under its
// lock, one pass without it, and then what userspace can do, of which inode
// comes before merge's equals because it never touches the target's epoll.
var preferred = []string{"epoll", "taskfile", "merge", "inode", "criu", "naive"}

// openMethod opens the method of that name, or for auto the first of
// preferred that can be opened, and returns its name.
func openMethod(name string) (epbench.Dumper, string, error) {
	if name != auto {
		d, err := open(name)
		return d, name, err
	}
	var failed error
	for _, name := range preferred {
		d, err := open(name)
		if err == nil {
			return d, name, nil
		}
		failed = err
	}
	return nil, "", fmt.Errorf("no method works here (see epbench check), not even the last: %w", failed)
}

func open(name string) (epbench.Dumper, error) {
	var names []string
	for _, m := range methods() {
		if m.Name == name {
			d, err := m.Open()
			if err != nil {
				return nil, fmt.Errorf("method %s: %w", name, err)
			}
			return d, nil
		}
		names = append(names, m.Name)
	}
	return nil, usagef("no method %q: choose auto, %s", name, strings.Join(names, ", "))
}
