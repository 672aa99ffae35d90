package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// What brokers and people do to the controller of TestPropertyInvariants.

func (w *world) topic() string {
	return fmt.Sprint("topic-", w.between(1, 3))
}

// somePartition draws a partition that exists, if any does.
func (w *world) somePartition() (*metadata.Topic, int32, bool) {
	t, ok := w.m.image().Topic(w.topic())
	if !ok || len(t.Partitions) == 0 {
		return nil, 0, false
	}
	return t, w.between(0, int32(len(t.Partitions)-1)), true
}

func (w *world) ids(least int) []int32 { return some(w, []int32{1, 2, 3, 4}, least) }

func (w *world) register(id int32) {
	b := w.brokers[id]
	r := kmsg.NewPtrBrokerRegistrationRequest()
	r.BrokerID, r.ClusterID, r.PreviousBrokerEpoch = id, clusterID, -1
	if w.oneIn(2) {
		r.PreviousBrokerEpoch = b.epoch
	}
	if b.incarnation == 0 || !w.oneIn(4) {
		w.seq++
		b.incarnation, b.offline, b.cordoned = w.seq, nil, nil
		b.dirs = []record.UUID{{byte(id), 1, 1}}
		if w.oneIn(2) {
			b.dirs = append(b.dirs, record.UUID{byte(id), 1, 2})
		}
	}
	r.IncarnationID = [16]byte{b.incarnation}
	rack := fmt.Sprint("rack-", id%2)
	r.Rack = &rack
	for _, d := range b.dirs {
		r.LogDirs = append(r.LogDirs, d)
	}
	for _, f := range metadata.SupportedFeatures() {
		r.Features = append(r.Features, kmsg.BrokerRegistrationRequestFeature{
			Name: f.Name, MinSupportedVersion: f.Range.Min, MaxSupportedVersion: f.Range.Max})
	}
	w.do(r)
	w.settle()
	if registered, ok := w.m.image().Broker(id); ok && registered.Incarnation == r.IncarnationID {
		b.epoch = registered.Epoch
	}
}

func (w *world) beat(id int32, fence, stop bool) {
	b := w.brokers[id]
	r := kmsg.NewPtrBrokerHeartbeatRequest()
	r.BrokerID, r.BrokerEpoch, r.WantFence, r.WantShutdown = id, b.epoch, fence, stop
	r.CurrentMetadataOffset = int64(len(w.entries))
	if w.oneIn(6) {
		r.CurrentMetadataOffset = 3
	}
	for _, d := range b.offline {
		r.OfflineLogDirs = append(r.OfflineLogDirs, d)
	}
	if b.cordoned != nil {
		r.CordonedLogDirs = [][16]byte{}
	}
	for _, d := range b.cordoned {
		r.CordonedLogDirs = append(r.CordonedLogDirs, d)
	}
	w.do(r)
}

func (w *world) create() {
	r := kmsg.NewPtrCreateTopicsRequest()
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = w.topic(), w.between(1, 4), int16(w.between(1, 4))
	if w.oneIn(2) {
		t.NumPartitions, t.ReplicationFactor = -1, -1
		t.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: w.ids(1)}}
	}
	if w.oneIn(3) {
		yes := "true"
		t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: "unclean.leader.election.enable", Value: &yes})
	}
	r.Topics = append(r.Topics, t)
	w.do(r)
}

// alter is what a leader says of its in-sync set, mostly with the right epochs.
func (w *world) alter() {
	t, i, ok := w.somePartition()
	if !ok {
		return
	}
	p := t.Partitions[i]
	r := kmsg.NewPtrAlterPartitionRequest()
	r.Version, r.BrokerID = 3, p.Leader
	if w.oneIn(10) {
		r.BrokerID = 2
	}
	if b, ok := w.m.image().Broker(r.BrokerID); ok {
		r.BrokerEpoch = b.Epoch
	}
	a := kmsg.NewAlterPartitionRequestTopicPartition()
	a.Partition, a.LeaderEpoch, a.PartitionEpoch = i, p.LeaderEpoch, p.PartitionEpoch
	switch w.between(0, 9) {
	case 0:
		a.LeaderEpoch--
	case 1:
		a.PartitionEpoch++
	}
	if p.LeaderRecovering {
		a.LeaderRecoveryState = int8(w.between(0, 1))
	}
	isr := p.Replicas
	if w.oneIn(2) {
		isr = w.ids(0)
	}
	for _, id := range isr {
		epoch := int64(-1)
		if b, ok := w.m.image().Broker(id); ok && w.oneIn(2) {
			epoch = b.Epoch
		}
		a.NewEpochISR = append(a.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: id, BrokerEpoch: epoch})
	}
	topic := kmsg.NewAlterPartitionRequestTopic()
	topic.TopicID, topic.Partitions = t.ID, []kmsg.AlterPartitionRequestTopicPartition{a}
	if w.oneIn(5) {
		topic.Partitions = append(topic.Partitions, a)
	}
	r.Topics = append(r.Topics, topic)
	w.do(r)
}

