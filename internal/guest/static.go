// SPDX-License-Identifier: MIT

package guest

import (
	"debug/elf"
	"fmt"
)

// checkStatic returns an error unless the file is an executable for x86-64
// that needs no dynamic loader: there are no libraries in the guest.
func checkStatic(path string) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("%s cannot run in the guest: %w", path, err)
	}
	defer f.Close()
	if f.Machine != elf.EM_X86_64 {
		return fmt.Errorf("%s cannot run in the guest: it is for %v, the guest is x86-64", path, f.Machine)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("%s cannot run in the guest: it is not static: build with CGO_ENABLED=0", path)
		}
	}
	return nil
}
