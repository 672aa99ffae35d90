package replication

import (
	"maps"
	"slices"
	"time"

	"leat/internal/record"
	"leat/internal/storage"
)

// reopenEvery is how often partitions are tried again for whose files the disk had no room.
const reopenEvery = 10 * time.Second

// reopen is the topics with partitions that the disk had no room for. There is one timer for all of them, and none while there are none.
type reopen struct {
	topics map[string]bool
	timer  *time.Timer
	closed bool
	again  bool // a try is under way that is not the first
}

// tellUnopened logs why a partition cannot be opened, and sees that it is tried again if that may help. n.publish is held.
func (n *Node) tellUnopened(tp record.TopicPartition, err error) {
	r := &n.reopen
	if !r.again || !storage.IsFull(err) { // once is enough: the store goes on telling that the directory is full
		n.cfg.Logger.Error("partition cannot be opened", "topic", tp.Topic, "partition", tp.Partition, "err", err)
	}
	if !storage.IsFull(err) || r.closed {
		return
	}
	if r.topics == nil {
		r.topics = map[string]bool{}
	}
	if len(r.topics) == 0 {
		r.timer = time.AfterFunc(reopenEvery, n.tryAgain)
	}
	r.topics[tp.Topic] = true
}

// tryAgain opens what could not be opened before. What still cannot waits for the next time.
func (n *Node) tryAgain() {
	n.publish.Lock()
	defer n.publish.Unlock()
	r := &n.reopen
	topics, image := slices.Sorted(maps.Keys(r.topics)), n.image.Load()
	clear(r.topics)
	if r.closed || image == nil {
		return
	}
	r.again = true
	defer func() { r.again = false }()
	for _, name := range topics {
		if topic, ok := image.Topic(name); ok {
			n.publishTopic(image, topic)
		}
		if !r.topics[name] {
			n.cfg.Logger.Info("there is room again for the partitions of a topic", "topic", name)
		}
	}
}

// stopReopening waits for a try under way, and lets none begin.
func (n *Node) stopReopening() {
	n.publish.Lock()
	defer n.publish.Unlock()
	n.reopen.closed = true
	if n.reopen.timer != nil {
		n.reopen.timer.Stop()
	}
}
