package stream

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/cli/kafka/tool"
)

func TestTheDefaultFormatterWritesAsKafkas(t *testing.T) {
	r := &kgo.Record{Partition: 3, Offset: 42, LeaderEpoch: 7, Timestamp: time.UnixMilli(1700000000123), Key: []byte("a"), Value: []byte("one"),
		Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}, {Key: "n"}}}
	everything := properties{"print.key": "true", "print.timestamp": "true", "print.partition": "true", "print.offset": "true", "print.headers": "true", "print.epoch": "true", "print.delivery": "true"}
	for _, c := range []struct {
		set  properties
		want string
	}{
		{properties{}, "one\n"},
		{everything, "CreateTime:1700000000123\tPartition:3\tOffset:42\tDelivery:NOT_PRESENT\tEpoch:NOT_PRESENT\th:1,n:null\ta\tone\n"},
		{properties{"print.key": "true", "print.value": "false"}, "a\n"},
		{properties{"print.offset": "true", "print.value": "false"}, "Offset:42\n"},
		{properties{"print.value": "false"}, ""},
		{properties{"print.headers": "true", "headers.separator": "&", "null.literal": "NIL", "key.separator": "|", "line.separator": ";"}, "h:1&n:NIL|one;"},
	} {
		got, err := newDefaultFormatter(c.set, &bytes.Buffer{}).append(nil, r)
		if err != nil || string(got) != c.want {
			t.Errorf("%v: %q, %v, want %q", c.set, got, err, c.want)
		}
	}
	if got, _ := newDefaultFormatter(properties{"print.headers": "true"}, &bytes.Buffer{}).append(nil, &kgo.Record{}); string(got) != "NO_HEADERS\tnull\n" {
		t.Errorf("%q", got)
	}
}

