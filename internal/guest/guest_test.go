// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// testKernel returns a kernel for the tests: the one that the environment
// names, or the newest of Debian's that fetch-debian-kernel.sh has fetched.
func testKernel(t *testing.T) string {
	t.Helper()
	if k := os.Getenv("EPBENCH_GUEST_KERNEL"); k != "" {
		return k
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Skip(err)
	}
	kernels, _ := filepath.Glob(filepath.Join(cache, "epbench/stock/6.12*/boot/vmlinuz-*"))
	if len(kernels) == 0 {
		t.Skip("no kernel to boot: run internal/guest/fetch-debian-kernel.sh 6.12, or set EPBENCH_GUEST_KERNEL")
	}
	return kernels[len(kernels)-1]
}

// outcome is what came of a run.
type outcome struct {
	status         int
	err            error
	stdout, stderr bytes.Buffer
	took           time.Duration
}

// payloadOptions returns options to run the named payload.
func payloadOptions(t *testing.T, payload string, args ...string) Options {
	t.Helper()
	kernel := testKernel(t)
	if _, err := exec.LookPath(qemuProgram); err != nil {
		t.Skip("no QEMU: install Debian's package qemu-system-x86")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := checkStatic(self); err != nil {
		t.Skip(err)
	}
	return Options{
		Kernel: kernel,
		Args:   append([]string{self}, args...),
		Env:    []string{payloadEnv + "=" + payload},
		// Well above what a boot takes when the machine is busy.
		Timeout: 90 * time.Second,
	}
}

func (o *outcome) run(ctx context.Context, options Options) {
	if options.Stdout == nil {
		options.Stdout = &o.stdout
	}
	options.Stderr = &o.stderr
	begin := time.Now()
	o.status, o.err = Run(ctx, options)
	o.took = time.Since(begin)
}

func TestAPayloadRunsAsIfItHadBeenStartedHere(t *testing.T) {
	o := payloadOptions(t, "describe", "-bench", "a b", "", "ü\n")
	o.Env = append(o.Env, "WORD=two words")
	o.Dir = t.TempDir()
	below := filepath.Join(o.Dir, "copied", "below")
	if err := os.MkdirAll(below, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(below, "file"), []byte("from here"), 0o644); err != nil {
		t.Fatal(err)
	}
	o.Copy = []string{filepath.Join(o.Dir, "copied")}
	o.CPUs = 3

	var got outcome
	got.run(t.Context(), o)
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.status != 7 {
		t.Errorf("exit status %d, the payload's was 7", got.status)
	}
	if got.stderr.String() != "and this is standard error" {
		t.Errorf("standard error was %q", got.stderr.String())
	}
	var d description
	if err := json.Unmarshal(got.stdout.Bytes(), &d); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(d.Args, o.Args) {
		t.Errorf("arguments %q, given were %q", d.Args, o.Args)
	}
	if d.Dir != o.Dir || d.Copied != "from here" {
		t.Errorf("ran in %s with a file that said %q", d.Dir, d.Copied)
	}
	if d.Input != "" || d.Loopback != "works" || d.CPUs != 3 || d.Descriptors < 1_000_000 {
		t.Errorf("input %q, loopback: %s, %d CPUs, %d descriptors", d.Input, d.Loopback, d.CPUs, d.Descriptors)
	}
	for _, want := range []string{"WORD=two words", "EPBENCH_LANE=guest", "EPBENCH_CLOCK=time"} {
		if !slices.Contains(d.Env, want) {
			t.Errorf("no %s in the environment %q", want, d.Env)
		}
	}
	if !slices.Contains(d.Env, "EPBENCH_ACCEL=tcg") && !slices.Contains(d.Env, "EPBENCH_ACCEL=kvm") {
		t.Errorf("the environment does not tell the accelerator: %q", d.Env)
	}
	for _, dir := range []string{"/proc", "/sys", "/dev", "/sys/fs/bpf"} {
		if !strings.Contains(d.Mounts, " "+dir+" ") {
			t.Errorf("%s is not mounted", dir)
		}
	}
	t.Logf("boot, payload and end took %v", got.took)
}

func TestBothStreamsCarryAnyByte(t *testing.T) {
	var got outcome
	got.run(t.Context(), payloadOptions(t, "noise"))
	if got.err != nil || got.status != 0 {
		t.Fatal(got.status, got.err)
	}
	if !bytes.Equal(got.stdout.Bytes(), randomBytes(1)) {
		t.Errorf("standard output differs: %d bytes of %d", got.stdout.Len(), noiseSize)
	}
	took, ok := bytes.CutPrefix(got.stderr.Bytes(), randomBytes(2))
	if !ok {
		t.Errorf("standard error differs: %d bytes of %d", got.stderr.Len(), noiseSize)
	}
	t.Logf("%d bytes in %s", 2*noiseSize, took)
}

func TestAKilledPayloadHasTheShellsStatusAndLeavesNothingRunning(t *testing.T) {
	var got outcome
	got.run(t.Context(), payloadOptions(t, "crash"))
	if got.err != nil || got.status != 128+int(unix.SIGKILL) {
		t.Errorf("status %d, %v", got.status, got.err)
	}
	if !strings.Contains(got.stderr.String(), "was ended by signal killed") {
		t.Errorf("standard error does not tell: %q", got.stderr.String())
	}
}

func TestAPanicIsReportedWithItsLog(t *testing.T) {
	var got outcome
	got.run(t.Context(), payloadOptions(t, "panic"))
	wantLog(t, got, "reported a fault", "Attempted to kill init")
}

func TestAComplaintOfTheKernelEndsTheRun(t *testing.T) {
	const complaint = "BUG: KASAN: slab-use-after-free in ep_seq_next"
	var got outcome
	got.run(t.Context(), payloadOptions(t, "complain", complaint))
	wantLog(t, got, "reported a fault", complaint)
}

func TestTimeIsBounded(t *testing.T) {
	o := payloadOptions(t, "wait")
	o.Timeout = 8 * time.Second
	var got outcome
	got.run(t.Context(), o)
	wantLog(t, got, "stopped after 8s: time is up", "\n    [ ")
	if got.took > o.Timeout+2*time.Second {
		t.Errorf("stopped after %v", got.took)
	}
}

// wantLog fails the test unless the run failed for reason, with a log that
// holds text.
func wantLog(t *testing.T, got outcome, reason, text string) {
	t.Helper()
	var failure *LogError
	switch {
	case !errors.As(got.err, &failure):
		t.Errorf("the error has no log: %v", got.err)
	case !strings.Contains(failure.Reason, reason) || !strings.Contains(got.err.Error(), text):
		t.Errorf("error, wanted was %q with %q:\n%v", reason, text, got.err)
	}
}

// cancelOn is an io.Writer that calls a function at the first write.
type cancelOn struct{ cancel func() }

func (c cancelOn) Write(p []byte) (int, error) {
	c.cancel()
	return len(p), nil
}

func TestACanceledRunEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := payloadOptions(t, "wait")
	o.Stdout = cancelOn{cancel}
	var got outcome
	got.run(ctx, o)
	if !errors.Is(got.err, context.Canceled) {
		t.Errorf("not canceled: %v", got.err)
	}
	if left := children(os.Getpid()); len(left) > 0 {
		t.Errorf("left running: %v", left)
	}
}

