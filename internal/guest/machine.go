// SPDX-License-Identifier: MIT

package guest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	// bootTimeout bounds the time until the payload starts. A kernel with
	// KASAN needs about 10 s with TCG on a machine that is not busy.
	bootTimeout = 3 * time.Minute
	// haltTimeout bounds the time from the payload's end to QEMU's.
	haltTimeout = 20 * time.Second
)

var (
	errBootTimeout = fmt.Errorf("it did not start its payload within %v", bootTimeout)
	errFault       = errors.New("its kernel reported a fault")
	errDone        = errors.New("its payload has ended")
)

// machine is a guest from its boot to its end, and what became of it.
type machine struct {
	booted  bool   // the payload was started
	ended   bool   // the payload ended, with status
	status  int    // the payload's exit status
	failure string // the first process's own
	leaks   string // what kmemleak found

	cause error // why the guest was killed; nil if it ended by itself
	qemu  error // what QEMU had to say of its end
	log   kernelLog
	link  error // of copying the payload's output
}

// boot runs a guest from its boot to its end. The error is only about not
// getting that far.
func boot(ctx context.Context, o Options) (*machine, error) {
	ctx, kill := context.WithCancelCause(ctx)
	defer kill(nil)
	m := &machine{}
	m.log.complete = func() { kill(errFault) }
	q, err := startQEMU(ctx, o)
	if err != nil {
		return nil, err
	}
	late := time.AfterFunc(bootTimeout, func() { kill(errBootTimeout) })
	defer late.Stop()

	logged := make(chan struct{})
	go func() {
		defer close(logged)
		m.readLog(q.log, o.Log)
	}()
	m.link = readLink(q.link, func(k kind, content []byte) error {
		switch k {
		case kindStarted:
			late.Stop()
		case kindExit:
			late = time.AfterFunc(haltTimeout, func() { kill(errDone) })
		}
		return m.handle(o, k, content)
	})
	if m.link != nil {
		kill(m.link)
	}
	exit := <-q.exited
	// Whatever comes from here on is no reason to have been killed.
	m.cause = context.Cause(ctx)
	<-logged
	q.link.Close()
	m.log.close()
	m.qemu = q.complaint(exit)
	return m, nil
}

func (m *machine) readLog(r io.ReadCloser, copyTo io.Writer) {
	defer r.Close()
	// A log that cannot be copied must still be read, or the guest stands.
	if _, err := io.Copy(io.MultiWriter(&m.log, copyTo), r); err != nil {
		io.Copy(&m.log, r)
	}
}

// handle takes in one frame.
func (m *machine) handle(o Options, k kind, content []byte) (err error) {
	switch k {
	case kindStarted:
		m.booted = true
	case kindStdout:
		_, err = o.Stdout.Write(content)
	case kindStderr:
		_, err = o.Stderr.Write(content)
	case kindFailure:
		m.failure = string(content)
	case kindLeaks:
		m.leaks = string(content)
	case kindExit:
		if len(content) != 4 {
			return fmt.Errorf("link to the guest: an exit status of %d bytes", len(content))
		}
		m.ended = true
		m.status = int(binary.BigEndian.Uint32(content))
	default:
		return fmt.Errorf("link to the guest: a frame of unknown kind %q", k)
	}
	return err
}

// verdict says what to think of the run, the gravest first.
func (m *machine) verdict(o Options) (int, error) {
	switch {
	case m.link != nil:
		return 0, m.link
	case m.log.report != nil:
		return 0, &LogError{Reason: "the guest's kernel reported a fault", Log: m.log.report}
	case m.leaks != "":
		return 0, fmt.Errorf("kmemleak found memory that the guest's kernel lost:\n%s", m.leaks)
	case m.ended:
		return m.status, nil
	case m.failure != "":
		return 0, fmt.Errorf("the guest could not run its payload: %s", m.failure)
	case errors.Is(m.cause, errTimeout):
		return 0, &LogError{Reason: fmt.Sprintf("the guest was stopped after %v: %v", o.Timeout, errTimeout), Log: m.log.recent}
	case errors.Is(m.cause, errBootTimeout):
		return 0, &LogError{Reason: fmt.Sprintf("the guest was stopped: %v", m.cause), Log: m.log.recent}
	case m.cause != nil:
		return 0, fmt.Errorf("the guest was stopped: %w", m.cause)
	case m.qemu != nil && len(m.log.recent) == 0:
		return 0, fmt.Errorf("QEMU failed: %w", m.qemu)
	case m.qemu != nil:
		return 0, &LogError{Reason: fmt.Sprintf("QEMU failed: %v", m.qemu), Log: m.log.recent}
	}
	return 0, &LogError{Reason: "the guest ended before its payload", Log: m.log.recent}
}
