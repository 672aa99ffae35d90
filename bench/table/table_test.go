package table

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTableComparesMediansWithGoals(t *testing.T) {
	table := New([]Row{{"fast", "time", 0.5}, {"many", "rate", 2}, {"plain", "size", 0}, {"none", "nothing", 0.5}})
	for _, v := range []float64{3, 1, 2} {
		table.Add(Leat, "fast", v)
	}
	table.Add(Kafka, "fast", 4)
	table.Add(Leat, "many", 3)
	table.Add(Kafka, "many", 2)
	table.Add(Leat, "plain", 7)
	want := `| | leat | Apache Kafka | leat : Kafka | goal | |
| --- | --- | --- | --- | --- | --- |
| time | 2.00 (1.00 to 3.00) | 4.00 | 0.50 | ratio at most 0.50 | met |
| rate | 3.00 | 2.00 | 1.50 | ratio at least 2.00 | missed |
| size | 7.00 | not run |  |  |  |
`
	if got := table.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFillReplacesOnlyTheTable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("before\n"+begin+"\nold\n"+end+"\nbehind\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	table := New([]Row{{"a", "time", 0}})
	table.Add(Leat, "a", 1)
	for range 2 {
		if err := table.Fill(file); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if !strings.HasPrefix(text, "before\n") || !strings.HasSuffix(text, "\nbehind\n") || strings.Contains(text, "old") || strings.Count(text, "| time |") != 1 {
		t.Errorf("got\n%s", text)
	}
	if err := os.WriteFile(file, []byte("no place"), 0o644); err != nil {
		t.Fatal(err)
	}
	if table.Fill(file) == nil {
		t.Error("a page without a place for the table is filled")
	}
}
