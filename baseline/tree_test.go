// SPDX-License-Identifier: MIT

package baseline

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"epbench"
)

func TestASharedDescriptorTableIsReadOnce(t *testing.T) {
	one := start(t, "n=50,shape=moved")
	three := start(t, "n=50,shape=moved,tree=onetable,procs=3")
	for _, name := range []string{"naive", "criu", "inode", "merge"} {
		_, alone := dump(t, name, one.PIDs...)
		_, together := dump(t, name, three.PIDs...)
		const (
			tables    = 2 * 2 // kcmp calls that tell that there is one table
			processes = 3 * 8 // system calls that a process costs
		)
		if name == "naive" && together.Kcmp != alone.Kcmp+tables {
			t.Errorf("naive: %d kcmp calls for a table that three processes share, %d for that of one", together.Kcmp, alone.Kcmp)
		}
		if together.Syscalls > alone.Syscalls+processes {
			t.Errorf("%s: %d system calls for a table that three processes share, %d for that of one", name, together.Syscalls, alone.Syscalls)
		}
	}
}

func TestCRIUGivesUpWhereItDoes(t *testing.T) {
	for _, test := range []struct{ spec, want string }{
		{"shape=inplace,n=9", ""},
		{"shape=moved,n=9", ""},
		{"shape=closed,n=9", "no process holds its target"},
		// The number names the target, which CRIU then does not look for.
		{"tree=prefork,shape=inplace,n=9", ""},
		{"tree=prefork,shape=moved,n=9", "is another process's"}, // the listening socket
		{"tree=handed,shape=inplace,n=9", "is another process's"},
		{"tree=onetable,shape=moved,n=9", ""},
	} {
		w := start(t, test.spec)
		regs, _, err := tryDump(t.Context(), "criu", w.PIDs...)
		if diff := epbench.Diff(w.Truth, regs); diff != "" {
			t.Errorf("%s: %s", test.spec, diff)
		}
		switch refused := errors.Is(err, epbench.ErrRefused); {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.spec, err)
		case test.want != "" && (!refused || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v, want that %s", test.spec, err, test.want)
		}
	}
}

func TestTheErrorOfAProcessThatRunsSaysSo(t *testing.T) {
	w := start(t, "shape=moved,n=100,churn=100")
	for range 1000 {
		_, stats, err := tryDump(t.Context(), "naive", w.PIDs...)
		text := fmt.Sprint(err, stats.Warnings)
		switch {
		case err == nil && len(stats.Warnings) == 0:
			continue
		case !strings.Contains(text, "stop"):
			t.Error(text)
		}
		return
	}
	t.Error("no dump was disturbed")
}
