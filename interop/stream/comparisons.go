package main

import (
	"os"
	"path/filepath"
	"strings"
)

// comparisons are all command lines.
func comparisons(dir string) []comparison {
	payloads := filepath.Join(dir, "payloads")
	_ = os.WriteFile(payloads, []byte("one\ntwo\n"), 0o600) // a tool will miss it
	return append(append(append(append(producing(), consuming()...), sharing()...), measuring(payloads)...), verifying()...)
}

func producing() []comparison {
	const tool = "kafka-console-producer"
	at := []string{"--bootstrap-server", "AT", "--topic"}
	with := func(topic string, more ...string) []string {
		return append(append([]string{}, append(at, topic)...), more...)
	}
	return []comparison{
		{name: "lines", tool: tool, args: with("SIDE-lines", "--sync"), input: "one\n\ntwo\r\nthree", wrote: "lines"},
		{name: "keys", tool: tool, args: with("SIDE-keys", "--compression-codec", "gzip", "--reader-property", "parse.key=true", "--reader-property", "key.separator=:",
			"--reader-property", "null.marker=NULL"), input: "a:1\nNULL:2\nb:NULL\nc::\nd:" + strings.Repeat("again ", 100) + "\n", wrote: "keys"},
		{name: "headers, and a line without", tool: tool, args: with("SIDE-heads", "--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"),
			input: "h:1,i:2\ta\tone\n\tb\ttwo\nlost\n", wrote: ""},
		{name: "headers, errors ignored", long: true, tool: tool, args: with("SIDE-heads", "--reader-property", "parse.headers=true", "--reader-property", "ignore.error=true", "--sync"),
			input: "h:1,i\tone\nlost\n"},
		{name: "separators that are equal", long: true, tool: tool, args: with("SIDE-lines", "--reader-property", "headers.separator=:"), input: "x\n"},
		{name: "a producer without a topic", long: true, tool: tool, args: []string{"--bootstrap-server", "AT"}, usage: true},
		{name: "a producer with an option too much", long: true, tool: tool, args: with("x", "--nonsense"), usage: true},
		{name: "two names of a property", long: true, tool: tool, args: with("x", "--reader-property", "a=b", "--property", "c=d"), usage: true},
		{name: "an old name", long: true, tool: tool, args: with("SIDE-old", "--property", "parse.key=false", "--sync"), input: "four\n", wrote: "old"},
	}
}

func consuming() []comparison {
	const tool = "kafka-console-consumer"
	all := func(topic string, more ...string) []string {
		return append([]string{"--bootstrap-server", "AT", "--topic", topic, "--from-beginning", "--max-messages", "4"}, more...)
	}
	print := func(names ...string) []string {
		var args []string
		for _, name := range names {
			args = append(args, "--formatter-property", name)
		}
		return args
	}
	return []comparison{
		{name: "values", tool: tool, args: all("read")},
		{name: "everything of a record", tool: tool, args: all("read", print("print.key=true", "print.timestamp=true", "print.partition=true", "print.offset=true", "print.headers=true",
			"print.epoch=true", "print.delivery=true")...)},
		{name: "separators", long: true, tool: tool, args: all("read", print("print.key=true", "key.separator=|", "line.separator=;", "null.literal=NIL", "print.headers=true", "headers.separator=&")...)},
		{name: "keys alone", long: true, tool: tool, args: all("read", print("print.key=true", "print.value=false")...)},
		{name: "strings", long: true, tool: tool, args: all("read", "--key-deserializer", "org.apache.kafka.common.serialization.StringDeserializer", "--formatter-property", "print.key=true")},
		{name: "numbers", tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "numbers", "--partition", "0", "--offset", "0", "--max-messages", "2", "--key-deserializer",
			"org.apache.kafka.common.serialization.IntegerDeserializer", "--value-deserializer", "org.apache.kafka.common.serialization.LongDeserializer", "--formatter-property", "print.key=true"}},
		{name: "doubles", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "numbers", "--partition", "0", "--offset", "earliest", "--max-messages", "2", "--value-deserializer",
			"org.apache.kafka.common.serialization.DoubleDeserializer"}},
		{name: "a number of another length", tool: tool, args: all("read", "--value-deserializer", "org.apache.kafka.common.serialization.IntegerDeserializer")},
		{name: "numbers of another length, skipped", long: true, tool: tool, args: all("read", "--skip-message-on-error", "--value-deserializer", "org.apache.kafka.common.serialization.IntegerDeserializer")},
		{name: "an offset", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--partition", "0", "--offset", "2", "--max-messages", "2", "--formatter-property", "print.offset=true"}},
		{name: "only what is committed", tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "txn", "--from-beginning", "--max-messages", "2", "--timeout-ms", "120000",
			"--isolation-level", "read_committed"}},
		{name: "all that was written", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "txn", "--from-beginning", "--max-messages", "2"}},
		{name: "topics by expression", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--include", "num.*", "--from-beginning", "--max-messages", "2",
			"--formatter", "org.apache.kafka.tools.consumer.NoOpMessageFormatter"}},
		{name: "a group", tool: tool, args: all("read", "--group", "SIDE-group")},
		{name: "a formatter that is not there", long: true, tool: tool, args: all("read", "--formatter", "com.example.Nothing"), usage: true},
		{name: "a consumer without a topic", long: true, tool: tool, args: []string{"--bootstrap-server", "AT"}, usage: true},
		{name: "an offset without a partition", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--offset", "1"}, usage: true},
		{name: "an offset that is none", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--partition", "0", "--offset", "one"}, usage: true},
		{name: "a partition of a group", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--partition", "0", "--group", "g"}, usage: true},
		{name: "transactions", tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "__transaction_state", "--from-beginning", "--max-messages", "1",
			"--formatter", "org.apache.kafka.tools.consumer.TransactionLogMessageFormatter"}},
	}
}