// runner runs a guest and is killed.
func runner() {
	_, err := Run(context.Background(), Options{
		Kernel: os.Args[1],
		Args:   os.Args[:1],
		Env:    []string{payloadEnv + "=wait"},
		Stdout: os.Stdout,
	})
	fmt.Println(err)
}

func TestAKilledRunnerLeavesNoQEMU(t *testing.T) {
	o := payloadOptions(t, "wait")
	for _, when := range []time.Duration{0, time.Second} {
		cmd := exec.Command(o.Args[0], o.Kernel)
		cmd.Env = append(os.Environ(), payloadEnv+"=runner")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pidfd, err := unix.PidfdOpen(startedQEMU(t, cmd.Process.Pid), 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pidfd)
		time.Sleep(when)
		cmd.Process.Kill()
		cmd.Wait()
		poll := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, 10_000); n != 1 {
			unix.PidfdSendSignal(pidfd, unix.SIGKILL, nil, 0)
			t.Errorf("killed %v after its start, the runner left QEMU running (%v)", when, err)
		}
	}
}

// startedQEMU waits until pid has started QEMU. Go's os package briefly has a
// child of its own, when it tries out what the kernel can do.
func startedQEMU(t *testing.T, pid int) int {
	t.Helper()
	for begin := time.Now(); time.Since(begin) < 30*time.Second; {
		for _, child := range children(pid) {
			// The name is cut to 15 bytes: proc_pid_comm(5).
			if content(fmt.Sprintf("/proc/%d/comm", child)) == qemuProgram[:15]+"\n" {
				return child
			}
		}
	}
	t.Fatal("the runner started no QEMU")
	return 0
}

