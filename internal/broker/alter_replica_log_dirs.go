package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// alterReplicaLogDirs has replicas of this node moved into other log directories. It answers when they have begun to move: DescribeLogDirs tells how far they
// are.
func (h *Handlers) alterReplicaLogDirs(c *Call) {
	rq := c.Body.(*kmsg.AlterReplicaLogDirsRequest)
	resp := kmsg.NewPtrAlterReplicaLogDirsResponse()
	topics := map[string]int{}
	for _, d := range rq.Dirs {
		for _, t := range d.Topics {
			i, ok := topics[t.Topic]
			if !ok {
				i = len(resp.Topics)
				topics[t.Topic] = i
				rt := kmsg.NewAlterReplicaLogDirsResponseTopic()
				rt.Topic = t.Topic
				resp.Topics = append(resp.Topics, rt)
			}
			for _, partition := range t.Partitions {
				rp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				rp.Partition = partition
				rp.ErrorCode = h.moveReplica(c.Image, record.TopicPartition{Topic: t.Topic, Partition: partition}, d.Dir)
				resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, rp)
			}
		}
	}
	c.Respond(resp)
}

func (h *Handlers) moveReplica(im *metadata.Image, tp record.TopicPartition, dir string) int16 {
	if tp.Topic == "__cluster_metadata" || !storage.Movable(tp) {
		return kerr.InvalidTopicException.Code
	}
	err := h.Replicas.MoveTo(tp, dir)
	if errors.Is(err, replication.ErrNoReplica) && !exists(im, tp) {
		return kerr.UnknownTopicOrPartition.Code
	}
	return h.partitionCode(err, tp)
}
