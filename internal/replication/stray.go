package replication

import (
	"slices"

	"leat/internal/metadata"
	"leat/internal/storage"
)

// setStraysAside looks for logs on disk that no registration in the image explains: the topic id is not known, or this node is not among the replicas. They
// may be all that is left of somebody's data (a restored directory, a lost metadata log), so they are renamed as Kafka does, never deleted here.
func (n *Node) setStraysAside(image *metadata.Image) {
	var strays []*storage.Log
	for log := range n.cfg.Store.Logs() {
		part := registration(image, log.TopicID(), log.TopicPartition().Partition)
		if part == nil || !slices.Contains(part.Replicas, n.cfg.NodeID) {
			strays = append(strays, log)
		}
	}
	for _, log := range strays {
		tp := log.TopicPartition()
		logger := n.cfg.Logger.With("topic", tp.Topic, "partition", tp.Partition, "topic_id", log.TopicID().String())
		if err := n.cfg.Store.SetAside(tp); err != nil {
			logger.Error("stray log could not be set aside", "err", err)
			continue
		}
		logger.Warn("stray log set aside")
	}
}
