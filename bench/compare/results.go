package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"leat/bench/table"
)

// results holds every figure of every round.
type results struct {
	values map[string]map[string][]float64 // by broker and id
}

func newResults() *results {
	return &results{values: map[string]map[string][]float64{leat: {}, kafka: {}, ground: {}}}
}

func (r *results) add(broker, id string, value float64) {
	r.values[broker][id] = append(r.values[broker][id], value)
	fmt.Fprintf(os.Stderr, "  %-6s %-52s %12.3f\n", broker, id, value)
}

// check reports figures that no row shows.
func (r *results) check() error {
	known := map[string]bool{}
	for _, row := range rows() {
		known[row.id] = true
	}
	for broker, figures := range r.values {
		for id := range figures {
			if !known[id] {
				return fmt.Errorf("%s: %s: a figure that stands in no table", broker, id)
			}
		}
	}
	return nil
}

// tables are leat beside Kafka, and leat beside the floor.
func (r *results) tables() string {
	var text strings.Builder
	text.WriteString("| | leat | Apache Kafka | leat : Kafka | goal | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range rows() {
		if ours, theirs := r.values[leat][row.id], r.values[kafka][row.id]; len(ours)+len(theirs) > 0 {
			line(&text, row.label, ours, theirs, row.goal)
		}
	}
	if len(r.values[ground]) == 0 {
		return text.String()
	}
	text.WriteString("\n| | leat | floor | leat : floor | goal | |\n| --- | --- | --- | --- | --- | --- |\n")
	for _, row := range rows() {
		if theirs := r.values[ground][row.id]; len(theirs) > 0 {
			line(&text, row.label, r.values[leat][row.id], theirs, row.floor)
		}
	}
	return text.String()
}

// line is a row of a table: medians and, in brackets, the lowest and the highest.
func line(text *strings.Builder, label string, ours, theirs []float64, g goal) {
	a, b := table.Median(ours), table.Median(theirs)
	ratio := ""
	if a >= 0 && b > 0 {
		ratio = table.Figure(a / b)
	}
	fmt.Fprintf(text, "| %s | %s | %s | %s | %s | %s |\n", label, table.Cell(ours), table.Cell(theirs), ratio, g, g.verdict(a, b))
}

// raw is the form of the results for programs.
type raw struct {
	About   about    `json:"about"`
	Figures []rawRow `json:"figures"`
}

// rawRow has the figures of all rounds of one row.
type rawRow struct {
	ID     string               `json:"id"`
	Label  string               `json:"label"`
	Goal   string               `json:"goal,omitempty"`
	Met    string               `json:"met,omitempty"`
	Values map[string][]float64 `json:"values"`
}

func (r *results) json(about about) ([]byte, error) {
	all := raw{About: about}
	for _, row := range rows() {
		values := map[string][]float64{}
		for broker, figures := range r.values {
			if len(figures[row.id]) > 0 {
				values[broker] = figures[row.id]
			}
		}
		if len(values) > 0 {
			all.Figures = append(all.Figures, rawRow{row.id, row.label, row.goal.String(), row.goal.verdict(table.Median(values[leat]), table.Median(values[kafka])), values})
		}
	}
	return json.MarshalIndent(all, "", "  ")
}

// read adds the raw results of earlier runs, and returns what they say about the machine, which must be the same in all.
func (r *results) read(files []string) (about, error) {
	var first about
	for i, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return first, err
		}
		var all raw
		if err := json.Unmarshal(data, &all); err != nil {
			return first, fmt.Errorf("%s: %w", file, err)
		}
		if i == 0 {
			first = all.About
		}
		if a := all.About; a.Processor != first.Processor || a.Kernel != first.Kernel || a.Window != first.Window || a.Kafka != first.Kafka {
			return first, fmt.Errorf("%s: another machine, version or window than in %s", file, files[0])
		}
		first.Rounds = max(first.Rounds, all.About.Rounds)
		for _, row := range all.Figures {
			for broker, values := range row.Values {
				if r.values[broker] == nil {
					return first, fmt.Errorf("%s: %q is no broker", file, broker)
				}
				r.values[broker][row.ID] = append(r.values[broker][row.ID], values...)
			}
		}
	}
	if len(files) > 1 {
		first.Took = fmt.Sprintf("put together from %d runs", len(files))
	}
	return first, nil
}
