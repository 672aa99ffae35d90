// Command segmentio drives the Go client segmentio/kafka-go for the interop suite.
package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"

	"leat-interop/lines"
)

func main() { lines.Main("github.com/segmentio/kafka-go", create, produce, consume) }

func create(bootstrap, topic string, partitions int) error {
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Timeout: lines.Patience}
	response, err := client.CreateTopics(context.Background(), &kafka.CreateTopicsRequest{
		Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}},
	})
	if err != nil {
		return err
	}
	return response.Errors[topic]
}

var codecs = map[string]kafka.Compression{
	"gzip":   kafka.Gzip,
	"snappy": kafka.Snappy,
	"lz4":    kafka.Lz4,
	"zstd":   kafka.Zstd,
}

func produce(bootstrap, topic string) error {
	batches, err := lines.ReadInputs()
	if err != nil {
		return err
	}
	for _, batch := range batches {
		if err := produceBatch(bootstrap, topic, batch); err != nil {
			return fmt.Errorf("%s: %w", batch.Codec, err)
		}
	}
	return nil
}

func produceBatch(bootstrap, topic string, batch *lines.Batch) error {
	var mu sync.Mutex // guards acks: each partition's writer calls back by itself
	var acks []string
	writer := &kafka.Writer{
		Addr:         kafka.TCP(bootstrap),
		Topic:        topic,
		Balancer:     kafka.Murmur2Balancer{},
		RequiredAcks: kafka.RequireAll,
		BatchTimeout: 50 * time.Millisecond,
		Compression:  codecs[batch.Codec],
		Completion: func(messages []kafka.Message, err error) {
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				return // WriteMessages returns it
			}
			for _, m := range messages {
				acks = append(acks, fmt.Sprintf("%d\t%d\t%d", m.WriterData, m.Partition, m.Offset))
			}
		},
	}
	messages := make([]kafka.Message, len(batch.Inputs))
	for i, in := range batch.Inputs {
		m := kafka.Message{Time: time.UnixMilli(in.Timestamp), Key: in.Key, Value: in.Value, WriterData: in.Line}
		for _, h := range in.Headers {
			m.Headers = append(m.Headers, kafka.Header{Key: h.Name, Value: h.Value})
		}
		messages[i] = m
	}
	ctx, cancel := context.WithTimeout(context.Background(), lines.Patience)
	defer cancel()
	if err := writer.WriteMessages(ctx, messages...); err != nil {
		return err
	}
	// Close waits for the completion callbacks, so acks is whole after it.
	if err := writer.Close(); err != nil {
		return err
	}
	for _, ack := range acks {
		fmt.Println(ack)
	}
	return nil
}

func consume(bootstrap, topic, group string, count int) error {
	reader := kafka.NewReader(kafka.ReaderConfig{
		Brokers:               []string{bootstrap},
		Topic:                 topic,
		GroupID:               group,
		StartOffset:           kafka.FirstOffset,
		MaxWait:               100 * time.Millisecond,
		JoinGroupBackoff:      100 * time.Millisecond,
		WatchPartitionChanges: false,
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	timer := time.AfterFunc(lines.Patience, cancel)
	var fetched []kafka.Message
	for {
		m, err := reader.FetchMessage(ctx)
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
		headers := make([]lines.Header, len(m.Headers))
		for i, h := range m.Headers {
			headers[i] = lines.Header{Name: h.Key, Value: h.Value}
		}
		fmt.Println(lines.Record(m.Partition, m.Offset, m.Time.UnixMilli(), m.Key, m.Value, headers))
		if fetched = append(fetched, m); len(fetched) == count {
			// A little longer, so that a record too many is seen as well.
			timer.Reset(500 * time.Millisecond)
		}
	}
	if err := reader.CommitMessages(context.Background(), fetched...); err != nil {
		return err
	}
	return reader.Close()
}
