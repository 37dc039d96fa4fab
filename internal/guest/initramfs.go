// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/cavaliergopher/cpio"
	"golang.org/x/sys/unix"
)

// Where the guest's first process finds things.
const (
	initPath    = "/init" // the kernel's choice: init/main.c, ramdisk_execute_command
	sessionPath = "/session.json"
	payloadPath = "/payload"
)

// session tells the guest's first process what to run. With no Args it only
// reports that the guest came up.
type session struct {
	Args   []string
	Env    []string
	Dir    string
	Settle time.Duration // what to let pass before the payload starts
}

// settleTime is enough for what a kernel still does in the background when it
// starts the first process: Debian's tests its ciphers for half a second, which
// a benchmark on the same processor would count as its own.
const settleTime = 3 * time.Second

// buildInitramfs returns the guest's first and only file system as a cpio
// archive in memory that has no name and goes when its last user does.
func buildInitramfs(o Options) (*os.File, error) {
	fd, err := unix.MemfdCreate("epbench-initramfs", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("memory for the initramfs: %w", err)
	}
	f := os.NewFile(uintptr(fd), "initramfs")
	if err := writeInitramfs(f, o); err != nil {
		f.Close()
		return nil, fmt.Errorf("guest: %w", err)
	}
	return f, nil
}

func writeInitramfs(w io.Writer, o Options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	a := &archive{w: cpio.NewWriter(w), made: map[string]bool{"/": true}}
	if err := a.program(initPath, self); err != nil {
		return err
	}
	s := session{Args: o.Args, Env: o.environment(), Dir: o.Dir}
	if o.Icount {
		// Idle time costs none here.
		s.Settle = settleTime
	}
	if len(o.Args) > 0 {
		if err := a.program(payloadPath, o.Args[0]); err != nil {
			return err
		}
	}
	encoded, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := a.file(sessionPath, 0o644, int64(len(encoded)), strings.NewReader(string(encoded))); err != nil {
		return err
	}
	if err := a.dir(o.Dir); err != nil {
		return err
	}
	for _, dir := range o.Copy {
		if err := a.tree(dir); err != nil {
			return err
		}
	}
	return a.w.Close()
}

// archive writes entries whose directories come before them, as the kernel's
// unpacking needs it (init/initramfs.c makes no parents).
type archive struct {
	w    *cpio.Writer
	made map[string]bool
}

func (a *archive) program(name, from string) error {
	if err := checkStatic(from); err != nil {
		return err
	}
	return a.copy(name, from)
}

// tree adds a directory and all that is in it under the path that it has here.
// What is neither directory nor regular file nor link to one is left out.
func (a *archive) tree(root string) error {
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	return filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := os.Stat(name)
		switch {
		case err != nil:
			return err
		case d.IsDir():
			return a.dir(name)
		case info.Mode().IsRegular():
			return a.copy(name, name)
		}
		return nil
	})
}

func (a *archive) copy(name, from string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return a.file(name, cpio.FileMode(info.Mode().Perm()), info.Size(), f)
}

func (a *archive) file(name string, perm cpio.FileMode, size int64, content io.Reader) error {
	if err := a.dir(path.Dir(name)); err != nil {
		return err
	}
	header := &cpio.Header{Name: strings.TrimPrefix(name, "/"), Mode: cpio.TypeReg | perm, Size: size}
	if err := a.w.WriteHeader(header); err != nil {
		return err
	}
	_, err := io.CopyN(a.w, content, size)
	return err
}

func (a *archive) dir(name string) error {
	if a.made[name] {
		return nil
	}
	if err := a.dir(path.Dir(name)); err != nil {
		return err
	}
	a.made[name] = true
	return a.w.WriteHeader(&cpio.Header{Name: strings.TrimPrefix(name, "/"), Mode: cpio.TypeDir | 0o755, Links: 2})
}
