package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leat/bench/table"
)

func TestTableShowsMedianRangeRatioAndGoal(t *testing.T) {
	r := newResults()
	for _, v := range []float64{30, 10, 20} {
		r.add(leat, "consume/1/cpu", v)
		r.add(kafka, "consume/1/cpu", v*100)
		r.add(ground, "consume/1/cpu", v/2)
	}
	r.add(leat, "start/clean", 101)
	r.add(kafka, "start/clean", 2000)
	want := `| | leat | Apache Kafka | leat : Kafka | goal | |
| --- | --- | --- | --- | --- | --- |
| consume, 1 consumer: CPU s per GB | 20.0 (10.0 to 30.0) | 2000 (1000 to 3000) | 0.010 | ratio at most 1.00 | met |
| start after a clean stop to the first acknowledged record, ms | 101 | 2000 | 0.051 | leat at most 100 | missed |

| | leat | floor | leat : floor | goal | |
| --- | --- | --- | --- | --- | --- |
| consume, 1 consumer: CPU s per GB | 20.0 (10.0 to 30.0) | 10.0 (5.00 to 15.0) | 2.00 |  |  |
`
	if got := r.tables(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{5, 1, 3}, 3}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := table.Median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
	}
	if !math.IsNaN(table.Median(nil)) {
		t.Error("no values have a median")
	}
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		goal         goal
		ours, theirs float64
		want         string
	}{
		{goal{ratioAtMost: 0.4}, 4, 10, "met"}, {goal{ratioAtMost: 0.4}, 4.1, 10, "missed"},
		{goal{ratioAtLeast: 1.5}, 15, 10, "met"}, {goal{ratioAtLeast: 1.5}, 14, 10, "missed"},
		{goal{atMost: 100}, 100, math.NaN(), "met"}, {goal{atMost: 100}, 101, math.NaN(), "missed"},
		{goal{atLeast: 1}, 1.2, 0.5, "met"}, {goal{atLeast: 1}, 0.9, 0.5, "missed"},
		{goal{}, 1, 1, ""}, {goal{ratioAtMost: 0.4}, 1, math.NaN(), ""}, {goal{atMost: 1}, math.NaN(), 1, ""},
	} {
		if got := c.goal.verdict(c.ours, c.theirs); got != c.want {
			t.Errorf("%v with %v and %v: %q, want %q", c.goal, c.ours, c.theirs, got, c.want)
		}
	}
}

func TestEveryRowHasItsOwnNameAndLabel(t *testing.T) {
	ids, labels := map[string]bool{}, map[string]bool{}
	for _, row := range rows() {
		if ids[row.id] || labels[row.label] || row.label == "" {
			t.Errorf("%s (%s) is there twice", row.id, row.label)
		}
		ids[row.id], labels[row.label] = true, true
	}
	for _, l := range produceMatrix {
		if !ids["produce/"+l.name()+"/cpu"] {
			t.Errorf("%s has no row", l.name())
		}
	}
}

func TestAFigureWithoutARowIsAnError(t *testing.T) {
	r := newResults()
	r.add(leat, "nothing/known", 1)
	if err := r.check(); err == nil || !strings.Contains(err.Error(), "nothing/known") {
		t.Errorf("got %v", err)
	}
}

func TestRawResultsHaveAllValues(t *testing.T) {
	r := newResults()
	r.add(leat, "memory/idle", 20)
	r.add(leat, "memory/idle", 22)
	data, err := r.json(about{Kernel: "6.1"})
	if err != nil {
		t.Fatal(err)
	}
	var back raw
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if len(back.Figures) != 1 || back.About.Kernel != "6.1" || len(back.Figures[0].Values[leat]) != 2 || back.Figures[0].Met != "met" {
		t.Errorf("got %s", data)
	}
}

func TestRunsArePutTogether(t *testing.T) {
	var files []string
	for i, value := range []float64{20, 24} {
		r := newResults()
		r.add(leat, "memory/idle", value)
		data, err := r.json(about{Kernel: "6.1", Rounds: i + 1})
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, filepath.Join(t.TempDir(), "r.json"))
		if err := os.WriteFile(files[i], data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	all := newResults()
	got, err := all.read(files)
	if err != nil || got.Rounds != 2 || table.Median(all.values[leat]["memory/idle"]) != 22 {
		t.Errorf("%+v, %v, %v", got, all.values, err)
	}
	other := newResults()
	data, err := other.json(about{Kernel: "6.2"})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(files[1], data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := newResults().read(files); err == nil {
		t.Error("runs of two kernels were put together")
	}
}

func TestStepsOfThePartitionsProgramAreRead(t *testing.T) {
	out := `leat, 1000 partitions in topics of 1000
step                                            seconds      CPU s   RSS MB  peak MB    files
start, empty                                       0.02       0.02       17       17       20
create, all led                                    0.50       0.20       30       31       22
write one record to each                           0.10       0.10       40       41       22
clean stop                                         0.10
start after the clean stop, ready                  0.20       0.10       20       21       20
  all led                                          0.03       0.10       20       21       20
write one record to each                           0.10       0.10       50       51       22
kill -9                                            0.00
start after kill -9, ready                         0.40       0.10       20       60       20
  all led                                          0.05       0.10       20       61       20
clean stop, nothing written                        0.10
start after the clean stop, ready                  9.00       0.10       20       21       20
  all led                                          9.00       0.10       20       21       20
`
	got, err := parseSteps(out)
	if err != nil {
		t.Fatal(err)
	}
	if want := (steps{created: 0.5, written: 0.1, memory: 40, highest: 61, clean: 0.23, killed: 0.45}); !near(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if _, err := parseSteps(out[:400]); err == nil {
		t.Error("steps are missing, no error")
	}
}

func near(a, b steps) bool {
	for _, d := range []float64{a.created - b.created, a.written - b.written, a.memory - b.memory, a.highest - b.highest, a.clean - b.clean, a.killed - b.killed} {
		if math.Abs(d) > 1e-9 {
			return false
		}
	}
	return true
}

func TestUnknownPartsAndBrokersAreRefused(t *testing.T) {
	for _, args := range [][]string{{"-parts", "produce,speed"}, {"-brokers", "redpanda"}, {"-rounds", "0"}, {"produce"}, {"-counts", "20000"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v: passed", args)
		}
	}
	o, err := parse([]string{"-parts", "produce latency", "-short"})
	if err != nil || len(o.parts) != 2 || o.rounds != 1 {
		t.Errorf("%+v, %v", o, err)
	}
}