// children returns the processes that pid has started and not yet waited for.
func children(pid int) (found []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, file := range tasks {
		for _, word := range strings.Fields(content(file)) {
			if child, err := strconv.Atoi(word); err == nil {
				found = append(found, child)
			}
		}
	}
	return found
}

func TestIcountRepeatsItself(t *testing.T) {
	o := payloadOptions(t, "count")
	o.Icount = true
	var boots [2]outcome
	for i := range boots {
		boots[i].run(t.Context(), o)
		if boots[i].err != nil || boots[i].status != 0 {
			t.Fatal(boots[i].status, boots[i].err)
		}
	}
	first, second := numbers(t, boots[0].stdout.String()), numbers(t, boots[1].stdout.String())
	if len(first) != 5 || len(second) != 5 {
		t.Fatal(first, second)
	}
	for i := range first {
		if apart := first[i]/second[i] - 1; max(apart, -apart) > 0.001 {
			t.Errorf("repetition %d: %.0f instructions in one boot, %.0f in the other", i, first[i], second[i])
		}
	}
	t.Logf("instructions: %.0f, %.0f", first, second)
}

func numbers(t *testing.T, lines string) (found []float64) {
	t.Helper()
	for _, word := range strings.Fields(lines) {
		x, err := strconv.ParseFloat(word, 64)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, x)
	}
	return found
}

func TestWhatCannotRunIsRefusedWithAdvice(t *testing.T) {
	good := payloadOptions(t, "wait")
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o755); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(good.Kernel)
	if err != nil {
		t.Fatal(err)
	}
	half := filepath.Join(t.TempDir(), "half")
	if err := os.WriteFile(half, image[:len(image)/2], 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		spoil func(*Options)
		want  string
	}{
		"no kernel":         {func(o *Options) { o.Kernel = "" }, "needs a kernel"},
		"missing kernel":    {func(o *Options) { o.Kernel = "/none" }, "there is no kernel /none"},
		"not a kernel":      {func(o *Options) { o.Kernel = empty }, "is not a kernel that can be booted"},
		"half a kernel":     {func(o *Options) { o.Kernel = half }, "is cut short"},
		"a program":         {func(o *Options) { o.Kernel = "/bin/sh" }, "is not a kernel that can be booted"},
		"no payload":        {func(o *Options) { o.Args = nil }, "a payload"},
		"missing payload":   {func(o *Options) { o.Args = []string{"/none"} }, "open /none: no such file"},
		"dynamic payload":   {func(o *Options) { o.Args = []string{"/bin/sh"} }, "/bin/sh cannot run in the guest: it is not static: build with CGO_ENABLED=0"},
		"not a program":     {func(o *Options) { o.Args = []string{empty} }, "cannot run in the guest"},
		"missing directory": {func(o *Options) { o.Copy = []string{"/none"} }, "/none: no such file"},
		"accelerator":       {func(o *Options) { o.Accel = "xen" }, "give auto, kvm or tcg"},
		"KVM with icount":   {func(o *Options) { o.Accel, o.Icount = AccelKVM, true }, "icount needs tcg"},
		"memory":            {func(o *Options) { o.Memory = "lots" }, "QEMU failed"},
		"processors":        {func(o *Options) { o.CPUs = -1 }, "cannot have -1 processors"},
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			o.Accel = AccelTCG
			c.spoil(&o)
			_, err := Run(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, wanted is one with %q", err, c.want)
			}
		})
	}
	t.Run("no QEMU", func(t *testing.T) {
		t.Setenv("PATH", "/none")
		_, err := Run(t.Context(), good)
		if err == nil || !strings.Contains(err.Error(), "install Debian's package qemu-system-x86") {
			t.Errorf("error %v", err)
		}
	})
}
