package group

import (
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// committer is who commits, as its request says.
type committer struct {
	group      string
	memberID   string
	instanceID *string
	generation int32
	txn        bool
	version    int16
	partitions func() []record.TopicPartition
}

// checkCommit decides whether the group takes offsets from the committer, and prolongs its session.
func (m *Machine) checkCommit(c committer) int16 {
	if len(c.group) > maxString {
		return kerr.InvalidGroupID.Code
	}
	if d := m.owner(c.group); d != nil {
		code := d.kind.CheckCommit(d, kind.Commit{
			Group: c.group, MemberID: c.memberID, InstanceID: c.instanceID, Epoch: c.generation, Transactional: c.txn, Version: c.version, Partitions: c.partitions(),
		})
		if c.txn && code == kerr.StaleMemberEpoch.Code { // which producers do not know
			code = kerr.IllegalGeneration.Code
		}
		return code
	}
	anonymous := c.generation < 0 && c.memberID == "" && c.instanceID == nil
	g := m.live[c.group]
	if g == nil { // no members: either somebody who uses no membership, or somebody of a past generation
		switch {
		case c.generation < 0:
			return 0
		case !m.exists(c.group):
			if c.version >= 9 && !c.txn {
				return kerr.GroupIDNotFound.Code
			}
			return kerr.IllegalGeneration.Code
		}
		return codeUnknownMember
	}
	if c.generation < 0 && g.state == Empty {
		return 0
	}
	if anonymous {
		if c.txn {
			return 0
		}
		return codeUnknownMember
	}
	p, code := g.validate(c.memberID, c.instanceID)
	switch {
	case code != 0:
		return code
	case c.generation != g.generation:
		return kerr.IllegalGeneration.Code
	case !c.txn && g.state == CompletingRebalance:
		return codeRebalancing
	}
	if !c.txn {
		m.startSession(g, p, p.sessionTimeout)
	}
	return 0
}

// commitOffsets stores offsets.
func (m *Machine) commitOffsets(rq *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	code := m.checkCommit(committer{group: rq.Group, memberID: rq.MemberID, instanceID: rq.InstanceID, generation: rq.Generation, version: rq.Version,
		partitions: func() []record.TopicPartition { return committedPartitions(rq) }})
	expires := int64(-1)
	if rq.RetentionTimeMillis >= 0 {
		expires = m.now.UnixMilli() + rq.RetentionTimeMillis
	}
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.Topics = make([]kmsg.OffsetCommitResponseTopic, len(rq.Topics))
	for i := range rq.Topics {
		t, rt := &rq.Topics[i], &resp.Topics[i]
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		rt.Partitions = make([]kmsg.OffsetCommitResponseTopicPartition, len(t.Partitions))
		for j := range t.Partitions {
			p, rp := &t.Partitions[j], &rt.Partitions[j]
			rp.Partition, rp.ErrorCode = p.Partition, code
			if code != 0 {
				continue
			}
			if m.tooLong(p.Metadata) {
				rp.ErrorCode = kerr.OffsetMetadataTooLarge.Code
				continue
			}
			m.write(&OffsetRecord{Group: rq.Group, Topic: t.Topic, Partition: p.Partition, Offset: &Offset{
				Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: text(p.Metadata),
				CommitTimestamp: m.now.UnixMilli(), ExpireTimestamp: expires, TopicID: record.UUID(t.TopicID),
			}})
		}
	}
	return resp
}

// committedPartitions lists what a request commits.
func committedPartitions(rq *kmsg.OffsetCommitRequest) []record.TopicPartition {
	var all []record.TopicPartition
	for i := range rq.Topics {
		for j := range rq.Topics[i].Partitions {
			all = append(all, record.TopicPartition{Topic: rq.Topics[i].Topic, Partition: rq.Topics[i].Partitions[j].Partition})
		}
	}
	return all
}

// txnPartitions lists what a request of a transaction commits.
func txnPartitions(rq *kmsg.TxnOffsetCommitRequest) []record.TopicPartition {
	var all []record.TopicPartition
	for i := range rq.Topics {
		for j := range rq.Topics[i].Partitions {
			all = append(all, record.TopicPartition{Topic: rq.Topics[i].Topic, Partition: rq.Topics[i].Partitions[j].Partition})
		}
	}
	return all
}

// tooLong applies offset.metadata.max.bytes, which Kafka counts in UTF-16 units.
func (m *Machine) tooLong(s *string) bool {
	most := m.set.OffsetMetadataMaxBytes
	if s == nil || len(*s) <= most {
		return false
	}
	units := 0
	for _, r := range *s {
		if units++; r > 0xffff && r != utf8.RuneError {
			units++
		}
	}
	return units > most || len(*s) > maxString
}

// commitTxnOffsets stores offsets that count when the producer's transaction is committed.
func (m *Machine) commitTxnOffsets(rq *kmsg.TxnOffsetCommitRequest, leave any) *kmsg.TxnOffsetCommitResponse {
	code := m.checkCommit(committer{
		group: rq.Group, memberID: rq.MemberID, instanceID: rq.InstanceID, generation: rq.Generation, txn: true, version: rq.Version,
		partitions: func() []record.TopicPartition { return txnPartitions(rq) },
	})
	resp := kmsg.NewPtrTxnOffsetCommitResponse()
	for i := range rq.Topics {
		t := &rq.Topics[i]
		rt := kmsg.NewTxnOffsetCommitResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for j := range t.Partitions {
			p := &t.Partitions[j]
			rp := kmsg.NewTxnOffsetCommitResponseTopicPartition()
			rp.Partition, rp.ErrorCode = p.Partition, code
			if code == 0 && m.tooLong(p.Metadata) {
				rp.ErrorCode = kerr.OffsetMetadataTooLarge.Code
			}
			if rp.ErrorCode == 0 {
				m.write(&OffsetRecord{Group: rq.Group, Topic: t.Topic, Partition: p.Partition, Offset: &Offset{
					Offset: p.Offset, LeaderEpoch: p.LeaderEpoch, Metadata: text(p.Metadata),
					CommitTimestamp: m.now.UnixMilli(), ExpireTimestamp: -1, TopicID: record.UUID(t.TopicID),
				}})
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if len(m.out.Records) > 0 {
		m.out.Transactional, m.out.Leave = &machine.Producer{ID: rq.ProducerID, Epoch: rq.ProducerEpoch}, leave
	}
	return resp
}
