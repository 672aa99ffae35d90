package record

import (
	"slices"
	"strings"
	"testing"
)

// The hashes were taken from org.apache.kafka.common.utils.Utils.murmur2 in Kafka's own tests.
func TestMurmur2IsKafkas(t *testing.T) {
	for text, want := range map[string]int32{"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971} {
		if got := int32(murmur2([]byte(text))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", text, got, want)
		}
	}
}

func TestMakerDependsOnSeedOnly(t *testing.T) {
	one, two := NewMaker(7, 1000, All).Make("gzip", 50), NewMaker(7, 1000, All).Make("gzip", 50)
	other := NewMaker(8, 1000, All).Make("gzip", 50)
	for i := range one {
		if one[i].InputLine() != two[i].InputLine() {
			t.Fatalf("record %d differs: %s and %s", i, one[i].InputLine(), two[i].InputLine())
		}
	}
	if slices.EqualFunc(one, other, func(a, b Record) bool { return a.Content() == b.Content() }) {
		t.Fatal("another seed gives the same records")
	}
}

func TestLinesKeepNullApartFromEmpty(t *testing.T) {
	p, err := ParsePlaced("2\t17\t99\t-\t\t6e:-,6f:,6f:ff")
	if err != nil {
		t.Fatal(err)
	}
	if p.Key != nil || p.Value == nil || len(p.Value) != 0 {
		t.Errorf("key %v, value %v: want null and empty", p.Key, p.Value)
	}
	if p.Content() != "99\t-\t\t6e:-,6f:,6f:ff" || p.Partition != 2 || p.Offset != 17 {
		t.Errorf("read back as %d %d %q", p.Partition, p.Offset, p.Content())
	}
}

// place puts records where the Java client would.
func place(records []Record, partitions int32) (Sent, []Placed) {
	var sent Sent
	var got []Placed
	next := map[int32]int64{}
	for _, r := range records {
		partition := Murmur2(r.Key, partitions)
		p := Placed{Record: r, Partition: partition, Offset: next[partition]}
		next[partition]++
		sent.Add([]Record{r}, []Ack{{Partition: partition, Offset: p.Offset}})
		got = append(got, p)
	}
	return sent, got
}

func TestJudgeFindsEveryDeviation(t *testing.T) {
	how := Reading{Timestamps: true, Partitions: 3, Partition: Murmur2}
	sent, right := place(NewMaker(1, 1000, All).Make("none", 60), 3)
	if err := Judge(sent, right, how); err != nil {
		t.Fatalf("what is right was refused: %v", err)
	}
	end := func(got []Placed) int { // a last record of its partition, so that removing it leaves no gap
		return slices.IndexFunc(got, func(p Placed) bool {
			return !slices.ContainsFunc(got, func(q Placed) bool { return q.Partition == p.Partition && q.Offset > p.Offset })
		})
	}
	cases := []struct {
		name, says string
		change     func(got []Placed) []Placed
	}{
		{"one missing", "missing", func(got []Placed) []Placed { return slices.Delete(got, end(got), end(got)+1) }},
		{"one twice", "twice", func(got []Placed) []Placed { return append(got, got[0]) }},
		{"a bit flipped", "nobody sent", func(got []Placed) []Placed {
			got[3].Value = append([]byte("x"), got[3].Value...)
			return got
		}},
		{"null becomes empty", "nobody sent", func(got []Placed) []Placed {
			i := slices.IndexFunc(got, func(p Placed) bool { return p.Value == nil })
			got[i].Value = []byte{}
			return got
		}},
		{"a header lost", "nobody sent", func(got []Placed) []Placed {
			i := slices.IndexFunc(got, func(p Placed) bool { return len(p.Headers) > 0 })
			got[i].Headers = got[i].Headers[1:]
			return got
		}},
		{"another time", "nobody sent", func(got []Placed) []Placed { got[5].Timestamp++; return got }},
		{"another place", "acknowledged at", func(got []Placed) []Placed {
			for i := range got {
				got[i].Offset += 5
			}
			return got
		}},
		{"a gap", "comes after", func(got []Placed) []Placed {
			got[end(got)].Offset++
			return got
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			err := Judge(sent, c.change(slices.Clone(right)), how)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want an error with %q", err, c.says)
			}
		})
	}
}

func TestJudgeHoldsKeysToTheirPartition(t *testing.T) {
	how := Reading{Timestamps: true, Partitions: 3, Partition: CRC32}
	sent, got := place(NewMaker(1, 1000, All).Make("none", 60), 3)
	if err := Judge(sent, got, how); err == nil || !strings.Contains(err.Error(), "its hash says") {
		t.Errorf("got %v, want a complaint about the partition", err)
	}
}
