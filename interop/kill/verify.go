package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/suite"
)

// verify reads the topic from the given offsets to its end and compares it with what was acknowledged.
func (p *producer) verify(ctx context.Context, from map[int32]int64) error {
	if err := suite.AwaitPartitions(ctx, p.bootstrap, p.topic, partitions); err != nil {
		return err
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(p.bootstrap))
	if err != nil {
		return err
	}
	defer reader.Close()
	ends, err := kadm.NewClient(reader).ListEndOffsets(ctx, p.topic)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err
	}
	start := map[int32]kgo.Offset{}
	until := map[int32]int64{}
	for _, end := range ends.Offsets().Sorted() {
		if end.At < from[end.Partition] {
			return fmt.Errorf("%s-%d ends at offset %d, but records up to %d were acknowledged", p.topic, end.Partition, end.At, from[end.Partition])
		}
		if end.At > from[end.Partition] {
			start[end.Partition] = kgo.NewOffset().At(from[end.Partition])
			until[end.Partition] = end.At
		}
	}
	found, err := p.read(ctx, start, maps.Clone(until))
	if err != nil {
		return err
	}
	if err := p.compare(found, from); err != nil {
		return err
	}
	maps.Copy(p.verified, until)
	return nil
}

// read returns the places at which each record was found.
func (p *producer) read(ctx context.Context, start map[int32]kgo.Offset, until map[int32]int64) (map[string][]place, error) {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	reader, err := kgo.NewClient(kgo.SeedBrokers(p.bootstrap), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{p.topic: start}))
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	found := map[string][]place{}
	next := map[int32]int64{}
	for partition, offset := range start {
		next[partition] = offset.EpochOffset().Offset
	}
	for len(until) > 0 {
		fetches := reader.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%s: read: %w", p.topic, err)
		}
		var gap error
		fetches.EachRecord(func(r *kgo.Record) {
			if r.Offset != next[r.Partition] {
				gap = fmt.Errorf("%s-%d: offset %d comes where %d should", p.topic, r.Partition, r.Offset, next[r.Partition])
			}
			next[r.Partition] = r.Offset + 1
			id := number(string(r.Value))
			found[id] = append(found[id], place{r.Partition, r.Offset})
			if next[r.Partition] >= until[r.Partition] {
				delete(until, r.Partition)
			}
		})
		if gap != nil {
			return nil, gap
		}
	}
	return found, nil
}

// compare holds what was found against what was acknowledged at or above the given offsets.
func (p *producer) compare(found map[string][]place, from map[int32]int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, ack := range p.places {
		if ack.offset >= 0 && ack.offset < from[ack.partition] {
			continue // seen in an earlier round
		}
		places := found[id]
		switch {
		case len(places) == 0 && ack.offset < 0 && len(from) > 0:
			continue // acknowledged as a repetition, without an offset: the last check reads everything
		case len(places) == 0:
			return fmt.Errorf("%s: record %s was acknowledged at partition %d offset %d and is LOST", p.topic, id, ack.partition, ack.offset)
		case p.idempotent && len(places) > 1:
			return fmt.Errorf("%s: record %s of an idempotent producer is there TWICE: %v", p.topic, id, places)
		case ack.offset >= 0 && !contains(places, ack):
			return fmt.Errorf("%s: record %s was acknowledged at %v and found at %v", p.topic, id, ack, places)
		}
	}
	repeated := 0
	for id, places := range found {
		if _, ok := p.places[id]; !ok {
			return fmt.Errorf("%s: record %s at %v was never acknowledged, although all were waited for", p.topic, id, places)
		}
		repeated += len(places) - 1
	}
	if len(from) == 0 {
		p.repeated = repeated
	}
	return nil
}

func contains(places []place, want place) bool {
	for _, p := range places {
		if p == want {
			return true
		}
	}
	return false
}

// notices counts what the broker's log says about the kills.
type notices struct {
	offset int64
	cut    int
}

// read goes on where it stopped. A start after a kill must not end in complaints.
func (n *notices) read(path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data[n.offset:])) {
		text := strings.ToLower(line)
		if strings.Contains(text, "level=error") || strings.Contains(text, "panic") {
			return fmt.Errorf("the broker complains: %s", line)
		}
		if strings.Contains(text, "cut") || strings.Contains(text, "torn") || strings.Contains(text, "truncat") {
			n.cut++
		}
	}
	n.offset = int64(len(data))
	return nil
}
