package broker

import (
	"cmp"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/storage"
)

// describeLogDirs tells what lies in which log directory of this node.
func (h *Handlers) describeLogDirs(c *Call) {
	rq := c.Body.(*kmsg.DescribeLogDirsRequest)
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	logs := h.logsByDir(wantedPartitions(rq))
	cordoned := h.Config().List("cordoned.log.dirs")
	for _, dir := range h.Store.Dirs() {
		rd := kmsg.NewDescribeLogDirsResponseDir()
		rd.Dir = dir.Absolute()
		if dir.Offline != nil {
			rd.ErrorCode = kerr.KafkaStorageError.Code
			resp.Dirs = append(resp.Dirs, rd)
			continue
		}
		rd.TotalBytes, rd.UsableBytes = dir.Total, dir.Available
		rd.IsCordoned = slices.Contains(cordoned, dir.Path) || slices.Contains(cordoned, "*")
		rd.Topics = h.describeLogs(logs[dir.ID])
		resp.Dirs = append(resp.Dirs, rd)
	}
	c.Respond(resp)
}

// wantedPartitions is what the request is limited to; nil: nothing is left out.
func wantedPartitions(rq *kmsg.DescribeLogDirsRequest) map[record.TopicPartition]bool {
	if rq.Topics == nil {
		return nil
	}
	wanted := make(map[record.TopicPartition]bool)
	for _, t := range rq.Topics {
		for _, p := range t.Partitions {
			wanted[record.TopicPartition{Topic: t.Topic, Partition: p}] = true
		}
	}
	return wanted
}

// logsByDir sorts the logs of partitions by name within each directory.
func (h *Handlers) logsByDir(wanted map[record.TopicPartition]bool) map[record.UUID][]*storage.Log {
	byDir := make(map[record.UUID][]*storage.Log)
	for _, log := range append(slices.Collect(h.Store.Logs()), h.Store.Futures()...) {
		if wanted == nil || wanted[log.TopicPartition()] {
			byDir[log.Dir()] = append(byDir[log.Dir()], log)
		}
	}
	for _, logs := range byDir {
		slices.SortFunc(logs, func(a, b *storage.Log) int {
			x, y := a.TopicPartition(), b.TopicPartition()
			return cmp.Or(cmp.Compare(x.Topic, y.Topic), cmp.Compare(x.Partition, y.Partition))
		})
	}
	return byDir
}

// describeLogs groups sorted logs by topic.
func (h *Handlers) describeLogs(logs []*storage.Log) []kmsg.DescribeLogDirsResponseDirTopic {
	var topics []kmsg.DescribeLogDirsResponseDirTopic
	for _, log := range logs {
		tp := log.TopicPartition()
		if n := len(topics); n == 0 || topics[n-1].Topic != tp.Topic {
			t := kmsg.NewDescribeLogDirsResponseDirTopic()
			t.Topic = tp.Topic
			topics = append(topics, t)
		}
		t := &topics[len(topics)-1]
		p := kmsg.NewDescribeLogDirsResponseDirTopicPartition()
		p.Partition, p.Size = tp.Partition, log.Size()
		o := log.Offsets()
		p.OffsetLag = max(0, o.HighWatermark-o.LogEnd)
		if f, ok := h.Store.Future(tp); ok && f == log {
			p.IsFuture = true
			if current, ok := h.Store.Log(tp); ok {
				p.OffsetLag = max(0, current.Offsets().LogEnd-o.LogEnd)
			}
		}
		t.Partitions = append(t.Partitions, p)
	}
	return topics
}