func (w *world) reassign() {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.AllowReplicationFactorChange = w.oneIn(2)
	for range w.between(1, 3) {
		t, i, ok := w.somePartition()
		if !ok {
			return
		}
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition = i
		if !w.oneIn(4) {
			p.Replicas = w.ids(1)
		}
		r.Topics = append(r.Topics, kmsg.AlterPartitionAssignmentsRequestTopic{Topic: t.Name,
			Partitions: []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}})
	}
	w.do(r)
	w.do(kmsg.NewPtrListPartitionReassignmentsRequest())
}

func (w *world) elect() {
	r := kmsg.NewPtrElectLeadersRequest()
	r.Version, r.ElectionType = 2, int8(w.between(0, 1))
	if w.oneIn(2) {
		for range w.between(1, 3) {
			topic := kmsg.NewElectLeadersRequestTopic()
			topic.Topic, topic.Partitions = w.topic(), []int32{0, 1, 0}
			r.Topics = append(r.Topics, topic)
		}
	}
	w.do(r)
}

func (w *world) assign(id int32) {
	r := kmsg.NewPtrAssignReplicasToDirsRequest()
	r.BrokerID, r.BrokerEpoch = id, w.brokers[id].epoch
	if len(w.brokers[id].dirs) == 0 {
		return
	}
	for range w.between(1, 3) {
		t, i, ok := w.somePartition()
		if !ok {
			return
		}
		dir := kmsg.NewAssignReplicasToDirsRequestDirectory()
		dir.ID = pick(w, append(slices.Clone(w.brokers[id].dirs), metadata.DirLost, record.UUID{8})...)
		topic := kmsg.NewAssignReplicasToDirsRequestDirectoryTopic()
		topic.TopicID = t.ID
		topic.Partitions = append(topic.Partitions, kmsg.AssignReplicasToDirsRequestDirectoryTopicPartition{Partition: i})
		dir.Topics = append(dir.Topics, topic)
		r.Directories = append(r.Directories, dir)
	}
	w.do(r)
}

func (w *world) loseDir(id int32) {
	b := w.brokers[id]
	if len(b.dirs) > 1 {
		b.offline, b.dirs = append(b.offline, b.dirs[0]), b.dirs[1:]
	}
	w.beat(id, false, false)
}

func (w *world) configure() {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	res := kmsg.NewIncrementalAlterConfigsRequestResource()
	res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeTopic, w.topic()
	what := pick(w, "min.insync.replicas=1", "min.insync.replicas=2", "min.insync.replicas=3",
		"unclean.leader.election.enable=true", "unclean.leader.election.enable=false")
	if w.oneIn(4) {
		res.ResourceType, res.ResourceName = kmsg.ConfigResourceTypeBroker, ""
	}
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	name, value, _ := strings.Cut(what, "=")
	c.Name, c.Value = name, &value
	res.Configs = append(res.Configs, c)
	r.Resources = append(r.Resources, res)
	w.do(r)
}

func (w *world) feature() {
	if !w.toggles {
		return
	}
	r := kmsg.NewPtrUpdateFeaturesRequest()
	r.Version, r.ValidateOnly = 2, w.oneIn(4)
	u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
	u.Feature, u.MaxVersionLevel = metadata.FeatureELRVersion, int16(w.between(0, 1))
	u.UpgradeType = int8(w.between(1, 3))
	r.FeatureUpdates = append(r.FeatureUpdates, u)
	w.do(r)
}
