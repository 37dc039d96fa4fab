// SPDX-License-Identifier: MIT

package guest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// proofTimeout bounds the boot that is to prove KVM. Where KVM works, the
// slowest of kernels is up in a few seconds; where it does not, QEMU may stop
// at once, or stand still for ever.
const proofTimeout = 20 * time.Second

// chooseAccel returns AccelKVM if KVM boots o's kernel, now or earlier since
// this machine was booted, else AccelTCG. failed says that it was tried now
// and did not.
func chooseAccel(ctx context.Context, o Options) (accel Accel, failed bool) {
	if unix.Access("/dev/kvm", unix.R_OK|unix.W_OK) != nil {
		return AccelTCG, false
	}
	works, known := rememberedKVM()
	if !known {
		works = provesKVM(ctx, o)
		failed = !works
	}
	if !works {
		return AccelTCG, failed
	}
	if !known {
		rememberKVM(true)
	}
	return AccelKVM, false
}

// provesKVM boots o's kernel with KVM and no payload.
func provesKVM(ctx context.Context, o Options) bool {
	ctx, cancel := context.WithTimeout(ctx, proofTimeout)
	defer cancel()
	o.Accel, o.Args, o.Copy = AccelKVM, nil, nil
	m, err := boot(ctx, o)
	return err == nil && m.booted
}

// The proof is remembered for as long as this machine is up, in a line of the
// form "BOOT-ID works" or "BOOT-ID fails". Any other text, as half of one that
// a killed process wrote, proves nothing.

func rememberKVM(works bool) {
	file, boot, ok := kvmMemory()
	if !ok || os.MkdirAll(filepath.Dir(file), 0o755) != nil {
		return
	}
	word := " fails\n"
	if works {
		word = " works\n"
	}
	// Without the memory the next run proves it again.
	_ = os.WriteFile(file, []byte(boot+word), 0o644)
}

func rememberedKVM() (works, known bool) {
	file, boot, ok := kvmMemory()
	if !ok {
		return false, false
	}
	line, err := os.ReadFile(file)
	if err != nil {
		return false, false
	}
	works = string(line) == boot+" works\n"
	return works, works || string(line) == boot+" fails\n"
}

// kvmMemory returns where the proof is remembered and what names this boot of
// the machine.
func kvmMemory() (file, boot string, ok bool) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", "", false
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", false
	}
	return filepath.Join(cache, "epbench", "kvm"), strings.TrimSpace(string(id)), true
}
