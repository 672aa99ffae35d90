package storage

import (
	"maps"
	"slices"
	"testing"
)

func TestProducerListKeepsEachIDOnce(t *testing.T) {
	var l producerList
	want := map[int64]int16{}
	for i := range int64(40) {
		id := i * 7 % 25 // some come twice
		l.put(&producerEntry{id: id, epoch: int16(i)})
		want[id] = int16(i)
		got := map[int64]int16{}
		for e := range l.all() {
			got[e.id] = e.epoch
		}
		if l.len() != len(want) || !maps.Equal(got, want) || l.find(id).epoch != int16(i) || l.find(100) != nil {
			t.Fatalf("after id %d: %v, want %v", id, got, want)
		}
	}
	l.deleteIf(func(e *producerEntry) bool { return e.id%2 == 0 })
	var left []int64
	for e := range l.all() {
		left = append(left, e.id)
	}
	slices.Sort(left)
	if !slices.Equal(left, []int64{1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23}) {
		t.Errorf("left %v", left)
	}
	l.deleteIf(func(*producerEntry) bool { return true })
	if l.len() != 0 || l.many != nil {
		t.Errorf("%d are left", l.len())
	}
}
