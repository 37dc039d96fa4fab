// SPDX-License-Identifier: MIT

package results

// Report is everything that was computed. All outputs are written from it.
type Report struct {
	Headline []string      `json:"headline"` // three sentences
	Sources  []Source      `json:"sources"`
	Groups   []GroupReport `json:"groups"`
	Warnings []string      `json:"warnings,omitempty"` // of the files
}

// GroupReport is what was computed of a group.
type GroupReport struct {
	Slug  string `json:"slug"` // short and unique, for file names
	Title string `json:"title"`
	Environment
	// CostUnit is what methods are compared in: sec/op or insn/op.
	CostUnit     string        `json:"cost_unit"`
	Measurements []Measurement `json:"measurements"`
	Growth       []Growth      `json:"growth"`
	Speedups     []Speedup     `json:"speedups"`
	Crossovers   []Crossover   `json:"crossovers"`
	Overheads    []Overhead    `json:"overheads"`
	Guards       []Guard       `json:"guards"`
	Prices       []Price       `json:"prices"`
	Resumes      []Resume      `json:"resumes"`
	NotRun       []NotRun      `json:"not_run"`
	NotAvailable []string      `json:"not_available"`
	Warnings     []string      `json:"warnings,omitempty"` // of the whole group
}

// Measurement is a case with all its units.
type Measurement struct {
	Case      Case     `json:"case"`
	Cost      *Summary `json:"cost"`
	CostPerN  *Summary `json:"cost_per_registration,omitempty"`
	Kcmp      *Summary `json:"kcmp,omitempty"`
	Syscalls  *Summary `json:"syscalls,omitempty"`
	BytesRead *Summary `json:"bytes_read,omitempty"`
	// LongestRun is the longest time that a BPF program held a CPU or the epoll's
	// lock, Memory what a dump needs of it per registration.
	LongestRun *Summary `json:"longest_run,omitempty"`
	Memory     *Summary `json:"memory_per_registration,omitempty"`
	// Refused is over zero where the program whose method it is would give up.
	Refused *Summary `json:"refused,omitempty"`
}

// Analyze computes the report.
func Analyze(d *Data) *Report {
	r := &Report{Sources: d.Sources, Warnings: d.Warnings}
	names := slugs(d.Groups)
	for i, g := range d.Groups {
		r.Groups = append(r.Groups, g.report(names[i]))
	}
	r.Headline = r.headline()
	return r
}

func (g *Group) report(slug string) GroupReport {
	r := GroupReport{
		Slug: slug, Title: g.name(), Environment: g.Environment, CostUnit: g.cost(),
		Speedups: g.speedups(), Crossovers: g.crossovers(), Overheads: g.overheads(),
		Guards: g.guards(), Prices: g.prices(), Resumes: g.resumes(),
		NotRun: g.NotRun, NotAvailable: g.NotAvailable, Warnings: g.warnings(),
	}
	for _, bench := range benchOrder {
		for _, c := range g.cases(bench) {
			r.Measurements = append(r.Measurements, Measurement{
				Case:      c,
				Cost:      g.summary(c, g.cost()),
				CostPerN:  g.summary(c, g.costPerReg()),
				Kcmp:      g.summary(c, "kcmp/op"),
				Syscalls:  g.summary(c, "syscalls/op"),
				BytesRead: g.summary(c, "B-read/op"),

				LongestRun: g.summary(c, "max-run-"+g.clockUnit()),
				Memory:     g.summary(c, "B-mem/reg"),
				Refused:    g.summary(c, "refused/op"),
			})
		}
		if bench != "Setup" {
			r.Growth = append(r.Growth, g.growths(bench)...)
		}
	}
	return r
}

// benchOrder is the order of presentation.
var benchOrder = []string{"Dump", "Profile", "Real", "Scale", "Floor", "Setup", "Fdinfo", "Kcmp", "FileRef", "Refcount", "Resume"}

// warnings are of the conditions of measurement.
func (g *Group) warnings() (out []string) {
	switch {
	case g.Clock == "insn":
		out = append(out, "Costs are instructions that the guest executed, the same on every machine. They know nothing of caches, of the price of an atomic operation, or of time.")
	case g.Accel == "tcg":
		out = append(out, "Times were taken under QEMU's TCG, which interprets the guest: they show growth and rough proportions, not the speed of hardware.")
	}
	if g.Patched == "yes" {
		out = append(out, "The kernel has the epoll iterator patched in.")
	}
	return out
}

// measurement returns that of c, or nil.
func (g *GroupReport) measurement(c Case) *Measurement {
	for i := range g.Measurements {
		if g.Measurements[i].Case == c {
			return &g.Measurements[i]
		}
	}
	return nil
}

// growth returns that of the series that c is of, or nil.
func (g *GroupReport) growth(c Case) *Growth {
	c.N = 0
	for i := range g.Growth {
		if g.Growth[i].Case == c {
			return &g.Growth[i]
		}
	}
	return nil
}
