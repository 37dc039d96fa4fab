// SPDX-License-Identifier: MIT

package guest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Offsets in a bzImage: the kernel's Documentation/arch/x86/boot.rst.
const (
	setupSectsAt = 0x1f1 // of 512 bytes, besides the first; 0 stands for 4
	syssizeAt    = 0x1f4 // of what follows the setup, in 16 bytes
	magicAt      = 0x202
	xloadflagsAt = 0x236

	headerSize = xloadflagsAt + 2
	kernel64   = 1 << 0 // XLF_KERNEL_64
)

// checkKernel returns an error unless the file is a whole bzImage for x86-64.
func checkKernel(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no kernel %s", path)
	}
	if err != nil {
		return fmt.Errorf("guest kernel: %w", err)
	}
	defer f.Close()
	header := make([]byte, headerSize)
	_, err = io.ReadFull(f, header)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		err == nil && string(header[magicAt:magicAt+4]) != "HdrS" {
		return fmt.Errorf("%s is not a kernel that can be booted: give arch/x86/boot/bzImage, or a package's vmlinuz", path)
	}
	if err != nil {
		return fmt.Errorf("guest kernel: %w", err)
	}
	if binary.LittleEndian.Uint16(header[xloadflagsAt:])&kernel64 == 0 {
		return fmt.Errorf("%s is not for x86-64", path)
	}
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("guest kernel: %w", err)
	}
	sectors := int64(header[setupSectsAt])
	if sectors == 0 {
		sectors = 4
	}
	whole := (sectors+1)*512 + 16*int64(binary.LittleEndian.Uint32(header[syssizeAt:]))
	if info.Size() < whole {
		return fmt.Errorf("%s is cut short: it has %d of %d bytes", path, info.Size(), whole)
	}
	return nil
}
