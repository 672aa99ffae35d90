package why

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Severity is how grave a finding is.
type Severity string

// The severities, worst first.
const (
	Critical Severity = "critical" // something does not work
	Warning  Severity = "warning"  // something works badly, or soon will not
	Note     Severity = "note"     // worth knowing, when somebody wonders
)

var severities = []Severity{Critical, Warning, Note}

// Finding is a cause seen at something.
type Finding struct {
	Cause    string    `json:"cause"`
	Severity Severity  `json:"severity"`
	Chain    []string  `json:"chain"`    // sentences, the root first
	Evidence []string  `json:"evidence"` // figures and names
	Next     []string  `json:"next"`     // what to do, with commands
	Since    time.Time `json:"since,omitzero"`
	Causes   []string  `json:"explains,omitempty"` // other causes that this one explains

	cause    *Cause
	row      int
	touches  subjects // what it is about, and what it affects
	everyone bool     // it matters to everybody, whatever the question is about
	all      bool     // it explains what it can explain wherever that is
}

// Report is the answer to a question.
type Report struct {
	At       time.Time `json:"at"`
	About    string    `json:"about,omitempty"`
	Node     int32     `json:"node"`  // that was asked
	Nodes    []int32   `json:"nodes"` // that told what they know
	Silent   []int32   `json:"silent,omitempty"`
	Findings []Finding `json:"findings"`
	Unknown  string    `json:"unknown,omitempty"`  // what was asked about is not known to the cluster
	Withheld string    `json:"withheld,omitempty"` // what is left out, and who is told it
}

// Cause is a row of the table of causes.
type Cause struct {
	Name     string
	Severity Severity
	Seen     string   // when it is told
	Next     []string // what to do; words in braces are filled in
	Explains []string // causes that follow from it, where both touch the same

	find func(v *view, at func() *Finding)
}

// Explain finds what is wrong, as far as it touches what the question is about.
func Explain(c *Cluster, about About) Report {
	v := newView(c, about)
	r := Report{At: c.At, About: about.String(), Node: c.Asked, Findings: []Finding{}}
	if c.Withheld {
		r.Withheld = withheld
	}
	for i := range c.Nodes {
		r.Nodes = append(r.Nodes, c.Nodes[i].Node)
	}
	for _, s := range c.Silent {
		r.Silent = append(r.Silent, s.Node)
	}
	slices.Sort(r.Nodes)
	slices.Sort(r.Silent)
	all := fold(v.findings())
	scope := v.scope(about)
	for _, f := range all {
		if about.Kind == "" || f.everyone || f.touches.common(scope) {
			r.Findings = append(r.Findings, *f)
		}
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(slices.Index(severities, a.Severity), slices.Index(severities, b.Severity)),
			cmp.Compare(a.row, b.row),
			strings.Compare(a.Chain[0], b.Chain[0]))
	})
	if len(r.Findings) == 0 {
		r.Unknown = v.unknown(about)
	}
	return r
}

// findings runs all rows.
func (v *view) findings() []*Finding {
	var all []*Finding
	for i := range Causes {
		row := &Causes[i]
		row.find(v, func() *Finding {
			f := &Finding{Cause: row.Name, Severity: row.Severity, cause: row, row: i, touches: subjects{}}
			all = append(all, f)
			return f
		})
	}
	return all
}

// fold takes findings into those that explain them. Rows stand in the order from roots to symptoms, so that one pass does.
func fold(all []*Finding) []*Finding {
	gone := make([]bool, len(all))
	for i, root := range all {
		if gone[i] {
			continue
		}
		for j := i + 1; j < len(all); j++ {
			f := all[j]
			if gone[j] || !slices.Contains(explains(root), f.Cause) || !root.all && !root.touches.common(f.touches) {
				continue
			}
			gone[j] = true
			root.take(f)
		}
	}
	var left []*Finding
	for i, f := range all {
		if !gone[i] {
			left = append(left, f)
		}
	}
	return left
}

// explains are the causes that follow from a finding, and from what it has taken in.
func explains(f *Finding) []string {
	list := f.cause.Explains
	for _, name := range f.Causes {
		if c, ok := CauseNamed(name); ok {
			list = append(list[:len(list):len(list)], c.Explains...)
		}
	}
	return list
}

// mostLinks bounds a chain: a node that is gone may leave thousands of partitions behind.
const mostLinks = 12

func (f *Finding) take(symptom *Finding) {
	if len(f.Chain) < mostLinks {
		f.Chain = append(f.Chain, symptom.Chain...)
		f.Evidence = append(f.Evidence, symptom.Evidence...)
	} else if len(f.Chain) == mostLinks {
		f.Chain = append(f.Chain, "and more that follows from it")
	}
	if slices.Index(severities, symptom.Severity) < slices.Index(severities, f.Severity) {
		f.Severity = symptom.Severity
	}
	if !slices.Contains(f.Causes, symptom.Cause) {
		f.Causes = append(f.Causes, symptom.Cause)
	}
	for s := range symptom.touches {
		f.touches[s] = true
	}
	if f.Since.IsZero() {
		f.Since = symptom.Since
	}
}

// CauseNamed finds a row.
func CauseNamed(name string) (*Cause, bool) {
	for i := range Causes {
		if Causes[i].Name == name {
			return &Causes[i], true
		}
	}
	return nil, false
}

// next fills the words in braces of a row's next steps.
func (f *Finding) next(values ...string) {
	r := strings.NewReplacer(values...)
	for _, n := range f.cause.Next {
		f.Next = append(f.Next, r.Replace(n))
	}
}
