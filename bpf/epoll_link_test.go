// SPDX-License-Identifier: MIT

package bpf

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestAttachErrorsTellWhatTheDescriptorIs(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	i := newItems(t)
	for _, test := range []struct {
		name string
		fd   int
		want error
	}{
		{"no number", -1, unix.EBADF},
		{"not open", i.number(99), unix.EBADF},
		{"an eventfd", i.eventfd(t), unix.EINVAL},
		{"a pipe", i.pipe(t), unix.EINVAL},
	} {
		link, err := linkEpoll(r.program(), test.fd)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", test.name, err, test.want)
		}
		if err == nil {
			unix.Close(link)
		}
	}
}

func TestLinkAndIteratorKeepTheEpollAlive(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	for _, closeLinkFirst := range []bool{true, false} {
		i := newItems(t)
		var all []item
		for n := range 100 {
			all = append(all, i.add(t, n))
		}
		link := attach(t, r, i.epoll)
		i.close(i.epoll)
		fd, err := createIterator(link)
		if err != nil {
			t.Fatal(err)
		}
		if closeLinkFirst {
			unix.Close(link)
		}
		text, err := io.ReadAll(iterator(fd))
		if err != nil {
			t.Fatal(err)
		}
		requireOnce(t, i, records(t, text), all)
		unix.Close(fd)
		if !closeLinkFirst {
			unix.Close(link)
		}
	}
}

// The id is what two links to one epoll instance have in common.
func TestLinkTellsWhichEpollItIsFor(t *testing.T) {
	r := openRecords(t, TargetEpoll)
	one, other := newItems(t), newItems(t)
	again, err := unix.FcntlInt(uintptr(one.epoll), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(again)
	var ids []uint64
	for _, epoll := range []int{one.epoll, again, other.epoll} {
		link := attach(t, r, epoll)
		defer unix.Close(link)
		id := linkInfo(t, link)
		if inFdinfo := linkFdinfo(t, link); inFdinfo != id {
			t.Errorf("epoll_id is %d in info, %d in fdinfo", id, inFdinfo)
		}
		ids = append(ids, id)
	}
	if ids[0] == 0 || ids[0] != ids[1] || ids[0] == ids[2] {
		t.Errorf("ids of an epoll, the same, and another: %d", ids)
	}
}

func attach(t *testing.T, r *EpollReader, epoll int) (link int) {
	t.Helper()
	link, err := linkEpoll(r.program(), epoll)
	if err != nil {
		t.Fatal(err)
	}
	return link
}

// linkInfo returns the epoll_id of BPF_OBJ_GET_INFO_BY_FD, and checks the rest
// of it.
func linkInfo(t *testing.T, link int) (epollID uint64) {
	t.Helper()
	var name [16]byte
	var info struct { // struct bpf_link_info of include/uapi/linux/bpf.h
		kind, id, program, _ uint32
		name                 unsafe.Pointer
		nameSize             uint32
		_                    uint32
		epollID              uint64
	}
	info.name, info.nameSize = unsafe.Pointer(&name), uint32(len(name))
	attr := struct {
		fd, size uint32
		info     unsafe.Pointer
	}{uint32(link), uint32(unsafe.Sizeof(info)), unsafe.Pointer(&info)}
	if _, err := bpf(unix.BPF_OBJ_GET_INFO_BY_FD, unsafe.Pointer(&attr), unsafe.Sizeof(attr)); err != nil {
		t.Fatal(err)
	}
	if got := unix.ByteSliceToString(name[:]); got != "epoll" || info.kind != unix.BPF_LINK_TYPE_ITER {
		t.Errorf("info is of type %d and target %q", info.kind, got)
	}
	return info.epollID
}

// linkFdinfo returns the epoll_id of the link's fdinfo, and checks the rest.
func linkFdinfo(t *testing.T, link int) (epollID uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", link))
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile(`(?m)^link_type:\titer\n(?:.*\n)*target_name:\tepoll\nepoll_id:\t([0-9]+)\n\z`)
	match := pattern.FindSubmatch(text)
	if match == nil {
		t.Fatalf("fdinfo is\n%s", text)
	}
	epollID, err = strconv.ParseUint(string(match[1]), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return epollID
}
