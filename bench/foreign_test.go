// SPDX-License-Identifier: MIT

package bench

import (
	"bufio"
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"

	"epbench"
)

// TestMethodsAgreeOnForeignProcesses dumps a C program that knows nothing of
// this project. Its own count of registrations is the truth of their number,
// and the naive method, which asks the kernel about every pair, that of their
// targets.
func TestMethodsAgreeOnForeignProcesses(t *testing.T) {
	program := compile(t, "testdata/history.c")
	for seed := range 8 {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			pids, registrations := startForeign(t, program, seed)
			var naive []epbench.Registration
			for _, m := range methods() {
				t.Run(m.Name, func(t *testing.T) {
					got, _, err := newDumpers(t).get(t, m).Dump(t.Context(), pids, nil)
					if unlessRefused(err) != nil {
						t.Fatal(err)
					}
					if len(got) != registrations {
						t.Errorf("%d registrations, the program made %d", len(got), registrations)
					}
					if naive == nil {
						naive = got // the first method
					}
					if diff := epbench.Diff(naive, got); diff != "" {
						t.Errorf("not what naive finds: %s", diff)
					}
				})
			}
		})
	}
}

func compile(t *testing.T, source string) string {
	t.Helper()
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no gcc to compile the foreign program with: install the package gcc")
	}
	program := filepath.Join(t.TempDir(), "foreign")
	if out, err := exec.Command("gcc", "-O1", "-o", program, source).CombinedOutput(); err != nil {
		t.Fatalf("compiling %s: %v\n%s", source, err, out)
	}
	return program
}

// startForeign starts the program, which lives until the test ends, and
// returns its PIDs and how many registrations it says that it has made.
func startForeign(t *testing.T, program string, seed int) (pids []int, registrations int) {
	t.Helper()
	cmd := exec.Command(program, fmt.Sprint(seed))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the foreign program: %v", err)
		}
	})
	var parent, child int
	if _, err := fmt.Fscan(bufio.NewReader(stdout), &parent, &child, &registrations); err != nil {
		t.Fatalf("the foreign program did not start: %v", err)
	}
	return []int{parent, child}, registrations
}
