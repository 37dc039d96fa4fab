// SPDX-License-Identifier: MIT

package workloads

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Spec says what a workload consists of. The zero value of a field stands for
// its default.
type Spec struct {
	// Shape is how descriptors moved after registration; default inplace.
	Shape string
	// Kind is what the targets are; default eventfd.
	Kind string
	// N is the number of registrations, or with a Profile that of connections;
	// default 1000.
	N int
	// Epolls is the number of epoll instances that they are spread over;
	// default 1. Every second one has two descriptors.
	Epolls int
	// Idle is the number of descriptors that are of the same kind and
	// registered nowhere, made between the targets; default 0.
	Idle int
	// Procs is the number of processes, or of threads with tree threads;
	// default 1, or 3 if Tree is given.
	Procs int
	// Tree is how the processes come to share files; default mixed.
	Tree string
	// Churn is the number of files that come and go; default 0. As long as it
	// is dumped the root makes, registers, duplicates and closes them as fast
	// as it can, beside the n registrations that stay. See Transient.
	Churn int
	// Profile is the name of a server program. The workload has what that
	// program has at N connections: all other fields but Procs are left zero,
	// and Procs, too, unless the program has workers.
	Profile string
}

// The shapes: what became of a target's descriptor after EPOLL_CTL_ADD.
const (
	shapeInplace = "inplace" // nothing: the tfd still names the file
	shapeMoved   = "moved"   // dup'ed to another number and closed; the tfd is free or names another file
	shapeReused  = "reused"  // 4 to 8 files registered one after another under one tfd, which names the last
	shapeShared  = "shared"  // few files, each registered under many numbers, which are closed again
	shapeClosed  = "closed"  // in flight in a unix socket's queue: alive, and without a descriptor anywhere
)

// Shapes returns the names of all shapes.
func Shapes() []string {
	return []string{shapeInplace, shapeMoved, shapeReused, shapeShared, shapeClosed}
}

// Kinds returns the names of all kinds.
//
// Of pipe, unix and tcp, both ends are targets, one after the other; the end
// that an odd count leaves over stays open and unregistered. Of inotify, there
// are 8 instances to watch and 2 to be idle at most, which take turns under
// different descriptors: fs.inotify.max_user_instances is 128 by default, for
// everything that a user runs. (Shape shared makes as many as it needs.) Of epoll, the targets are empty instances. Kind mixed goes
// through all the others in turn.
func Kinds() []string {
	return append(slices.Clone(plainKinds), kindMixed)
}

// axis is a numeric key of a spec.
type axis struct {
	name          string
	min, max, def int
	of            func(*Spec) *int
}

var axes = []axis{
	{"n", 1, 10_000_000, 1000, func(s *Spec) *int { return &s.N }},
	{"epolls", 1, 100_000, 1, func(s *Spec) *int { return &s.Epolls }},
	{"idle", 0, 10_000_000, 0, func(s *Spec) *int { return &s.Idle }},
	{"procs", 1, 1000, 1, func(s *Spec) *int { return &s.Procs }},
	{"churn", 0, 100_000, 0, func(s *Spec) *int { return &s.Churn }},
}

// Parse reads a spec such as
//
//	shape=moved,kind=eventfd,n=10000,epolls=4,idle=1000,procs=2,tree=forked
//
// in which every key may be left out. The error names what is allowed.
func Parse(text string) (Spec, error) {
	var s Spec
	if text == "" {
		return s.withDefaults(), nil
	}
	seen := map[string]bool{}
	for field := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(field, "=")
		if !ok {
			return Spec{}, fmt.Errorf("workload %q: %q is not key=value (keys: %s)", text, field, keys())
		}
		if seen[key] {
			return Spec{}, fmt.Errorf("workload %q: key %q is given twice", text, key)
		}
		seen[key] = true
		if err := s.set(key, value); err != nil {
			return Spec{}, fmt.Errorf("workload %q: %w", text, err)
		}
	}
	s = s.withDefaults()
	if err := s.checkTogether(); err != nil {
		return Spec{}, fmt.Errorf("workload %q: %w", text, err)
	}
	return s, nil
}

