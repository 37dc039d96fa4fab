// SPDX-License-Identifier: MIT

package servers

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"epbench/internal/process"

	"golang.org/x/sys/unix"
)

// forEachProgram runs f for each program that is installed.
func forEachProgram(t *testing.T, f func(t *testing.T, program string)) {
	for _, program := range programs {
		t.Run(program.name, func(t *testing.T) {
			if _, err := program.path(); err != nil {
				t.Skip(err)
			}
			f(t, program.name)
		})
	}
}

// awaitGone fails t unless all of pids end, be they reaped or not.
func awaitGone(t *testing.T, pids []int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		left := 0
		for _, pid := range pids {
			if process.CheckExiting(pid) == nil {
				left++
			}
		}
		if left == 0 {
			return
		}
	}
	t.Errorf("of processes %v, some are left", pids)
}

func TestNothingIsLeftOfAServer(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Server, context.CancelFunc){
		"closed": func(t *testing.T, s *Server, _ context.CancelFunc) {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		},
		"closed while stopped": func(t *testing.T, s *Server, _ context.CancelFunc) {
			if err := s.Stop(t.Context()); err != nil {
				t.Error(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		},
		"context done": func(t *testing.T, s *Server, cancel context.CancelFunc) {
			cancel()
			awaitGone(t, s.PIDs)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			forEachProgram(t, func(t *testing.T, program string) {
				t.Setenv("TMPDIR", t.TempDir())
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				s, err := Start(ctx, program, 10)
				if err != nil {
					t.Fatal(err)
				}
				end(t, s, cancel)
				awaitGone(t, s.PIDs)
				left, err := os.ReadDir(os.TempDir())
				if err != nil || len(left) > 0 {
					t.Errorf("files left: %v %v", left, err)
				}
			})
		})
	}
}

// Of this the test binary makes a process that starts a server and is killed.
const killedVariable = "EPBENCH_SERVERS_KILLED"

func TestMain(m *testing.M) {
	if program := os.Getenv(killedVariable); program != "" {
		s, err := Start(context.Background(), program, 10)
		if err != nil {
			panic(err)
		}
		for _, pid := range s.PIDs {
			os.Stdout.WriteString(strconv.Itoa(pid) + "\n")
		}
		unix.Kill(unix.Getpid(), unix.SIGKILL)
	}
	os.Exit(m.Run())
}

func TestNothingIsLeftWhenItsStarterIsKilled(t *testing.T) {
	forEachProgram(t, func(t *testing.T, program string) {
		dir := t.TempDir()
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = append(os.Environ(), killedVariable+"="+program, "TMPDIR="+dir)
		out, err := cmd.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.Exited() {
			t.Fatalf("it was not killed: %v", err)
		}
		var pids []int
		for _, line := range strings.Fields(string(out)) {
			pid, err := strconv.Atoi(line)
			if err != nil {
				t.Fatal(err)
			}
			pids = append(pids, pid)
		}
		if len(pids) == 0 {
			t.Fatal("it started no process")
		}
		awaitGone(t, pids)
		if left, _ := filepath.Glob(dir + "/*"); len(left) > 0 {
			t.Errorf("files left: %v", left)
		}
	})
}

func TestAServerThatCannotStartSaysWhy(t *testing.T) {
	if _, err := Start(t.Context(), "apache", 1); err == nil {
		t.Error("an unknown program was started")
	}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	forEachProgram(t, func(t *testing.T, program string) {
		if s, err := Start(t.Context(), program, 1); err == nil {
			s.Close()
			t.Error("started without a directory")
		}
	})
}
