package run

import (
	"slices"
	"time"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Settings are the keys leat.balance.*.
type Settings struct {
	Limits          balance.Limits
	Drain           []int32
	Delay, Interval time.Duration
	Moves           int // at a time
}

// state is the image as a plan is made from it. settled are the partitions that were moved a short time ago.
func state(im *metadata.Image, s *Settings, settled func(record.TopicPartition) bool) balance.State {
	out := balance.State{Limits: s.Limits}
	for _, b := range im.Brokers() {
		out.Brokers = append(out.Brokers, balance.Broker{
			ID: b.ID, Rack: b.Rack, Fenced: !b.Active(), Draining: slices.Contains(s.Drain, b.ID),
			Cordoned: len(b.Dirs) > 0 && len(b.CordonedDirs) >= len(b.Dirs),
		})
	}
	for _, id := range s.Drain {
		if _, ok := im.Broker(id); !ok { // unregistered, and may still be named as a replica
			out.Brokers = append(out.Brokers, balance.Broker{ID: id, Fenced: true, Draining: true})
		}
	}
	out.Partitions = make([]balance.Partition, 0, im.PartitionCount())
	for t := range im.Topics("") {
		for i, p := range t.Partitions {
			out.Partitions = append(out.Partitions, balance.Partition{
				Topic: t.Name, Partition: int32(i), Replicas: target(p), ISR: p.ISR, Leader: p.Leader, Moving: moving(p),
				Settled: settled(record.TopicPartition{Topic: t.Name, Partition: int32(i)}),
			})
		}
	}
	return out
}

func moving(p *metadata.Partition) bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// target is the replicas that a partition has when what is under way is done.
func target(p *metadata.Partition) []int32 {
	if len(p.Removing) == 0 {
		return p.Replicas
	}
	return slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Removing, id) })
}

// member is what makes a broker another one for the purposes of balancing.
type member struct {
	id     int32
	epoch  int64
	active bool
	rack   string
}

func members(im *metadata.Image) []member {
	var out []member
	for _, b := range im.Brokers() {
		out = append(out, member{b.ID, b.Epoch, b.Active(), b.Rack})
	}
	return out
}

// at finds a partition, nil if it is gone.
func at(im *metadata.Image, tp record.TopicPartition) *metadata.Partition {
	t, ok := im.Topic(tp.Topic)
	if !ok || int(tp.Partition) >= len(t.Partitions) {
		return nil
	}
	return t.Partitions[tp.Partition]
}
