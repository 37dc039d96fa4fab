// SPDX-License-Identifier: MIT

package workloads

import (
	"errors"
	"fmt"
	"io"
	"syscall"

	"golang.org/x/sys/unix"
)

// tree is the processes of a workload, as its root knows them.
type tree struct {
	spec    Spec
	form    form
	members []member // the root first
}

// member is a process and its descriptors.
type member struct {
	pid         int
	descriptors []descriptor
}

// grow starts the other processes, each of which makes its part, and closes
// what the root is not to hold.
func (t *tree) grow(b *builder) error {
	t.members = append(t.members, member{unix.Getpid(), b.descriptors})
	for p := 1; p < t.spec.Procs; p++ {
		if err := cancelled(0); err != nil {
			return err
		}
		if err := t.form.start(t, b, p); err != nil {
			return err
		}
	}
	if t.form.holds == nil {
		return nil
	}
	kept, left := t.share(b, 0)
	for _, d := range left {
		if err := unix.Close(int(d.fd)); err != nil {
			return failed("close", err)
		}
	}
	t.members[0].descriptors = kept
	return nil
}

// share divides the root's descriptors into those that process p is to hold
// and the others.
func (t *tree) share(b *builder, p int) (held, left []descriptor) {
	epolls := map[fileID]bool{}
	for _, file := range b.epollFiles {
		epolls[file] = true
	}
	for i, d := range b.descriptors {
		if t.form.holds(i, p, t.spec.Procs, epolls[d.file]) {
			held = append(held, d)
		} else {
			left = append(left, d)
		}
	}
	return held, left
}

// spawn starts process p, has it make its part, and returns when it sits
// still. It inherits its descriptors as after fork(2), under the same numbers.
func (t *tree) spawn(b *builder, p int) error {
	held, _ := t.share(b, p)
	if err := setInherited(held, true); err != nil {
		return err
	}
	link, err := t.exec(p)
	if err != nil {
		return err
	}
	defer unix.Close(link)
	if err := setInherited(held, false); err != nil {
		return err
	}
	back, err := exchange(link, b.handover(held))
	if err != nil {
		return fmt.Errorf("process %d of the tree: %w", p, err)
	}
	b.resume(back)
	t.members[p].descriptors = back.descriptors
	return nil
}

func setInherited(descriptors []descriptor, inherited bool) error {
	flags := unix.FD_CLOEXEC
	if inherited {
		flags = 0
	}
	for _, d := range descriptors {
		if _, err := unix.FcntlInt(uintptr(d.fd), unix.F_SETFD, flags); err != nil {
			return failed("fcntl(F_SETFD)", err)
		}
	}
	return nil
}

// exec starts process p and returns a socket to it.
func (t *tree) exec(p int) (link int, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, failed("socketpair", err)
	}
	// The initialisation of packages runs on the main thread, which lasts as
	// long as the process: so does what Pdeathsig refers to.
	pid, err := syscall.ForkExec(self, []string{childName}, &syscall.ProcAttr{
		Env:   childEnv(t.spec, p),
		Files: []uintptr{controlFD, uintptr(pair[1]), errorFD},
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
	unix.Close(pair[1])
	if err != nil {
		unix.Close(pair[0])
		return -1, failed("fork", err)
	}
	t.members = append(t.members, member{pid: pid})
	return pair[0], nil
}

// exchange sends a process the record and receives it as it is then, after a
// word that is the length of an error message in its place, or 0.
func exchange(link int, r record) (*record, error) {
	w := newWireWriter(link)
	r.send(w)
	if err := w.flush(); err != nil {
		return nil, err
	}
	if err := unix.Shutdown(link, unix.SHUT_WR); err != nil {
		return nil, failed("shutdown", err)
	}
	in := newWireReader(descriptorReader(link))
	if length := in.count(); length > 0 {
		text := make([]byte, length)
		io.ReadFull(in.r, text)
		return nil, errors.New(string(text))
	}
	back := new(record)
	back.receive(in)
	if err := in.end(); err != nil {
		return nil, fmt.Errorf("it ended before it was ready: %w", err)
	}
	return back, nil
}

// fell ends the descendants and reaps them.
func (t *tree) fell() {
	for _, m := range t.members[min(1, len(t.members)):] {
		unix.Kill(m.pid, unix.SIGKILL)
		retry(func() (int, error) { return unix.Wait4(m.pid, nil, 0, nil) })
	}
}

// descendant is what a process does that the root has started by exec. That it
// closes its report tells the root that its descriptors will not change any
// more.
func descendant(s Spec, process int) {
	w := newWireWriter(reportFD)
	b, err := makePart(s, process)
	if err != nil {
		w.count(len(err.Error()))
		w.flush()
		unix.Write(reportFD, []byte(err.Error()))
		unix.Exit(1)
	}
	w.count(0)
	b.send(w)
	if w.flush() != nil || unix.Close(reportFD) != nil {
		unix.Exit(1)
	}
	awaitEnd()
	unix.Exit(0)
}

func makePart(s Spec, process int) (*builder, error) {
	b, err := newBuilder(s, process)
	if err != nil {
		return nil, err
	}
	in := newWireReader(descriptorReader(reportFD))
	b.receive(in)
	if err := in.end(); err != nil {
		return nil, err
	}
	b.epolls = b.instances(b.descriptors)
	if part := s.form().part; part != nil {
		err = part(b)
	}
	return b, err
}
