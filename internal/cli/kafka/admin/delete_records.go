package admin

import (
	"context"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// DeleteRecords is kafka-delete-records.
func DeleteRecords() *tool.Tool {
	return &tool.Tool{Name: "kafka-delete-records", Purpose: "This tool helps to delete records of the given partitions down to the specified offset.",
		Options: deleteRecordsOptions(), Run: deleteRecords}
}

func deleteRecords(ctx context.Context, c *tool.Call) error {
	if err := c.Require("bootstrap-server", "offset-json-file"); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	text, err := readFile(c.Value("offset-json-file"))
	if err != nil {
		return err
	}
	wanted, err := offsetsOfFile(text)
	if err != nil {
		return err
	}
	c.Println("Executing records delete operation")
	results, err := deleteBefore(ctx, cluster, wanted)
	if err != nil {
		return err
	}
	c.Println("Records delete operation completed:")
	keys := make([]partition, 0, len(wanted))
	for p := range wanted {
		keys = append(keys, p)
	}
	slices.SortFunc(keys, comparePartitions)
	for _, p := range keys {
		if f := results[p]; f.err != nil {
			c.Printf("partition: %s\terror: %s\n", p, tool.Describe(f.err))
		} else {
			c.Printf("partition: %s\tlow_watermark: %d\n", p, f.offset)
		}
	}
	return nil
}

// offsetsOfFile are the offsets of a file in JSON.
func offsetsOfFile(text []byte) (map[partition]int64, error) {
	root, ok := parseJSON(text)
	if !ok {
		return nil, tool.Said("The input string is not a valid JSON")
	}
	if fields, isObject := root.(map[string]any); isObject && fields["version"] != nil {
		version, err := jsonInt32(root, "version")
		if err != nil {
			return nil, err
		}
		if version != 1 {
			return nil, tool.Saidf("Not supported version field value %d", version)
		}
	}
	if fields, isObject := root.(map[string]any); isObject && fields["partitions"] == nil {
		return nil, tool.Said("Missing partitions field")
	}
	list, err := field[[]any](root, "partitions")
	if err != nil {
		return nil, err
	}
	offsets := make(map[partition]int64)
	var all []partition
	for _, entry := range list {
		topic, err1 := field[string](entry, "topic")
		index, err2 := jsonInt32(entry, "partition")
		offset, err3 := jsonInt(entry, "offset")
		if err := tool.First(err1, err2, err3); err != nil {
			return nil, err
		}
		p := partition{topic, index}
		all = append(all, p)
		offsets[p] = offset
	}
	if twice := duplicates(all); len(twice) > 0 {
		return nil, tool.Said("Offset json file contains duplicate topic partitions: " + names(hashPartitions(twice), ","))
	}
	return offsets, nil
}

func names(partitions []partition, separator string) string {
	words := make([]string, len(partitions))
	for i, p := range partitions {
		words[i] = p.String()
	}
	return strings.Join(words, separator)
}

// deleteBefore deletes the records before some offsets.
func deleteBefore(ctx context.Context, cluster *tool.Cluster, offsets map[partition]int64) (map[partition]found, error) {
	request := kmsg.NewPtrDeleteRecordsRequest()
	request.TimeoutMillis = 30000
	var keys []partition
	for p := range offsets {
		keys = append(keys, p)
	}
	results := make(map[partition]found, len(keys))
	if len(keys) == 0 {
		return results, nil
	}
	known, err := topicNames(ctx, cluster, true)
	if err != nil {
		return nil, err
	}
	for _, topic := range byTopic(keys) {
		if !has(known, topic.name) { // nobody leads it, who could be asked
			for _, index := range topic.partitions {
				results[partition{topic.name, index}] = found{err: tool.Refused(unknownTopic, nil)}
			}
			continue
		}
		t := kmsg.NewDeleteRecordsRequestTopic()
		t.Topic = topic.name
		for _, index := range topic.partitions {
			p := kmsg.NewDeleteRecordsRequestTopicPartition()
			p.Partition, p.Offset = index, offsets[partition{topic.name, index}]
			t.Partitions = append(t.Partitions, p)
		}
		request.Topics = append(request.Topics, t)
	}
	answer, err := tool.Ask[*kmsg.DeleteRecordsResponse](ctx, cluster, request)
	if err != nil {
		return nil, err
	}
	for _, t := range answer.Topics {
		for _, p := range t.Partitions {
			results[partition{t.Topic, p.Partition}] = found{p.LowWatermark, tool.Refused(p.ErrorCode, nil)}
		}
	}
	return results, nil
}
