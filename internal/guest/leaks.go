// SPDX-License-Identifier: MIT

package guest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

const kmemleakFile = "/sys/kernel/debug/kmemleak"

// leakAge is a little more than the age that memory must have before kmemleak
// calls it lost (mm/kmemleak.c, MSECS_MIN_AGE: 5 s).
const leakAge = 5500 * time.Millisecond

// leakWatch asks kmemleak for what the payload made the kernel lose. On a
// kernel without CONFIG_DEBUG_KMEMLEAK it does nothing.
type leakWatch struct{ here bool }

// startLeakWatch stops kmemleak's own scans, which a payload would feel, and
// which report memory that is only briefly out of sight.
func startLeakWatch() (leakWatch, error) {
	if _, err := os.Stat(kmemleakFile); errors.Is(err, fs.ErrNotExist) {
		return leakWatch{}, nil
	}
	return leakWatch{here: true}, kmemleak("scan=off")
}

// find returns kmemleak's report of what is lost when the payload has ended,
// or nothing. It scans twice: only what did not change between two scans is
// reported (mm/kmemleak.c, update_checksum).
func (l leakWatch) find() (string, error) {
	if !l.here {
		return "", nil
	}
	time.Sleep(leakAge)
	for range 2 {
		if err := kmemleak("scan"); err != nil {
			return "", err
		}
	}
	report, err := os.ReadFile(kmemleakFile)
	return string(report), err
}

func kmemleak(command string) error {
	if err := os.WriteFile(kmemleakFile, []byte(command), 0); err != nil {
		return fmt.Errorf("kmemleak %q: %w", command, err)
	}
	return nil
}
