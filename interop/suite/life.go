package suite

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"leat/interop/record"
)

// How many records of each codec are sent, first and after the group has been away.
const (
	firstRecords = 60
	moreRecords  = 15
)

// life is the client alone with its own topic and group.
func (s *story) life() {
	name := strings.ReplaceAll(strings.ToLower(s.client.Name), " ", "-") + "-" + s.Run
	topic, group := "topic-"+name, "group-"+name
	driver := s.client.Driver
	how := record.Reading{Timestamps: s.client.Able.Timestamp, Partitions: partitions, Partition: s.client.Partition}
	maker := record.NewMaker(s.Seed, time.Now().Add(-time.Hour).UnixMilli(), s.client.Able)
	var first, more, all record.Sent

	creates := "create topic"
	if !s.client.Creates {
		creates = "auto-create topic"
	}
	s.check(creates, func() error {
		if err := driver.Create(s.ctx, s.Bootstrap, topic, partitions); err != nil {
			return err
		}
		return AwaitPartitions(s.ctx, s.Bootstrap, topic, partitions)
	})
	send := func(sent *record.Sent, each int) error {
		var records []record.Record
		for _, codec := range s.client.Codecs {
			records = append(records, maker.Make(codec, each)...)
		}
		acks, err := driver.Produce(s.ctx, s.Bootstrap, topic, records)
		sent.Add(records, acks)
		all.Add(records, acks)
		return err
	}
	s.check("produce "+strings.Join(s.client.Codecs, ", "), func() error { return send(&first, firstRecords) })
	s.check("consume in a group", func() error {
		got, err := driver.Consume(s.ctx, s.Bootstrap, topic, group, len(first.Records))
		if err != nil {
			return err
		}
		return record.Judge(first, got, how)
	})
	s.check("commit and leave", func() error { return GroupAtEnd(s.ctx, s.Bootstrap, topic, group) })
	s.check("produce more", func() error { return send(&more, moreRecords) })
	s.check("rejoin and go on", func() error {
		got, err := driver.Consume(s.ctx, s.Bootstrap, topic, group, len(more.Records))
		if err != nil {
			return err
		}
		return record.Judge(more, got, how)
	})
	s.check("commit and leave again", func() error { return GroupAtEnd(s.ctx, s.Bootstrap, topic, group) })
	s.check("franz-go reads all of it", func() error {
		got, codecs, err := ReadTopic(s.ctx, s.Bootstrap, topic)
		if err != nil {
			return err
		}
		if err := record.Judge(all, got, how); err != nil {
			return err
		}
		// What was asked for must be what lies in the log; a client that finds nothing to gain may send some batches plain.
		for _, codec := range s.client.Codecs {
			if !slices.Contains(codecs, codec) {
				return fmt.Errorf("no batch is compressed with %s: only %v", codec, codecs)
			}
		}
		return nil
	})
}
