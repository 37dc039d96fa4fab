// SPDX-License-Identifier: MIT

package bpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// generatedBy is the compiler of what is committed, that of Debian 12. Others
// make other code of the same C.
const generatedBy = "clang version 14.0.6"

func TestGeneratedCodeIsUpToDate(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(version), generatedBy) {
		t.Skipf("needs %s: apt-get install clang", generatedBy)
	}
	source, err := os.ReadFile("gen.go")
	if err != nil {
		t.Fatal(err)
	}
	fresh := t.TempDir()
	for line := range strings.Lines(string(source)) {
		command, ok := strings.CutPrefix(strings.TrimSpace(line), "//go:generate go tool bpf2go ")
		if !ok {
			continue
		}
		generate := exec.Command("sh", "-c", "go tool bpf2go -output-dir "+fresh+" "+command)
		generate.Env = append(os.Environ(), "GOPACKAGE=bpf")
		if out, err := generate.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	requireSameFiles(t, fresh)
}

func requireSameFiles(t *testing.T, fresh string) {
	t.Helper()
	committed, err := filepath.Glob("*_bpfel*")
	if err != nil || len(committed) == 0 {
		t.Fatalf("generated files: %q, %v", committed, err)
	}
	for _, name := range committed {
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want = bytes.TrimPrefix(want, []byte("// SPDX-License-Identifier: MIT\n")) // put there by gen.go
		got, err := os.ReadFile(filepath.Join(fresh, name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate makes of the C (%v)", name, err)
		}
	}
}
