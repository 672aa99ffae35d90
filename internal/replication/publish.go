package replication

import (
	"fmt"
	"slices"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// topicSettings is what partitions need of their topic's configuration.
type topicSettings struct {
	log    storage.LogConfig
	minISR int

	leaderThrottled, followerThrottled throttledReplicas
	balanced, balancedHere             throttledReplicas // on their way by leat itself: from here, to here
}

// Publish brings the node to an image: opens logs, changes leadership, reconfigures, deletes. Called from one goroutine. delta is nil for
// the first image (then logs on disk that the image does not know are set aside as strays).
//
// A partition that cannot be opened is logged and answers its reason; the others go on. If the disk was full it is tried again.
func (n *Node) Publish(image *metadata.Image, delta *metadata.Delta) error {
	n.publish.Lock()
	defer n.publish.Unlock()
	if delta == nil {
		n.publishAll(image)
	} else {
		n.publishDelta(image, delta)
	}
	n.image.Store(image)
	if delta == nil {
		n.moves.begin()
	}
	if n.cfg.Cluster != nil && (delta == nil || delta.BrokersChanged()) {
		n.brokersChanged(image)
	}
	return nil
}

func (n *Node) publishAll(image *metadata.Image) {
	for p := range n.table.all() {
		if part := registration(image, p.topicID, p.tp.Partition); part == nil {
			n.delete(image, p)
		}
	}
	n.setStraysAside(image)
	for topic := range image.Topics("") {
		n.publishTopic(image, topic)
	}
}

func (n *Node) publishDelta(image *metadata.Image, delta *metadata.Delta) {
	for _, topic := range delta.DeletedTopics() {
		for i := range topic.Partitions {
			p := n.table.find(record.TopicPartition{Topic: topic.Name, Partition: int32(i)})
			if p != nil && p.topicID == topic.ID {
				n.delete(image, p)
			}
		}
	}
	for _, topic := range delta.ChangedTopics() {
		n.publishTopic(image, topic)
	}
	for _, key := range delta.ChangedConfigs() {
		switch key.Type {
		case metadata.TopicResource:
			if topic, ok := image.Topic(key.Name); ok {
				n.configure(image, topic)
			}
		case metadata.BrokerResource: // a default of every topic may have changed
			for topic := range image.Topics("") {
				n.configure(image, topic)
			}
		}
	}
}

// registration finds a partition by topic id, nil if there is none.
func registration(image *metadata.Image, topicID record.UUID, partition int32) *metadata.Partition {
	topic, ok := image.TopicByID(topicID)
	if !ok || partition < 0 || int(partition) >= len(topic.Partitions) {
		return nil
	}
	return topic.Partitions[partition]
}

// settings reads a topic's configuration.
func (n *Node) settings(image *metadata.Image, topic string) topicSettings {
	overrides := image.Config(metadata.TopicResource, topic)
	moving := overrides["leat.balance.moving"]
	return topicSettings{log: n.cfg.LogConfig(topic, overrides), minISR: n.cfg.MinISR(topic, overrides),
		leaderThrottled:   readThrottled(overrides["leader.replication.throttled.replicas"], n.cfg.NodeID),
		followerThrottled: readThrottled(overrides["follower.replication.throttled.replicas"], n.cfg.NodeID),
		balanced:          readThrottled(moving, anyBroker), balancedHere: readThrottled(moving, n.cfg.NodeID)}
}

// publishTopic brings the partitions of one topic to what the image says.
func (n *Node) publishTopic(image *metadata.Image, topic *metadata.Topic) {
	var s topicSettings
	known := false
	for i, part := range topic.Partitions {
		tp := record.TopicPartition{Topic: topic.Name, Partition: int32(i)}
		p := n.table.find(tp)
		mine := slices.Index(part.Replicas, n.cfg.NodeID)
		if p != nil && (mine < 0 || p.topicID != topic.ID) {
			n.delete(image, p)
			p = nil
		}
		if mine < 0 {
			continue
		}
		if !known {
			s, known = n.settings(image, topic.Name), true
		}
		if p == nil || p.log == nil {
			p = n.open(tp, topic.ID, n.place(part, mine), s)
		}
		if p.log != nil {
			p.assign(part, s)
		}
	}
}

// dirOf is the directory that the controller assigned to a replica, zero if it leaves the choice to us. Ids whose first half is zero and whose second is below
// 100 are reserved: unassigned, lost, migrating (KIP-858).
func dirOf(part *metadata.Partition, replica int) record.UUID {
	if replica >= len(part.Dirs) {
		return record.UUID{}
	}
	dir := part.Dirs[replica]
	low := dir
	low[15] = 0
	if low.IsZero() && dir[15] < 100 {
		return record.UUID{}
	}
	return dir
}

// place is the directory in which a replica is made, zero: any. A follower's that no longer exists, because it was replaced, does not bind: what was in it
// comes from the leader. Who leads has nobody to get it from, and is not made to lead an empty log; and a directory that is out of service may come back.
func (n *Node) place(part *metadata.Partition, replica int) record.UUID {
	dir := dirOf(part, replica)
	if dir.IsZero() || part.Leader == n.cfg.NodeID {
		return dir
	}
	for _, d := range n.cfg.Store.Places() {
		if d.ID == dir || d.Offline != nil {
			return dir
		}
	}
	return record.UUID{}
}

// open opens or creates the log of a partition and enters it in the table. If that fails, the partition is there without a log and says why.
func (n *Node) open(tp record.TopicPartition, topicID, dir record.UUID, s topicSettings) *Partition {
	p := newPartition(n, tp, topicID)
	err := n.mayBeElsewhere(tp, topicID)
	var log *storage.Log
	if err == nil {
		log, err = n.cfg.Store.Create(tp, topicID, dir)
	}
	if err != nil {
		n.tellUnopened(tp, err)
		p.failed = err
	} else {
		log.Configure(s.log)
		p.log = log
	}
	n.table.put(p)
	return p
}

// mayBeElsewhere refuses to make an empty log for a partition that is older than the newest image, while a directory is out of service: that is
// where its records probably are, and offsets would begin at 0 a second time.
func (n *Node) mayBeElsewhere(tp record.TopicPartition, topicID record.UUID) error {
	if before := n.image.Load(); before != nil && registration(before, topicID, tp.Partition) == nil {
		return nil
	}
	if _, found := n.cfg.Store.Log(tp); found || n.cfg.Store.Broken(tp) != nil {
		return nil //nolint:nilerr // where it is, is known: Create tells what is wrong with it
	}
	for _, d := range n.cfg.Store.Places() {
		if d.Offline != nil {
			return fmt.Errorf("%s: its log is not in the directories that work, and %s does not: repair it or take it out of log.dirs, and start again: %w: %w",
				tp, d.Path, storage.ErrDisk, d.Offline)
		}
	}
	return nil
}

// configure hands a topic's changed configuration to its partitions here.
func (n *Node) configure(image *metadata.Image, topic *metadata.Topic) {
	var s topicSettings
	known := false
	for i := range topic.Partitions {
		p := n.table.find(record.TopicPartition{Topic: topic.Name, Partition: int32(i)})
		if p == nil {
			continue
		}
		if !known {
			s, known = n.settings(image, topic.Name), true
		}
		p.configure(s)
	}
}

// delete ends the partition and removes its log: its topic is gone, or its replica here is, and who waits is told which.
func (n *Node) delete(image *metadata.Image, p *Partition) {
	reason := fmt.Errorf("%s: deleted: %w", p.tp, ErrUnknownPartition)
	if registration(image, p.topicID, p.tp.Partition) != nil {
		reason = fmt.Errorf("%s: node %d has no replica any more: %w", p.tp, n.cfg.NodeID, ErrNotLeader)
	}
	p.fail(reason)
	n.table.remove(p)
	if p.log == nil {
		return
	}
	p.role.Lock() // appends under way end first
	defer p.role.Unlock()
	if err := n.cfg.Store.DropFuture(p.tp); err != nil {
		n.cfg.Logger.Warn("future log of a deleted partition stays on disk", "topic", p.tp.Topic, "partition", p.tp.Partition, "err", err)
	}
	if err := n.cfg.Store.Delete(p.tp); err != nil {
		n.cfg.Logger.Error("log of a deleted partition stays on disk", "topic", p.tp.Topic, "partition", p.tp.Partition, "err", err)
	}
}
