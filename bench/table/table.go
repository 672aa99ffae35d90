// Package table puts the figures of a benchmark that compares leat with Apache Kafka into a table, with goals, and into a page of the documentation.
//
// It knows nothing of what is measured: a program gives it rows, in order, and adds figures to them.
package table

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// The names of the implementations.
const (
	Leat  = "leat"
	Kafka = "kafka"
)

// Row is a line of the table.
type Row struct {
	ID, Label string
	// Ratio is what leat's figure may be of Kafka's at most, or at least if it is above 1; 0: no goal.
	Ratio float64
}

// Table has rows and their figures of every round.
type Table struct {
	rows   []Row
	values map[string]map[string][]float64 // by implementation and row
}

// New makes a table without figures.
func New(rows []Row) *Table {
	return &Table{rows: rows, values: map[string]map[string][]float64{Leat: {}, Kafka: {}}}
}

// Add adds a figure and tells it.
func (t *Table) Add(kind, id string, value float64) {
	if !slices.ContainsFunc(t.rows, func(r Row) bool { return r.ID == id }) {
		panic("a figure without a row: " + id)
	}
	t.values[kind][id] = append(t.values[kind][id], value)
	fmt.Fprintf(os.Stderr, "  %-6s %-40s %12.3f\n", kind, id, value)
}

// String is the table: medians and, in brackets, the lowest and the highest. Rows without figures are left out.
func (t *Table) String() string {
	var text strings.Builder
	text.WriteString("| | leat | Apache Kafka | leat : Kafka | goal | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, r := range t.rows {
		ours, theirs := t.values[Leat][r.ID], t.values[Kafka][r.ID]
		if len(ours)+len(theirs) == 0 {
			continue
		}
		ratio := ""
		if q := Median(ours) / Median(theirs); !math.IsNaN(q) && !math.IsInf(q, 0) {
			ratio = Figure(q)
		}
		goal, verdict := r.verdict(Median(ours), Median(theirs))
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", r.Label, Cell(ours), Cell(theirs), ratio, goal, verdict)
	}
	return text.String()
}

func (r Row) verdict(ours, theirs float64) (goal, result string) {
	if r.Ratio == 0 {
		return "", ""
	}
	goal, ratio := "ratio at most "+Figure(r.Ratio), ours/theirs
	if r.Ratio > 1 {
		goal = "ratio at least " + Figure(r.Ratio)
	}
	switch {
	case math.IsNaN(ratio) || math.IsInf(ratio, 0):
		return goal, ""
	case r.Ratio > 1 && ratio >= r.Ratio || r.Ratio <= 1 && ratio <= r.Ratio:
		return goal, "met"
	}
	return goal, "missed"
}

// Cell is the text of a figure: the median and, of several rounds, the lowest and the highest.
func Cell(values []float64) string {
	switch len(values) {
	case 0:
		return "not run"
	case 1:
		return Figure(values[0])
	}
	return fmt.Sprintf("%s (%s to %s)", Figure(Median(values)), Figure(slices.Min(values)), Figure(slices.Max(values)))
}

// Figure keeps what means something: three digits, or fewer behind the point.
func Figure(v float64) string {
	switch a := math.Abs(v); {
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 0.1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	default:
		return fmt.Sprintf("%.3f", v)
	}
}

// Median of no values is not a number.
func Median(values []float64) float64 {
	n := len(values)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	if n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[n/2]
}

// Write saves all figures.
func (t *Table) Write(file string) error {
	data, err := json.MarshalIndent(t.values, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(data, '\n'), 0o644)
}

// Read adds the figures that earlier runs saved.
func (t *Table) Read(files []string) error {
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		var one map[string]map[string][]float64
		if err := json.Unmarshal(data, &one); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for kind, figures := range one {
			if t.values[kind] == nil {
				return fmt.Errorf("%s: %q is no implementation", file, kind)
			}
			for id, values := range figures {
				t.values[kind][id] = append(t.values[kind][id], values...)
			}
		}
	}
	return nil
}
