// SPDX-License-Identifier: MIT

package results

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// JSON returns all figures for machines: numbers in full precision and tidied
// units (sec, not ns), null for bounds that are infinite.
func (r *Report) JSON() ([]byte, error) {
	b, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return nil, fmt.Errorf("can't write the report as JSON: %w", err)
	}
	return append(b, '\n'), nil
}

// WriteFiles writes report.md, upstream.txt and the pictures to dir, which it
// makes if need be, and returns their paths. Nothing is written unless all of
// it could be made.
func (r *Report) WriteFiles(dir string) ([]string, error) {
	files, err := r.Pictures()
	if err != nil {
		return nil, err
	}
	files["report.md"] = []byte(r.Markdown())
	files["upstream.txt"] = []byte(r.Upstream())
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("can't make the directory of the report: %w", err)
	}
	var paths []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, files[name], 0o666); err != nil {
			return nil, fmt.Errorf("can't write the report: %w", err)
		}
		paths = append(paths, path)
	}
	return paths, nil
}
