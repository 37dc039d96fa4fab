// SPDX-License-Identifier: MIT

package guest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What runs in the guests of the tests, and in a process that is to be killed,
// is this test binary, told by its environment what to be.
const payloadEnv = "EPBENCH_GUEST_TEST"

var payloads = map[string]func(){
	"describe": describe,
	"noise":    noise,
	"crash":    crash,
	"panic":    panicKernel,
	"complain": complain,
	"wait":     wait,
	"count":    count,
	"runner":   runner,
}

func TestMain(m *testing.M) {
	Init()
	if name := os.Getenv(payloadEnv); name != "" {
		payloads[name]()
		return
	}
	os.Exit(m.Run())
}

// description is what a payload sees of the guest.
type description struct {
	Args, Env   []string
	Dir         string
	Copied      string // content of copied/below/file
	Input       string // what came from standard input
	Descriptors uint64 // RLIMIT_NOFILE
	Loopback    string // what was wrong with it
	Mounts      string
	CPUs        int
}

func describe() {
	d := description{Args: os.Args, Env: os.Environ(), Loopback: "works"}
	d.Dir, _ = os.Getwd()
	d.Copied = content("copied/below/file")
	d.Input = content("/dev/stdin")
	d.Mounts = content("/proc/mounts")
	d.CPUs = bytes.Count([]byte(content("/proc/cpuinfo")), []byte("processor\t"))
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	d.Descriptors = limit.Cur
	if err := sendToSelf(); err != nil {
		d.Loopback = err.Error()
	}
	json.NewEncoder(os.Stdout).Encode(d)
	fmt.Fprint(os.Stderr, "and this is standard error")
	os.Exit(7)
}

func content(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func sendToSelf() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	here := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}, Port: 9999}
	if err := unix.Bind(fd, here); err != nil {
		return err
	}
	return unix.Sendto(fd, []byte("x"), 0, here)
}

const noiseSize = 1 << 20

func randomBytes(seed byte) []byte {
	p := make([]byte, noiseSize)
	rand.NewChaCha8([32]byte{seed}).Read(p)
	return p
}

// noise writes bytes of any value to both streams at once, then how long that
// took to standard error.
func noise() {
	begin := time.Now()
	done := make(chan bool)
	go func() {
		os.Stderr.Write(randomBytes(2))
		done <- true
	}()
	os.Stdout.Write(randomBytes(1))
	<-done
	fmt.Fprint(os.Stderr, time.Since(begin))
}

// crash leaves a process behind that holds its streams open, and dies.
func crash() {
	self, _ := os.Executable()
	orphan, err := os.StartProcess(self, []string{"orphan"}, &os.ProcAttr{
		Env:   []string{payloadEnv + "=wait"},
		Files: []*os.File{nil, os.Stdout, os.Stderr},
	})
	if err != nil {
		panic(err)
	}
	orphan.Release()
	unix.Kill(os.Getpid(), unix.SIGKILL)
	select {}
}

// panicKernel ends the first process: Go's runtime takes the signal, which a
// first process without a handler would not get.
func panicKernel() {
	unix.Kill(1, unix.SIGQUIT)
	wait()
}

// complain puts its argument into the kernel's log, and would go on for long.
func complain() {
	os.WriteFile("/dev/kmsg", []byte(os.Args[1]+"\n"), 0)
	wait()
}

func wait() {
	fmt.Println("waiting")
	time.Sleep(time.Hour)
}

// count prints how long some work takes.
func count() {
	for range 5 {
		begin := time.Now()
		x := uint64(1)
		for range 1_000_000 {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		for range 1_000 {
			unix.Getppid()
		}
		elapsed := time.Since(begin)
		if x == 0 {
			panic("cannot be: keeps the work from being optimized away")
		}
		fmt.Println(elapsed.Nanoseconds())
	}
}
