package stream

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

func TestPlaces(t *testing.T) {
	now := time.Date(2026, 3, 1, 14, 0, 0, 0, time.FixedZone("", 3600))
	at := func(text string) where {
		v, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		return where{kind: byTime, at: v}
	}
	for text, want := range map[string]where{
		"start": {kind: atStart}, "end": {kind: atEnd}, "17": {kind: atOffset, n: 17}, "+5": {kind: afterStart, n: 5}, "-5": {kind: beforeEnd, n: 5},
		"-10m": at("2026-03-01T12:50:00Z"), "-1h30m": at("2026-03-01T11:30:00Z"), "@1700000000": at("2023-11-14T22:13:20Z"), "@1700000000.5": at("2023-11-14T22:13:20.5Z"),
		"2026-01-31T12:00:00Z": at("2026-01-31T12:00:00Z"), "2026-01-31": at("2026-01-30T23:00:00Z"), "2026-01-31 10:00:00": at("2026-01-31T09:00:00Z"), "12:30": at("2026-03-01T11:30:00Z"),
	} {
		got, err := parseWhere(text, now)
		if err != nil || got.kind != want.kind || got.n != want.n || !got.at.Equal(want.at) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "middle", "10m", "@", "@x", "+", "-", "2026-13-01"} {
		if _, err := parseWhere(text, now); err == nil || !strings.Contains(err.Error(), "start, end, an offset") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAPlaceStaysWithinThePartition(t *testing.T) {
	listed := func(offset int64) kadm.ListedOffsets {
		return kadm.ListedOffsets{"a": {0: {Topic: "a", Offset: offset}}}
	}
	b := bounds{start: listed(100), end: listed(200)}
	for _, c := range []struct {
		where where
		want  int64
	}{
		{where{kind: atStart}, 100}, {where{kind: atEnd}, 200}, {where{kind: atOffset, n: 150}, 150}, {where{kind: atOffset, n: 5}, 100}, {where{kind: atOffset, n: 500}, 200},
		{where{kind: afterStart, n: 10}, 110}, {where{kind: afterStart, n: 1000}, 200}, {where{kind: beforeEnd, n: 10}, 190}, {where{kind: beforeEnd, n: 1000}, 100},
		{where{kind: byTime}, 160},
	} {
		if got, err := b.place(c.where, listed(160), "a", 0); got != c.want || err != nil {
			t.Errorf("%+v: %d, %v, want %d", c.where, got, err, c.want)
		}
	}
	if _, err := b.place(where{}, nil, "a", 1); err == nil {
		t.Error("a partition that is not there has a place")
	}
}

func TestPartitionsOfTheCommandLine(t *testing.T) {
	if got, err := parsePartitions("0,2,5-7"); err != nil || !reflect.DeepEqual(got, []int32{0, 2, 5, 6, 7}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"a", "-1", "3-1", "1,", "1-2-3", "0-9999999"} {
		if got, err := parsePartitions(text); err == nil {
			t.Errorf("%s: %v", text, got)
		}
	}
}
