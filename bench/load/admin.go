package load

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Create creates a topic of one replica and waits until every partition has a leader. A topic that exists is an error.
func Create(address, topic string, partitions int, configs map[string]string) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	req := kmsg.NewPtrCreateTopicsRequest()
	req.Version = 7
	req.TimeoutMillis = 30000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, int32(partitions), 1
	for _, key := range slices.Sorted(maps.Keys(configs)) {
		config := kmsg.NewCreateTopicsRequestTopicConfig()
		config.Name, config.Value = key, kmsg.StringPtr(configs[key])
		t.Configs = append(t.Configs, config)
	}
	req.Topics = append(req.Topics, t)
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("create %s: %w", topic, err)
	}
	for _, created := range resp.(*kmsg.CreateTopicsResponse).Topics {
		if err := kerr.ErrorForCode(created.ErrorCode); err != nil {
			return fmt.Errorf("create %s: %w", topic, err)
		}
	}
	for until := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		err := led(c, topic, partitions)
		if err == nil || time.Now().After(until) {
			return err
		}
	}
}

// led asks whether all partitions of a topic have a leader that serves them.
func led(c *Conn, topic string, partitions int) error {
	offsets, err := ends(c, topic, partitions)
	if err == nil && len(offsets) != partitions {
		err = fmt.Errorf("%s: %d partitions instead of %d", topic, len(offsets), partitions)
	}
	return err
}

// Delete deletes a topic.
func Delete(address, topic string) error {
	c, err := Dial(address)
	if err != nil {
		return err
	}
	defer c.Close()
	req := kmsg.NewPtrDeleteTopicsRequest()
	req.Version = 5
	req.TimeoutMillis = 30000
	req.TopicNames = []string{topic}
	resp, err := c.Do(req)
	if err != nil {
		return fmt.Errorf("delete %s: %w", topic, err)
	}
	for _, deleted := range resp.(*kmsg.DeleteTopicsResponse).Topics {
		if err := kerr.ErrorForCode(deleted.ErrorCode); err != nil {
			return fmt.Errorf("delete %s: %w", topic, err)
		}
	}
	return nil
}

// Ends returns the log end offset of each partition of a topic.
func Ends(address, topic string, partitions int) ([]int64, error) {
	c, err := Dial(address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return ends(c, topic, partitions)
}

func ends(c *Conn, topic string, partitions int) ([]int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.Version = 7
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	for i := range partitions {
		p := kmsg.NewListOffsetsRequestTopicPartition()
		p.Partition, p.Timestamp = int32(i), -1
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	resp, err := c.Do(req)
	if err != nil {
		return nil, fmt.Errorf("list offsets of %s: %w", topic, err)
	}
	offsets := make([]int64, partitions)
	found := 0
	for _, t := range resp.(*kmsg.ListOffsetsResponse).Topics {
		for _, p := range t.Partitions {
			if err := kerr.ErrorForCode(p.ErrorCode); err != nil {
				return nil, fmt.Errorf("list offsets of %s-%d: %w", topic, p.Partition, err)
			}
			if p.Partition < 0 || int(p.Partition) >= partitions {
				return nil, fmt.Errorf("list offsets of %s: partition %d was not asked for", topic, p.Partition)
			}
			offsets[p.Partition] = p.Offset
			found++
		}
	}
	if found != partitions {
		return nil, errors.New("list offsets: partitions are missing in the answer")
	}
	return offsets, nil
}
