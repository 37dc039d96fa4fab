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
	types         *btf.Cache
	eventpollFops uint64
	target        EpollTarget
	names         []string

	collection    *ebpf.Collection
	descriptors   array[taskfileDescriptor]
	registrations array[taskfileRegistration]
}

// openEpollSet loads the named programs, of which those that iterate over
// an epoll instance do so by way of target, with arrays of the given lengths.
func openEpollSet(target EpollTarget, descriptors, registrations uint32, names ...string) (*epollSet, error) {
	types := btf.NewCache()
	fops, err := learnEpoll(types)
	if err != nil {
		return nil, err
	}
	if err := checkTarget(types, target); err != nil {
		return nil, err
	}
	p := &epollSet{types: types, eventpollFops: fops, target: target, names: names}
	if err := p.load(descriptors, registrations); err != nil {
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

func (p *epollSet) load(descriptors, registrations uint32) (err error) {
	defer func() {
		if err != nil {
			p.unload()
		}
	}()
	spec, err := loadEpoll()
	if err != nil {
		return err
	}
	spec.Maps[epollMapDescriptors].MaxEntries = descriptors
	spec.Maps[epollMapRegistrations].MaxEntries = registrations
	if err := spec.Variables[epollVarEventpollFops].Set(p.eventpollFops); err != nil {
		return err
	}
	p.choose(spec)
	p.collection, err = ebpf.NewCollectionWithOptions(spec, ebpf.CollectionOptions{Cache: p.types})
	if err != nil {
		return unavailable("loading the epoll programs", err)
	}
	if p.descriptors, err = mapArray[taskfileDescriptor](p.collection.Maps[epollMapDescriptors]); err != nil {
		return err
	}
	p.registrations, err = mapArray[taskfileRegistration](p.collection.Maps[epollMapRegistrations])
	return err
}

// choose leaves the named programs in spec, and makes them target's.
func (p *epollSet) choose(spec *ebpf.CollectionSpec) {
	programs := make(map[string]*ebpf.ProgramSpec)
	for _, name := range p.names {
		program := spec.Programs[name]
		if program.AttachTo == string(TargetEpoll) {
			program.AttachTo = string(p.target)
		}
		programs[name] = program
	}
	spec.Programs = programs
}

// grow loads the programs anew, with arrays that hold what state has counted
// and a quarter more, unless those that there are hold it. It reports whether
// it did, and the pass is to be repeated.
func (p *epollSet) grow(state epollSweep) (grown bool, err error) {
	descriptors := uint32(len(p.descriptors.records))
	registrations := uint32(len(p.registrations.records))
	if state.Descriptors <= descriptors && state.Registrations <= registrations {
		return false, nil
	}
	if state.Descriptors > descriptors {
		descriptors = state.Descriptors + state.Descriptors/4
	}
	if state.Registrations > registrations {
		registrations = state.Registrations + state.Registrations/4
	}
	p.unload()
	return true, p.load(descriptors, registrations)
}

func (p *epollSet) program(name string) *ebpf.Program { return p.collection.Programs[name] }

// begin sets the counters to zero.
func (p *epollSet) begin() error {
	return p.collection.Variables[epollVarState].Set(&epollSweep{})
}

// state returns the counters.
func (p *epollSet) state() (s epollSweep, err error) {
	return s, p.collection.Variables[epollVarState].Get(&s)
}

func (p *epollSet) unload() {
	p.descriptors.close()
	p.registrations.close()
	if p.collection != nil {
		p.collection.Close()
		p.collection = nil
	}
}