func sharing() []comparison {
	const tool = "kafka-console-share-consumer"
	return []comparison{
		{name: "a share group without records", tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--group", "SIDE-share", "--timeout-ms", "1500"}},
		{name: "a share consumer without a topic", long: true, tool: tool, args: []string{"--bootstrap-server", "AT"}, usage: true},
		{name: "reject and release", long: true, tool: tool, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--reject", "--release"}, usage: true},
	}
}

func measuring(payloads string) []comparison {
	const producer, consumer = "kafka-producer-perf-test", "kafka-consumer-perf-test"
	perf := func(more ...string) []string {
		return append([]string{"--bootstrap-server", "AT", "--topic", "SIDE-perf", "--throughput", "-1"}, more...)
	}
	return []comparison{
		{name: "how fast records are written", tool: producer, args: perf("--num-records", "200", "--record-size", "100", "--warmup-records", "100"), speeds: true, wrote: "perf"},
		{name: "how fast they are written in transactions", tool: producer, args: []string{"--bootstrap-server", "AT", "--topic", "SIDE-packed", "--throughput", "1000", "--num-records", "120",
			"--payload-file", payloads, "--transactional-id", "SIDE-id", "--command-property", "compression.type=lz4"}, speeds: true, wrote: "packed"},
		{name: "no records to write", long: true, tool: producer, args: perf("--num-records", "0", "--record-size", "1"), speeds: true},
		{name: "warm-up without end", long: true, tool: producer, args: perf("--num-records", "5", "--warmup-records", "5", "--record-size", "1")},
		{name: "nothing to write", long: true, tool: producer, args: perf("--num-records", "5")},
		{name: "two payloads", long: true, tool: producer, args: perf("--num-records", "5", "--record-size", "1", "--payload-monotonic")},
		{name: "no cluster to write to", long: true, tool: producer, args: []string{"--topic", "x", "--throughput", "1", "--num-records", "1", "--record-size", "1"}},
		{name: "how fast records are read", tool: consumer, args: []string{"--bootstrap-server", "AT", "--topic", "speed", "--num-records", "2000", "--timeout", "120000",
			"--group", "SIDE-perf"}, speeds: true},
		{name: "too few records to read", long: true, tool: consumer, args: []string{"--bootstrap-server", "AT", "--topic", "read", "--num-records", "5", "--timeout", "2000", "--hide-header", "--group", "SIDE-few"}, speeds: true},
		{name: "how many to read", long: true, tool: consumer, args: []string{"--bootstrap-server", "AT", "--topic", "speed"}, usage: true},
		{name: "there and back", tool: "kafka-e2e-latency", args: []string{"--bootstrap-server", "AT", "--topic", "SIDE-e2e", "--num-records", "20", "--producer-acks", "all", "--record-size", "10",
			"--record-key-size", "3", "--num-headers", "1", "--record-header-key-size", "2", "--record-header-size", "2"}, speeds: true},
		{name: "there and back, by places", tool: "kafka-e2e-latency", args: []string{"AT", "SIDE-places", "5", "all", "10"}, speeds: true},
		{name: "too few places", long: true, tool: "kafka-e2e-latency", args: []string{"AT", "SIDE-places", "5"}},
		{name: "acks of nobody, by places", long: true, tool: "kafka-e2e-latency", args: []string{"AT", "x", "2", "0", "1"}, usage: true},
		{name: "acks of nobody", long: true, tool: "kafka-e2e-latency", args: []string{"--bootstrap-server", "AT", "--topic", "x", "--num-records", "2", "--producer-acks", "0", "--record-size", "1"}, usage: true},
	}
}

func verifying() []comparison {
	return []comparison{
		{name: "a verifiable producer", tool: "kafka-verifiable-producer", args: []string{"--bootstrap-server", "AT", "--topic", "SIDE-verified", "--max-messages", "3", "--value-prefix", "7",
			"--repeating-keys", "2", "--acks", "1"}, wrote: "verified"},
		{name: "a verifiable consumer", long: true, tool: "kafka-verifiable-consumer", args: []string{"--bootstrap-server", "AT", "--topic", "numbers", "--group-id", "SIDE-v", "--max-messages", "2"}},
		{name: "a verifiable consumer that tells all", tool: "kafka-verifiable-consumer", args: []string{"--bootstrap-server", "AT", "--topic", "read", "--group-id", "SIDE-w", "--max-messages", "3", "--verbose"}},
		{name: "a verifiable share consumer", tool: "kafka-verifiable-share-consumer", args: []string{"--bootstrap-server", "AT", "--topic", "numbers", "--group-id", "SIDE-s", "--max-messages", "2",
			"--verbose", "--offset-reset-strategy", "earliest", "--acknowledgement-mode", "sync"}},
		{name: "acks that there are not", long: true, tool: "kafka-verifiable-producer", args: []string{"--bootstrap-server", "AT", "--topic", "x", "--acks", "2"}},
		{name: "a verifiable consumer without a group", tool: "kafka-verifiable-consumer", args: []string{"--bootstrap-server", "AT", "--topic", "x"}},
	}
}
