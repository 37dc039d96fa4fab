// SPDX-License-Identifier: MIT

package results

import (
	"cmp"
	"fmt"
	"strings"
)

// Markdown writes the report for readers who have never seen the project. The
// pictures that it shows are those of Pictures, in the same directory.
func (r *Report) Markdown() string {
	d := &document{pictures: r.pictureNames()}
	d.heading(1, "What it costs to find the files that epoll instances watch")
	for _, s := range r.Headline {
		d.line("- %s", s)
	}
	d.line("")
	r.introduction(d)
	r.environment(d)
	for i := range r.Groups {
		r.Groups[i].markdown(d)
	}
	r.noData(d)
	r.reproduction(d)
	r.limits(d)
	r.inputWarnings(d)
	return strings.TrimRight(d.String(), "\n") + "\n"
}

// document is Markdown text under construction.
type document struct {
	strings.Builder
	pictures map[string]string // titles by file name
}

func (d *document) line(format string, args ...any) {
	fmt.Fprintf(d, format+"\n", args...)
}

// text is a paragraph.
func (d *document) text(format string, args ...any) {
	d.line(format, args...)
	d.line("")
}

func (d *document) heading(level int, title string) {
	d.text("%s %s", strings.Repeat("#", level), title)
}

func (d *document) table(t *table) { d.text("%s", strings.TrimRight(t.markdown(), "\n")) }

// picture shows the picture if it is drawn.
func (d *document) picture(file string) {
	if title, ok := d.pictures[file]; ok {
		d.text("![%s](%s)", title, file)
	}
}

func (r *Report) introduction(d *document) {
	d.heading(2, "What was measured")
	d.text("A process can watch files through an epoll instance. To checkpoint it, one must know for every " +
		"such *registration* which open file it watches. The kernel shows only the descriptor number that " +
		"was used when the file was registered, which may name another file since, or none. Userspace " +
		"therefore asks kcmp(2) about candidates, and each question makes the kernel walk the " +
		"registrations one by one. A BPF iterator sees the kernel's own pointers in one pass.")
	d.text("A *dump* finds every registration of a process and the file that each watches. All methods gave " +
		"the same result, equal to what the watched process says of itself, before they were timed:")
	t := newTable(2, "method", "how")
	for _, m := range r.methods() {
		t.row(m, cmp.Or(methodText[m], "a variant"))
	}
	d.table(t)
	d.text("The *shape* says what happened to the descriptors after registration: in `inplace` they still name " +
		"the file, in `moved` the file is open under another number only, in `reused` many files were registered " +
		"under the same number, in `shared` one file was registered under many, in `closed` no descriptor is " +
		"left. The *kind* is what the files are. The *floor* is the same kernel iteration with a BPF program " +
		"that only counts. Every figure is a median; ± and [brackets] are 95%% confidence intervals.")
}

// methods lists the methods that were measured, in order.
func (r *Report) methods() (methods []string) {
	for _, word := range wordOrder {
		if r.measured(word) {
			methods = append(methods, word)
		}
	}
	for i := range r.Groups {
		for _, m := range r.Groups[i].Measurements {
			if m.Case.isDump() {
				methods = appendNew(methods, m.Case.Method)
			}
		}
	}
	return methods
}

// measured reports whether any group has dumps by the method.
func (r *Report) measured(method string) bool {
	for i := range r.Groups {
		for _, m := range r.Groups[i].Measurements {
			if m.Case.isDump() && m.Case.Method == method {
				return true
			}
		}
	}
	return false
}

func (r *Report) environment(d *document) {
	d.heading(2, "Where it was measured")
	head := []string{""}
	for i := range r.Groups {
		head = append(head, r.Groups[i].Slug)
	}
	t := newTable(len(head), head...)
	for f, field := range r.Groups[0].fields() {
		row := []string{field[0]}
		empty := true
		for i := range r.Groups {
			value := r.Groups[i].fields()[f][1]
			row = append(row, value)
			empty = empty && value == ""
		}
		if !empty {
			t.row(row...)
		}
	}
	d.table(t)
	for i := range r.Groups {
		for _, w := range r.Groups[i].Warnings {
			d.text("**%s**: %s", r.Groups[i].Slug, w)
		}
	}
}

// noData says which questions the files do not answer.
func (r *Report) noData(d *document) {
	has := func(bench string) bool {
		for i := range r.Groups {
			for _, m := range r.Groups[i].Measurements {
				if m.Case.Bench == bench {
					return true
				}
			}
		}
		return false
	}
	var missing []string
	for _, q := range []struct{ bench, question string }{
		{"Dump", "what a dump costs"},
		{"Real", "what a dump of a real server costs"},
		{"Profile", "what a dump of a profile costs"},
		{"Scale", "what a million registrations cost"},
		{"Floor", "how far the iterators are from their floor"},
		{"Setup", "what loading BPF costs, and so crossovers of single dumps"},
		{"FileRef", "what holding the file costs the epoll iterator (get_file_active)"},
		{"Refcount", "what a guard's atomic operations cost on hardware"},
		{"Resume", "what resuming after a partial read costs"},
	} {
		if !has(q.bench) {
			missing = append(missing, fmt.Sprintf("- %s (Benchmark%s)", q.question, q.bench))
		}
	}
	if !r.measured("epoll") {
		missing = append(missing, "- the epoll iterator itself, which needs the patched kernel in a guest")
	}
	var unavailable []string
	for i := range r.Groups {
		for _, reason := range r.Groups[i].NotAvailable {
			unavailable = append(unavailable, fmt.Sprintf("- %s: %s", r.Groups[i].Slug, reason))
		}
	}
	if len(missing)+len(unavailable) == 0 {
		return
	}
	d.heading(2, "What has no data")
	if len(missing) > 0 {
		d.text("The files do not say:\n\n%s", strings.Join(missing, "\n"))
	}
	if len(unavailable) > 0 {
		d.text("Not available where it was measured:\n\n%s", strings.Join(unavailable, "\n"))
	}
}

func (r *Report) inputWarnings(d *document) {
	if len(r.Warnings) == 0 {
		return
	}
	d.heading(2, "Warnings about the files")
	for _, w := range r.Warnings {
		d.line("- %s", w)
	}
}