// set sets one field from its text.
func (s *Spec) set(key, value string) error {
	switch key {
	case "shape":
		s.Shape = value
		return checkName("shape", value, Shapes())
	case "kind":
		s.Kind = value
		return checkName("kind", value, Kinds())
	case "tree":
		s.Tree = value
		return checkName("tree", value, Trees())
	case "profile":
		s.Profile = value
		return checkName("profile", value, Profiles())
	}
	for _, a := range axes {
		if a.name != key {
			continue
		}
		v, err := strconv.Atoi(value)
		if err != nil || v < a.min || v > a.max {
			return a.error(value)
		}
		*a.of(s) = v
		return nil
	}
	return fmt.Errorf("unknown key %q (keys: %s)", key, keys())
}

// check validates a spec that has its defaults.
func (s Spec) check() error {
	if err := s.checkEach(); err != nil {
		return fmt.Errorf("workload: %w", err)
	}
	if err := s.checkTogether(); err != nil {
		return fmt.Errorf("workload: %w", err)
	}
	return nil
}

// checkEach checks the fields that are given.
func (s Spec) checkEach() error {
	for _, a := range axes {
		if v := *a.of(&s); v < a.min || v > a.max {
			if v == 0 && s.Profile != "" {
				continue
			}
			return a.error(strconv.Itoa(v))
		}
	}
	if s.Profile != "" {
		return nil
	}
	if err := checkName("shape", s.Shape, Shapes()); err != nil {
		return err
	}
	if err := checkName("kind", s.Kind, Kinds()); err != nil {
		return err
	}
	return checkName("tree", s.Tree, Trees())
}

// checkTogether checks what fields say of each other.
func (s Spec) checkTogether() error {
	if s.Profile != "" {
		return s.checkProfile()
	}
	if s.Procs == 1 && s.Tree != treeMixed {
		return fmt.Errorf("tree=%s needs procs=2 or more", s.Tree)
	}
	return nil
}

func (a axis) error(value string) error {
	return fmt.Errorf("%s=%s is not a number from %d to %d", a.name, value, a.min, a.max)
}

func checkName(key, value string, allowed []string) error {
	if slices.Contains(allowed, value) {
		return nil
	}
	return fmt.Errorf("unknown %s %q (%ss: %s)", key, value, key, strings.Join(allowed, ", "))
}

func keys() string {
	names := []string{"profile", "shape", "kind", "tree"}
	for _, a := range axes {
		names = append(names, a.name)
	}
	return strings.Join(names, ", ")
}

func (s Spec) withDefaults() Spec {
	if s.Profile != "" {
		return s.withProfileDefaults()
	}
	if s.Shape == "" {
		s.Shape = shapeInplace
	}
	if s.Kind == "" {
		s.Kind = kindEventfd
	}
	if s.Tree == "" {
		s.Tree = treeMixed
	}
	if s.Procs == 0 && s.Tree != treeMixed {
		s.Procs = 3
	}
	for _, a := range axes {
		if v := a.of(&s); *v == 0 {
			*v = a.def
		}
	}
	return s
}

// String formats s with every key that it may have, in the form that Parse
// reads.
func (s Spec) String() string {
	s = s.withDefaults()
	if s.Profile != "" {
		return fmt.Sprintf("profile=%s,n=%d,procs=%d", s.Profile, s.N, s.Procs)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "shape=%s,kind=%s", s.Shape, s.Kind)
	for _, a := range axes {
		fmt.Fprintf(&b, ",%s=%d", a.name, *a.of(&s))
	}
	fmt.Fprintf(&b, ",tree=%s", s.Tree)
	return b.String()
}
