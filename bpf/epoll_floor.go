// SPDX-License-Identifier: MIT

package bpf

import (
	"context"

	"epbench"
	"epbench/internal/process"
)

// epollFloor makes the passes of epoll with programs that count.
type epollFloor struct {
	sweeper epollSweeper
}

func openEpollFloor(pass string) (Floor, error) {
	// Of descriptors, only the epoll instances' are stored, and no registrations.
	set, err := openEpollSet(TargetEpoll, lengths{usual.descriptors, 1}, epollProgCountFiles, pass)
	if err != nil {
		return nil, err
	}
	return &epollFloor{epollSweeper{programs: set, note: epollProgCountFiles, pass: pass}}, nil
}

func (f *epollFloor) Run(ctx context.Context, pids []int) (Counts, error) {
	held, err := process.Hold(pids)
	if err != nil {
		return Counts{}, err
	}
	defer held.Close()
	if err := f.sweeper.sweep(ctx, held, new(epbench.Stats)); err != nil {
		return Counts{}, err
	}
	state := f.sweeper.state
	return Counts{uint64(state.Files), uint64(state.Items)}, held.Check()
}

func (f *epollFloor) Close() error {
	f.sweeper.programs.close()
	return nil
}
