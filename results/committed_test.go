// SPDX-License-Identifier: MIT

package results

import (
	"os"
	"path/filepath"
	"testing"
)

// TestTheCommittedReportIsWhatTheCommittedDataGive regenerates results/ as make
// report does, from the top of the repository, and compares.
func TestTheCommittedReportIsWhatTheCommittedDataGive(t *testing.T) {
	t.Chdir("..")
	paths, err := filepath.Glob("results/data/*.txt")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("results/data has no measurements")
	}
	data, err := Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	want := outputs(t, Analyze(data))
	delete(want, "report.json") // is not committed
	for name, content := range want {
		committed, err := os.ReadFile(filepath.Join("results", name))
		if err != nil {
			t.Errorf("%v: run make report", err)
		} else if string(committed) != content {
			t.Errorf("results/%s is not what the data give: run make report", name)
		}
	}
	pictures, err := filepath.Glob("results/*.svg")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range pictures {
		if _, ok := want[filepath.Base(path)]; !ok {
			t.Errorf("%s is left from another report: remove it", path)
		}
	}
}
