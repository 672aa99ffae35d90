package admin

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// printed is what a tool prints that gets some arguments and then does something.
func printed(t *testing.T, of *tool.Tool, do func(*tool.Call), args ...string) string {
	t.Helper()
	var out bytes.Buffer
	of.Run = func(_ context.Context, c *tool.Call) error {
		do(c)
		return nil
	}
	if status := of.Main(t.Context(), args, run.Streams{Out: &out, Err: &out}); status != 0 {
		t.Fatalf("%v: %d %s", args, status, out.String())
	}
	return out.String()
}

func TestTopicIsPrintedAsKafkaPrintsIt(t *testing.T) {
	topic := &topicDescription{name: "orders", id: [16]byte{15: 1}, partitions: []kmsg.DescribeTopicPartitionsResponseTopicPartition{
		{Partition: 0, LeaderID: 1, Replicas: []int32{1, 2, 3}, ISR: []int32{1, 2}, EligibleLeaderReplicas: []int32{3}, LastKnownELR: []int32{}},
		{Partition: 1, LeaderID: -1, Replicas: []int32{2, 3}},
	}, configs: []kmsg.DescribeConfigsResponseResourceConfig{
		{Name: "retention.ms", Value: kmsg.StringPtr("1000"), Source: kmsg.ConfigSourceDynamicTopicConfig},
		{Name: "segment.ms", Value: kmsg.StringPtr("5"), Source: kmsg.ConfigSourceDefaultConfig},
		{Name: "min.insync.replicas", Value: kmsg.StringPtr("2"), Source: kmsg.ConfigSourceStaticBrokerConfig},
	}}
	moves := map[partition]move{{"orders", 0}: {replicas: []int32{1, 2, 3}, adding: []int32{3}, removing: []int32{1}}}
	for args, want := range map[string]string{
		"--describe": "Topic: orders\tTopicId: AAAAAAAAAAAAAAAAAAAAAQ\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: retention.ms=1000,min.insync.replicas=2\n" +
			"\tTopic: orders\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2\tAdding Replicas: 3\tRemoving Replicas: 1\tElr: 3\tLastKnownElr: \n" +
			"\tTopic: orders\tPartition: 1\tLeader: none\tReplicas: 2,3\tIsr: \tElr: N/A\tLastKnownElr: N/A\n",
		"--describe --unavailable-partitions":   "\tTopic: orders\tPartition: 1\tLeader: none\tReplicas: 2,3\tIsr: \tElr: N/A\tLastKnownElr: N/A\n",
		"--describe --topics-with-overrides":    "Topic: orders\tTopicId: AAAAAAAAAAAAAAAAAAAAAQ\tPartitionCount: 2\tReplicationFactor: 2\tConfigs: retention.ms=1000,min.insync.replicas=2\n",
		"--describe --at-min-isr-partitions":    "\tTopic: orders\tPartition: 0\tLeader: 1\tReplicas: 1,2,3\tIsr: 1,2\tAdding Replicas: 3\tRemoving Replicas: 1\tElr: 3\tLastKnownElr: \n",
		"--describe --under-min-isr-partitions": "\tTopic: orders\tPartition: 1\tLeader: none\tReplicas: 2,3\tIsr: \tElr: N/A\tLastKnownElr: N/A\n",
	} {
		got := printed(t, Topics(), func(c *tool.Call) { printTopic(c, topic, moves, []int32{1, 2}) }, strings.Fields(args)...)
		if got != want {
			t.Errorf("%s:\n%s\nwant\n%s", args, got, want)
		}
	}
}

func TestPlansArePrintedAsKafkaPrintsThem(t *testing.T) {
	all := plan{"readers": {{"orders", 0}: 7, {"payments-of-the-whole-year", 1}: 12}}
	const want = `
GROUP           TOPIC                      PARTITION  NEW-OFFSET
readers         payments-of-the-whole-year 1          12
readers         orders                     0          7
`
	if got := printed(t, ConsumerGroups(), func(c *tool.Call) { printPlan(c, all) }, "--list"); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := exported(all, true); got != "payments-of-the-whole-year,1,12\norders,0,7\n" {
		t.Errorf("%q", got)
	}
	moves := map[partition][]int32{{"orders", 0}: {1, 2}}
	if got := planText(moves, map[replica]string{{partition{"orders", 0}, 2}: "/data"}); got !=
		`{"version":1,"partitions":[{"topic":"orders","partition":0,"replicas":[1,2],"log_dirs":["any","/data"]}]}` {
		t.Error(got)
	}
}

func TestNumbersAndTimesAreThoseOfJava(t *testing.T) {
	for v, want := range map[float64]string{1024: "1024.0", 12.5: "12.5", 2e7: "2.0E7", 12345678.5: "1.23456785E7", 0.0001: "1.0E-4", 0: "0.0"} {
		if got := tool.Double(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
	for text, want := range map[string]int64{"2024-01-01T00:00:10.000": 1704067210000, "2024-01-01T01:00:10.000+01:00": 1704067210000, "2024-01-01T01:00:10.000+0100": 1704067210000} {
		if got, err := parseDateTime(text); got != want || err != nil {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{"PT1H": "1h0m0s", "P1DT2H3M4.5S": "26h3m4.5s", "-PT5M": "-5m0s", "PT-5M": "-5m0s"} {
		if got, err := parseDuration(text); err != nil || got.String() != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "P", "PT", "1h", "P1H"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("%q is a duration: %s", text, got)
		}
	}
}

func TestRangesOfPartitions(t *testing.T) {
	filter, err := partitionRules("orders:1-3,pay.*:0,logs")
	if err != nil {
		t.Fatal(err)
	}
	for p, want := range map[partition]bool{{"orders", 0}: false, {"orders", 1}: true, {"orders", 3}: false, {"payments", 0}: true, {"payments", 1}: false, {"logs", 9}: true, {"other", 0}: false} {
		if filter(p) != want {
			t.Errorf("%s: %v", p, !want)
		}
	}
	if _, err := partitionRules("orders:a"); err == nil {
		t.Error("a letter is a partition")
	}
}
