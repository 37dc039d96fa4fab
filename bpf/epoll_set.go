// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"

	"epbench"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
)

const hintPatched = "needs the kernel with the epoll iterator: make kernel builds it"

// epollSet is programs of epoll.bpf.c, loaded, with their arrays.
type epollSet struct {
	collection *ebpf.Collection
	spools     spools
}

// openEpollSet loads the named programs, of which those that iterate over
// an epoll instance do so by way of target, with arrays of the given lengths.
func openEpollSet(target EpollTarget, size lengths, names ...string) (*epollSet, error) {
	types := btf.NewCache()
	fops, err := learnEpoll(types)
	if err != nil {
		return nil, err
	}
	if err := checkTarget(types, target); err != nil {
		return nil, err
	}
	spec, err := loadEpoll()
	if err != nil {
		return nil, err
	}
	size.set(spec)
	if err := spec.Variables[epollVarEventpollFops].Set(fops); err != nil {
		return nil, err
	}
	choosePrograms(spec, target, names)
	collection, err := ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: types})
	if err != nil {
		return nil, unavailable("loading the epoll programs", err)
	}
	p := &epollSet{collection: collection}
	maps := collection.Maps
	if err := p.spools.open(maps[epollMapDescriptors], maps[epollMapRegistrations]); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// checkTarget tells a kernel that has no such iterator, by the function that
// every target has in the kernel's type information (include/linux/bpf.h,
// DEFINE_BPF_ITER_FUNC).
func checkTarget(types *btf.Cache, target EpollTarget) error {
	kernel, err := types.Kernel()
	if err != nil {
		return unavailable("reading the kernel's type information", err)
	}
	var function *btf.Func
	err = kernel.TypeByName("bpf_iter_"+string(target), &function)
	if errors.Is(err, btf.ErrNotFound) {
		return &epbench.UnavailableError{
			Err:  fmt.Errorf("BPF iterator %s: %w", target, epbench.ErrNotSupported),
			Hint: hintPatched,
		}
	}
	return err
}

// choosePrograms leaves the named programs in spec, and makes them target's.
func choosePrograms(spec *ebpf.CollectionSpec, target EpollTarget, names []string) {
	programs := make(map[string]*ebpf.ProgramSpec)
	for _, name := range names {
		program := spec.Programs[name]
		if program.AttachTo == string(TargetEpoll) {
			program.AttachTo = string(target)
		}
		programs[name] = program
	}
	spec.Programs = programs
}

func (p *epollSet) program(name string) *ebpf.Program { return p.collection.Programs[name] }

// set and get are of the variables that the programs and user space share.
func (p *epollSet) set(s *epollSweep) error {
	return p.collection.Variables[epollVarState].Set(s)
}

func (p *epollSet) get(s *epollSweep) error {
	return p.collection.Variables[epollVarState].Get(s)
}

// close may be called again.
func (p *epollSet) close() {
	p.spools.close()
	if p.collection != nil {
		p.collection.Close()
		p.collection = nil // its variables' memory is mapped until it is collected
	}
}
