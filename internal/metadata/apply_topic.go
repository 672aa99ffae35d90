package metadata

import (
	"fmt"
	"slices"

	"leat/internal/record"
)

func (d *Delta) createTopic(r *TopicRecord) error {
	if t, ok := d.im.Topic(r.Name); ok {
		return fmt.Errorf("topic %s exists with id %s", r.Name, t.ID)
	}
	if t, ok := d.im.TopicByID(r.TopicID); ok {
		return fmt.Errorf("topic %s has the id %s already", t.Name, t.ID)
	}
	t := &Topic{Name: r.Name, ID: r.TopicID}
	d.owned[t] = struct{}{}
	d.putTopic(nil, t)
	return nil
}

// putTopic enters a topic in the place of old, which is nil for a new one.
func (d *Delta) putTopic(old, t *Topic) {
	d.im.topics.Set(t.Name, t)
	hash := idHash(t.ID)
	bucket, _ := d.im.topicIDs.Get(hash)
	d.im.topicIDs.Set(hash, append(slices.DeleteFunc(slices.Clone(bucket), func(b *Topic) bool { return b == old }), t))
	d.topics[t.ID] = struct{}{}
}

func (d *Delta) removeTopic(id record.UUID) error {
	t, ok := d.im.TopicByID(id)
	if !ok {
		return fmt.Errorf("no topic has the id %s", id)
	}
	d.im.topics.Delete(t.Name)
	hash := idHash(id)
	bucket, _ := d.im.topicIDs.Get(hash)
	if rest := slices.DeleteFunc(slices.Clone(bucket), func(b *Topic) bool { return b == t }); len(rest) > 0 {
		d.im.topicIDs.Set(hash, rest)
	} else {
		d.im.topicIDs.Delete(hash)
	}
	d.im.partitions -= len(t.Partitions)
	delete(d.topics, id)
	delete(d.early, id)
	if was, ok := d.base.TopicByID(id); ok {
		d.deleted[id] = was
	}
	d.dropConfigs(TopicResource, t.Name)
	return nil
}

// ownTopic returns the topic as a copy that the delta may change in place.
func (d *Delta) ownTopic(id record.UUID) (*Topic, error) {
	t, ok := d.im.TopicByID(id)
	if !ok {
		return nil, fmt.Errorf("no topic has the id %s", id)
	}
	if _, own := d.owned[t]; own {
		return t, nil
	}
	next := *t
	next.Partitions = slices.Clone(t.Partitions)
	d.owned[&next] = struct{}{}
	d.putTopic(t, &next)
	return &next, nil
}

func (d *Delta) createPartition(r *PartitionRecord) error {
	t, err := d.ownTopic(r.TopicID)
	if err != nil {
		return err
	}
	p := &Partition{
		Replicas: r.Replicas, ISR: r.ISR, Removing: r.RemovingReplicas, Adding: r.AddingReplicas,
		ELR: r.EligibleLeaderReplicas, LastKnownELR: r.LastKnownELR,
		Leader: r.Leader, LeaderEpoch: r.LeaderEpoch, PartitionEpoch: r.PartitionEpoch, LeaderRecovering: r.LeaderRecoveryState == 1,
	}
	if p.Dirs, err = checkDirs(r.Directories, r.Replicas); err != nil {
		return fmt.Errorf("%s-%d: %w", t.Name, r.PartitionID, err)
	}
	switch n := int32(len(t.Partitions)); {
	case r.PartitionID < 0:
		return fmt.Errorf("%s: partition number %d", t.Name, r.PartitionID)
	case r.PartitionID < n: // a log may create a partition again, as it then is
		t.Partitions[r.PartitionID] = p
	case r.PartitionID == n:
		d.appendPartition(t, p)
	default:
		if d.early == nil {
			d.early = map[record.UUID]map[int32]*Partition{}
		}
		if d.early[t.ID] == nil {
			d.early[t.ID] = map[int32]*Partition{}
		}
		d.early[t.ID][r.PartitionID] = p
	}
	return nil
}

// appendPartition adds the next partition, and those that came too early and follow it now.
func (d *Delta) appendPartition(t *Topic, p *Partition) {
	for ok := true; ok; {
		t.Partitions = append(t.Partitions, p)
		d.im.partitions++
		n := int32(len(t.Partitions))
		p, ok = d.early[t.ID][n]
		delete(d.early[t.ID], n)
	}
}

func (d *Delta) changePartition(r *PartitionChangeRecord) error {
	t, err := d.ownTopic(r.TopicID)
	if err != nil {
		return err
	}
	if r.PartitionID < 0 || int(r.PartitionID) >= len(t.Partitions) {
		return fmt.Errorf("%s-%d does not exist", t.Name, r.PartitionID)
	}
	next, err := t.Partitions[r.PartitionID].Change(r)
	if err != nil {
		return fmt.Errorf("%s-%d: %w", t.Name, r.PartitionID, err)
	}
	t.Partitions[r.PartitionID] = next
	return nil
}

// Change returns the partition as a change record leaves it: every change raises the partition epoch, and one that names a leader (even
// the same) raises the leader epoch.
func (p *Partition) Change(r *PartitionChangeRecord) (*Partition, error) {
	next := *p
	next.PartitionEpoch++
	if r.Leader != NoLeaderChange {
		next.Leader = r.Leader
		next.LeaderEpoch++
	}
	if r.Replicas != nil {
		next.Replicas = r.Replicas
		next.Dirs = make([]record.UUID, len(r.Replicas))
		for i, id := range r.Replicas {
			next.Dirs[i] = DirUnassigned
			if slices.Contains(p.Replicas, id) {
				next.Dirs[i] = p.DirOf(id)
			}
		}
	}
	if len(r.Directories) > 0 {
		dirs, err := checkDirs(r.Directories, next.Replicas)
		if err != nil {
			return nil, err
		}
		next.Dirs = dirs
	}
	if r.LeaderRecoveryState != NoRecoveryChange {
		next.LeaderRecovering = r.LeaderRecoveryState == 1
	}
	for _, f := range []struct {
		to   *[]int32
		from []int32
	}{
		{&next.ISR, r.ISR}, {&next.Removing, r.RemovingReplicas}, {&next.Adding, r.AddingReplicas},
		{&next.ELR, r.EligibleLeaderReplicas}, {&next.LastKnownELR, r.LastKnownELR},
	} {
		if f.from != nil {
			*f.to = f.from
		}
	}
	return &next, nil
}

// clearELR empties the eligible leader replicas of one topic, or of all if name is empty.
func (d *Delta) clearELR(name string) error {
	if name == "" {
		var all []record.UUID
		for t := range d.im.Topics("") {
			all = append(all, t.ID)
		}
		for _, id := range all {
			if err := d.clearTopicELR(id); err != nil {
				return err
			}
		}
		return nil
	}
	t, ok := d.im.Topic(name)
	if !ok {
		return fmt.Errorf("topic %s does not exist", name)
	}
	return d.clearTopicELR(t.ID)
}

func (d *Delta) clearTopicELR(id record.UUID) error {
	t, ok := d.im.TopicByID(id)
	if !ok || !slices.ContainsFunc(t.Partitions, hasELR) {
		return nil
	}
	t, err := d.ownTopic(id)
	if err != nil {
		return err
	}
	for i, p := range t.Partitions {
		if hasELR(p) {
			next := *p
			next.ELR, next.LastKnownELR = nil, nil
			t.Partitions[i] = &next
		}
	}
	return nil
}

func hasELR(p *Partition) bool { return len(p.ELR) > 0 || len(p.LastKnownELR) > 0 }
