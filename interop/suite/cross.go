package suite

import (
	"context"
	"fmt"
	"strings"
	"time"

	"leat/interop/clients"
	"leat/interop/record"
)

// sharedTopic is what the Java client wrote for everybody to read: text only, because the console tools print lines.
type sharedTopic struct {
	name string
	sent record.Sent
	how  record.Reading
}

// Share lets a client write the topic that all clients then read.
func (s *Suite) Share(ctx context.Context, writer clients.Client) error {
	if err := awaitCoordinators(ctx, s.Bootstrap); err != nil {
		return err
	}
	able := record.Able{NullKey: true, NullValue: true, Headers: true, RepeatedHeader: true, Timestamp: true}
	maker := record.NewMaker(s.Seed+1, time.Now().Add(-time.Hour).UnixMilli(), able)
	topic := &sharedTopic{name: "topic-shared-" + s.Run,
		how: record.Reading{Timestamps: true, Partitions: partitions, Partition: writer.Partition}}
	if err := writer.Driver.Create(ctx, s.Bootstrap, topic.name, partitions); err != nil {
		return err
	}
	var records []record.Record
	for _, codec := range writer.Codecs {
		records = append(records, maker.Make(codec, firstRecords)...)
	}
	acks, err := writer.Driver.Produce(ctx, s.Bootstrap, topic.name, records)
	topic.sent.Add(records, acks)
	s.shared = topic
	if err != nil {
		return fmt.Errorf("%s: %w", writer.Name, err)
	}
	return nil
}

// cross reads what the Java client wrote.
func (s *story) cross() {
	if s.shared == nil {
		return
	}
	s.alone("read what Java wrote", func() error {
		group := "cross-" + strings.ReplaceAll(s.client.Name, " ", "-") + "-" + s.Run
		got, err := s.client.Driver.Consume(s.ctx, s.Bootstrap, s.shared.name, group, len(s.shared.sent.Records))
		if err != nil {
			return err
		}
		return record.Judge(s.shared.sent, got, s.shared.how)
	})
}
