package stream

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

// ConsoleProducer is kafka-console-producer.
func ConsoleProducer() *tool.Tool {
	return &tool.Tool{
		Name:    "kafka-console-producer",
		Purpose: "This tool helps to read data from standard input and publish it to Kafka.",
		Options: []tool.Option{
			maybe("topic", "String", "topic", "REQUIRED: Name of a topic."),
			maybe("bootstrap-server", "String", "server to connect to", "REQUIRED: Brokers to ask first, as HOST:PORT,..."),
			{Name: "sync", Text: "Wait for the answer to each record before the next is sent."},
			{Name: "compression-codec", Type: "String", MayLack: true, Argument: "compression-codec", Text: "none, gzip, snappy, lz4 or zstd; gzip if nothing follows."},
			optionally("batch-size", "Integer", "size", "16384", "Bytes of a batch."),
			optionally("message-send-max-retries", "Integer", "", "3", "How often to send a record again: the property retries."),
			optionally("retry-backoff-ms", "Long", "", "100", "How long to wait before that: the property retry.backoff.ms."),
			optionally("timeout", "Long", "timeout_ms", "1000", "How long a batch waits for more records: the property linger.ms."),
			optionally("request-required-acks", "String", "request required acks", "-1", "Who must have a record: the property acks."),
			optionally("request-timeout-ms", "Integer", "request timeout ms", "1500", "How long to wait for an answer."),
			optionally("metadata-expiry-ms", "Long", "metadata expiration interval", "300000", "How long to rely on what is known of the cluster: the property metadata.max.age.ms."),
			optionally("max-block-ms", "Long", "max block on send", "60000", "How long sending may wait."),
			optionally("max-memory-bytes", "Long", "total memory in bytes", "33554432", "Bytes that wait to be sent at most: the property buffer.memory."),
			optionally("max-partition-memory-bytes", "Integer", "memory in bytes per partition", "16384", "(Deprecated) Bytes of a batch."),
			optionally("line-reader", "String", "reader_class", lineReaderClass, "What reads records from the standard input: one a line."),
			optionally("socket-buffer-size", "Integer", "size", "102400", "Bytes of the socket's buffer: the property send.buffer.bytes."),
			maybe("property", "String", "prop", "(DEPRECATED) Property of the reader; --reader-property has taken its place."),
			maybe("reader-property", "String", "prop", "Property of the reader as KEY=VALUE: parse.key, parse.headers, ignore.error, key.separator, headers.delimiter, headers.separator, headers.key.separator, null.marker."),
			maybe("reader-config", "String", "config file", "File of properties of the reader."),
			maybe("producer-property", "String", "producer_prop", "(DEPRECATED) Property of the producer; --command-property has taken its place."),
			maybe("command-property", "String", "producer_prop", "Property of the producer as KEY=VALUE."),
			maybe("producer.config", "String", "config file", "(DEPRECATED) File of properties of the producer; --command-config has taken its place."),
			maybe("command-config", "String", "config file", "File of properties of the producer."),
		},
		Run: consoleProducer,
		Fails: func(c *tool.Call, err error) {
			var wrong *tool.OptionError
			if errors.As(err, &wrong) {
				c.Warnln(wrong)
				return
			}
			thrown(c, err)
		},
	}
}

const lineReaderClass = "org.apache.kafka.tools.LineMessageReader"

// consoleProducerProperties are those of the producer, by the options.
func consoleProducerProperties(c *tool.Call) (properties, error) {
	set, err := given(c, asProducers, renaming{"command-config", "producer.config"}, renaming{"command-property", "producer-property"})
	if err != nil {
		return nil, err
	}
	set["compression.type"] = c.Value("compression-codec")
	if c.Has("compression-codec") && set["compression.type"] == "" {
		set["compression.type"] = "gzip"
	}
	set.otherwise("client.id", "console-producer")
	for _, p := range [][2]string{{"linger.ms", "timeout"}, {"acks", "request-required-acks"}, {"request.timeout.ms", "request-timeout-ms"}, {"retries", "message-send-max-retries"},
		{"retry.backoff.ms", "retry-backoff-ms"}, {"buffer.memory", "max-memory-bytes"}, {"metadata.max.age.ms", "metadata-expiry-ms"}, {"max.block.ms", "max-block-ms"}} {
		set.merge(c, p[0], p[1])
	}
	return set, c.Wrong()
}

// readerProperties are those of the reader of lines.
func readerProperties(c *tool.Call) (properties, error) {
	name, err := renamed(c, asProducers, renaming{"reader-property", "property"})
	if err != nil {
		return nil, err
	}
	file, err := tool.Properties(c.Value("reader-config"))
	if err != nil {
		return nil, err
	}
	set := properties(file)
	for key, value := range pairs(c.Values(name)) {
		set[key] = value
	}
	if class := c.Value("line-reader"); class != lineReaderClass {
		return nil, &tool.Exception{Class: "java.lang.ClassNotFoundException", Message: class}
	}
	return set, nil
}

func consoleProducer(ctx context.Context, c *tool.Call) error {
	if err := c.Require("topic", "bootstrap-server"); err != nil {
		return err
	}
	set, err := consoleProducerProperties(c)
	if err != nil {
		return err
	}
	reading, err := readerProperties(c)
	if err != nil {
		return err
	}
	reader, err := newLineReader(c.In, c.Value("topic"), reading)
	if err != nil {
		return err
	}
	opts, err := set.producer()
	if err != nil {
		return err
	}
	cl, err := tool.Reach(c.Value("bootstrap-server"), set, opts...)
	if err != nil {
		return err
	}
	defer cl.Close()
	ctx, stop := stopped(ctx)
	defer stop()
	err = sendLines(ctx, c, cl.Client, reader)
	if flushed := cl.Flush(ctx); err == nil && ctx.Err() == nil {
		err = flushed
	}
	return err
}

// sendLines sends what is read. Without --sync, a record that could not be written is logged, and the rest goes on.
func sendLines(ctx context.Context, c *tool.Call, cl *kgo.Client, reader *lineReader) error {
	var mu sync.Mutex
	for ctx.Err() == nil {
		r, err := reader.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if c.Has("sync") {
			if err := cl.ProduceSync(ctx, r).FirstErr(); err != nil {
				return tool.Executed(tool.AsRefused(err))
			}
			continue
		}
		cl.Produce(ctx, r, func(r *kgo.Record, err error) {
			if err == nil || ctx.Err() != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			logError(c.Err, "org.apache.kafka.clients.producer.internals.ErrorLoggingCallback",
				"Error when sending message to topic "+r.Topic+" with key: "+lengthOf(r.Key)+", value: "+lengthOf(r.Value)+" with error:", err)
		})
	}
	return nil
}

func lengthOf(b []byte) string {
	if b == nil {
		return "null"
	}
	return decimal(float64(len(b)), 0) + " bytes"
}
