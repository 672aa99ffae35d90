package deadletter

import (
	"fmt"
	"strings"
	"testing"

	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// source are records at the offsets from 10 on, each with a header; that at offset 12 is gone.
func source(size int) func(func(*record.Record) bool) error {
	return func(fn func(*record.Record) bool) error {
		for offset := int64(10); offset < 20; offset++ {
			r := record.Record{Offset: offset, Key: []byte("k"), Value: []byte(strings.Repeat("v", size)), Headers: []record.Header{{Key: "own", Value: []byte("h")}}}
			if offset != 12 && !fn(&r) {
				return nil
			}
		}
		return nil
	}
}

func texts(t *testing.T, batch []byte) (all []string) {
	t.Helper()
	err := record.Batch(batch).Records(1<<20, func(r *record.Record) bool {
		text := fmt.Sprintf("%s=%d", r.Key, len(r.Value))
		for _, h := range r.Headers {
			text += fmt.Sprintf(" %s:%s", strings.TrimPrefix(h.Key, "__dlq.errors."), h.Value)
		}
		all = append(all, text)
		return true
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestADeadLetterSaysWhereItComesFrom(t *testing.T) {
	b := sharing.Burial{Group: "g", Source: record.TopicPartition{Topic: "jobs", Partition: 3}, First: 11, Last: 12, DeliveryCount: 5, Cause: acquire.Exhausted, CopyRecords: true, Read: source(4)}
	batch, last, err := batchOf(&b, 11, 1<<20)
	if err != nil || last != 12 {
		t.Fatalf("up to %d: %v", last, err)
	}
	const why = " group:g delivery.count:5 message:Offset delivery count exceeded the threshold."
	want := []string{"k=4 own:h topic:jobs partition:3 offset:11" + why, "=0 topic:jobs partition:3 offset:12" + why}
	if got := texts(t, batch); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
	b.CopyRecords, b.Cause = false, acquire.Unknown
	if batch, _, err = batchOf(&b, 11, 1<<20); err != nil {
		t.Fatal(err)
	}
	if got := texts(t, batch)[0]; got != "=0 topic:jobs partition:3 offset:11 group:g delivery.count:5" {
		t.Errorf("without a copy and a cause: %q", got)
	}
}

func TestDeadLettersAreSplitAtTheLargestBatch(t *testing.T) {
	b := sharing.Burial{Group: "g", First: 10, Last: 19, CopyRecords: true, Read: source(1000)}
	var sizes []int
	for next := b.First; next <= b.Last; {
		batch, last, err := batchOf(&b, next, 5000)
		if err != nil || last < next || len(batch) > 5000 {
			t.Fatalf("from %d to %d, %d bytes: %v", next, last, len(batch), err)
		}
		sizes = append(sizes, len(texts(t, batch)))
		next = last + 1
	}
	if fmt.Sprint(sizes) != "[4 3 3]" {
		t.Errorf("batches of %v records", sizes)
	}
	// One record that is too large goes alone: the topic refuses it.
	b.Read = source(6000)
	if batch, last, err := batchOf(&b, 10, 5000); err != nil || last != 10 || len(batch) < 6000 {
		t.Errorf("up to %d, %d bytes: %v", last, len(batch), err)
	}
}
