// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"os"

	"epbench"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// learnEpoll returns the address of the kernel's eventpoll_fops, by running an
// iterator over this process. It is the first thing to be loaded and attached,
// and so finds out what this kernel or these privileges lack.
func learnEpoll(types *btf.Cache) (uint64, error) {
	if err := checkBTF(); err != nil {
		return 0, err
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return 0, fmt.Errorf("epoll_create1: %w", err)
	}
	defer unix.Close(epoll)
	spec, err := loadLearn()
	if err != nil {
		return 0, err
	}
	if err := spec.Variables[learnVarEpollFd].Set(uint32(epoll)); err != nil {
		return 0, err
	}
	var objects learnObjects
	if err := spec.LoadAndAssign(&objects, &ebpf.CollectionOptions{Cache: types}); err != nil {
		return 0, unavailable("loading a task_file iterator", err)
	}
	defer objects.Close()
	if err := iterateFiles(objects.Learn, os.Getpid(), new(epbench.Stats), nil); err != nil {
		return 0, unavailable("running a task_file iterator", err)
	}
	var fops uint64
	if err := objects.EventpollFops.Get(&fops); err != nil {
		return 0, err
	}
	if fops == 0 {
		return 0, errors.New("task_file iterator: did not come by a descriptor of this process")
	}
	return fops, nil
}
