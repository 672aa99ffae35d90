package wire

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestTableOfAPIsIsKafkas(t *testing.T) {
	text, err := os.ReadFile("testdata/apis.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(rows) != len(apis) {
		t.Fatalf("%d rows, want %d", len(apis), len(rows))
	}
	for i, line := range rows {
		col := strings.Split(line, "\t")
		number := func(s string) int16 {
			if s == "none" {
				return -1
			}
			n, err := strconv.ParseInt(s, 10, 16)
			if err != nil {
				t.Fatal(err)
			}
			return int16(n)
		}
		listeners := "," + col[8] + ","
		want := API{
			Key: number(col[0]), Name: col[1], Min: number(col[2]), Max: number(col[3]), FlexibleFrom: number(col[7]),
			Broker: strings.Contains(listeners, ",broker,"), Controller: strings.Contains(listeners, ",controller,"),
			Forwarded: col[9] == "true", ClusterAct: col[10] == "true",
		}
		got := apis[i]
		got.Advertised = false
		if got != want {
			t.Errorf("row %d is %+v, want %+v", i, got, want)
		}
	}
}

func TestLookupKnowsOnlyKafkasKeys(t *testing.T) {
	for _, key := range []int16{-1, int16(len(apis)), 32767, -32768} {
		if row, ok := Lookup(key); ok {
			t.Errorf("key %d: found %s", key, row.Name)
		}
	}
	if row, ok := Lookup(94); !ok || row.Name != "UnregisterController" {
		t.Errorf("key 94: %v, %v", row, ok)
	}
}

func TestAnswersByListenerAndVersion(t *testing.T) {
	for _, c := range []struct {
		key, version int16
		control      bool
		want         bool
	}{
		{keyProduce, 3, false, true}, {keyProduce, 2, false, false}, {keyProduce, 14, false, false}, {keyProduce, 3, true, false},
		{keyFetch, 18, true, true}, {4, 0, false, false}, {17, 1, false, true}, {38, 1, true, true}, {71, 0, false, true}, {71, 0, true, false},
	} {
		row, _ := Lookup(c.key)
		if got := row.Answers(c.version, c.control); got != c.want {
			t.Errorf("%s v%d on a controller listener %v: %v, want %v", row.Name, c.version, c.control, got, c.want)
		}
	}
}