func TestDeserializersReadWhatKafkasRead(t *testing.T) {
	for _, c := range []struct {
		name      string
		in        string
		want      string
		exception string
	}{
		{"String", "a\xff", "a\ufffd", ""}, {"ByteArray", "a\xff", "a\xff", ""}, {"Bytes", "a\\\x00", `a\x5C\x00`, ""},
		{"Short", "\xff\xfe", "-2", ""}, {"Integer", "\x00\x00\x00\x07", "7", ""}, {"Integer", "123", "", "Size of data received by IntegerDeserializer is not 4"},
		{"Long", "\xff\xff\xff\xff\xff\xff\xff\xff", "-1", ""}, {"Double", "\x40\x09\x21\xfb\x54\x44\x2d\x18", "3.141592653589793", ""},
		{"Double", "\x41\x97\xd7\x84\x00\x00\x00\x00", "1.0E8", ""}, {"Float", "\x3f\x80\x00\x00", "1.0", ""}, {"Boolean", "\x01", "true", ""},
		{"Boolean", "\x02", "", "Unexpected byte received by BooleanDeserializer: 2"},
		{"UUID", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000", ""}, {"UUID", "x", "", "Error parsing data into UUID"},
	} {
		read := deserializerOf("org.apache.kafka.common.serialization."+c.name+"Deserializer", &bytes.Buffer{})
		got, err := read([]byte(c.in))
		if got != c.want || (err == nil) != (c.exception == "") || err != nil && err.Error() != c.exception {
			t.Errorf("%s %q: %q, %v, want %q, %s", c.name, c.in, got, err, c.want, c.exception)
		}
	}
	var log bytes.Buffer
	if deserializerOf("com.example.Nothing", &log) != nil || !strings.Contains(log.String(), "Unable to instantiate a deserializer from com.example.Nothing") {
		t.Errorf("%q", log.String())
	}
}

func TestFormattersOfInternalTopics(t *testing.T) {
	// An offset of group g, topic t, partition 1: key version 1, value version 3.
	r := &kgo.Record{Offset: 5, Key: []byte("\x00\x01\x00\x01g\x00\x01t\x00\x00\x00\x01"), Value: []byte("\x00\x03\x00\x00\x00\x00\x00\x00\x00\x09\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x07")}
	const want = `{"key":{"type":1,"data":{"group":"g","topic":"t","partition":1}},"value":{"version":3,"data":{"offset":9,"leaderEpoch":-1,"metadata":"","commitTimestamp":7}}}`
	offsets, err := newFormatter("org.apache.kafka.tools.consumer.OffsetsMessageFormatter", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := offsets(nil, r); err != nil || string(got) != want {
		t.Errorf("%s, %v", got, err)
	}
	r.Value = nil
	if got, err := offsets(nil, r); err != nil || !strings.HasSuffix(string(got), `,"value":null}`) {
		t.Errorf("%s, %v", got, err)
	}
	groups, err := newFormatter("org.apache.kafka.tools.consumer.GroupMetadataMessageFormatter", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := groups(nil, r); err != nil || len(got) != 0 {
		t.Errorf("%s, %v: an offset is no group", got, err)
	}
	r.Value = []byte{0}
	if _, err := offsets(nil, r); err == nil || !strings.HasPrefix(err.Error(), "Could not read record at offset 5 due to: ") {
		t.Error(err)
	}
	if _, err := newFormatter("com.example.Nothing", nil, nil); err != tool.Usage("com.example.Nothing") {
		t.Error(err)
	}
}

func TestNumbersAndTimesAreWrittenAsJavaWritesThem(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0", 1: "1.0", 0.001: "0.001", 0.0001: "1.0E-4", 12345678: "1.2345678E7", 1.4847809948032664: "1.4847809948032664"} {
		if got := tool.Double(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	zero := 0.0
	if got := decimal(1/zero, 4) + decimal(zero/zero, 4) + decimal(1, 4); got != "InfinityNaN1.0000" {
		t.Error(got)
	}
	at := time.Date(2026, 3, 5, 14, 7, 9, 45_000_000, time.UTC)
	for pattern, want := range map[string]string{"yyyy-MM-dd HH:mm:ss:SSS": "2026-03-05 14:07:09:045", "d.M.yy 'um' h a": "5.3.26 um 2 PM", "EEE, MMM d": "Thu, Mar 5"} {
		if got := date(pattern, at); got != want {
			t.Errorf("%s: %s, want %s", pattern, got, want)
		}
	}
}

func TestTheLinesOfTheProducersPerformance(t *testing.T) {
	var out bytes.Buffer
	s := newPerfStats(&out, 4, time.Hour, false)
	s.all.start = time.Now().Add(-time.Hour) // slow enough that the rates are nearly nothing
	for _, ms := range []int{1, 2, 3, 10} {
		s.record(time.Duration(ms)*time.Millisecond, 100, time.Now())
	}
	s.printTotal()
	const want = "4 records sent, 0.001111 records/sec (0.00 MB/sec), 4.00 ms avg latency, 10.00 ms max latency, 3 ms 50th, 10 ms 95th, 10 ms 99th, 10 ms 99.9th.\n"
	if out.String() != want {
		t.Errorf("%q", out.String())
	}
}

func TestEventsHaveTheFieldsInKafkasOrder(t *testing.T) {
	var out bytes.Buffer
	p := printer{out: &out}
	e := event{1, "producer_send_success"}
	p.print(sent{e, nil, "7.<1>", 5, "t", 0})
	p.print(toolData{event{1, "tool_data"}, 2, 1, -1, []byte(tool.Double(0.5))})
	p.print(partitionsEvent{event{1, "partitions_assigned"}, []topicPartition{}})
	const want = `{"timestamp":1,"name":"producer_send_success","key":null,"value":"7.<1>","offset":5,"topic":"t","partition":0}
{"timestamp":1,"name":"tool_data","sent":2,"acked":1,"target_throughput":-1,"avg_throughput":0.5}
{"timestamp":1,"name":"partitions_assigned","partitions":[]}
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}
