package consensus

import (
	"encoding/binary"
	"fmt"
	"time"

	"leat/internal/record"
)

// controlBatch is a batch of control records, with offsets and epoch still to be given. Keys are version 0 and the type; values begin with
// their version and are flexible: lengths count one more, and structs end with their tagged fields, of which there are none.
func controlBatch(now time.Time, records ...record.Record) []byte {
	spec := record.NewSpec()
	spec.Control = true
	for i := range records {
		records[i].Offset, records[i].Timestamp = int64(i), now.UnixMilli()
	}
	b, err := record.AppendBatch(nil, spec, records)
	if err != nil {
		panic("control batch: " + err.Error()) // nothing in it comes from outside
	}
	return b
}

func controlRecord(t record.ControlType, value []byte) record.Record {
	return record.Record{Key: binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(t)), Value: value}
}

// leaderChange is the record that begins an epoch: who leads, who votes, and who is known to have voted for the leader. Who did is not
// remembered here, so it is the leader itself. The message has a version 1, with directories, but Kafka 4.4 writes and reads version 0 always:
// its brokers and kafka-dump-log fail on anything else.
func leaderChange(leader Replica, m Members) record.Record {
	v := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(leader.ID))
	var all []Replica
	for _, x := range m.Voters() {
		all = append(all, x.Replica)
	}
	for _, list := range [][]Replica{all, {leader}} {
		v = binary.AppendUvarint(v, uint64(len(list)+1))
		for _, r := range list {
			v = append(binary.BigEndian.AppendUint32(v, uint32(r.ID)), 0)
		}
	}
	return controlRecord(record.ControlLeaderChange, append(v, 0))
}

// VotersRecords are the control records that say in the log, or at the head of a checkpoint, who votes: none while voters are static.
func VotersRecords(m Members) []record.Record {
	if m.KRaftVersion == 0 {
		return nil
	}
	version := binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(m.KRaftVersion))
	return []record.Record{controlRecord(record.ControlKRaftVersion, append(version, 0)), votersRecord(m)}
}

func votersRecord(m Members) record.Record {
	voters := m.Voters()
	v := binary.AppendUvarint([]byte{0, 0}, uint64(len(voters)+1))
	for _, x := range voters {
		v = append(binary.BigEndian.AppendUint32(v, uint32(x.ID)), x.DirID[:]...)
		v = binary.AppendUvarint(v, uint64(len(x.Endpoints)+1))
		for _, e := range x.Endpoints {
			v = appendFlexible(appendFlexible(v, e.Name), e.Host)
			v = append(binary.BigEndian.AppendUint16(v, e.Port), 0)
		}
		v = binary.BigEndian.AppendUint16(v, uint16(x.MinKRaft))
		v = append(binary.BigEndian.AppendUint16(v, uint16(x.MaxKRaft)), 0, 0) // the feature's tagged fields, then the voter's
	}
	return controlRecord(record.ControlKRaftVoters, append(v, 0))
}

func appendFlexible(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s)+1)), s...)
}

// ReadVoters reads the value of a voters record.
func ReadVoters(value []byte) (Members, error) {
	r := reader{b: value}
	if version := r.u16(); r.err == nil && version != 0 {
		r.err = fmt.Errorf("version %d: %w", version, ErrNewer)
	}
	m := Members{KRaftVersion: 1}
	for range r.flexibleCount(maxMembers) {
		v := Member{Replica: Replica{ID: int32(r.u32())}}
		copy(v.DirID[:], r.take(len(v.DirID)))
		for range r.flexibleCount(maxEndpoints) {
			v.Endpoints = append(v.Endpoints, Endpoint{Name: r.flexibleText(), Host: r.flexibleText(), Port: r.u16()})
			r.noTags()
		}
		v.MinKRaft, v.MaxKRaft = int16(r.u16()), int16(r.u16())
		r.noTags()
		r.noTags()
		m = m.with(v)
	}
	if r.noTags(); r.err != nil {
		return Members{}, fmt.Errorf("voters record: %w", r.err)
	}
	return m, nil
}

// flexibleCount reads a length that counts one more than there is.
func (r *reader) flexibleCount(most int) int { return max(r.count(most+1)-1, 0) }

func (r *reader) flexibleText() string {
	n := r.flexibleCount(maxText)
	if r.err != nil || n == 0 {
		return ""
	}
	return string(r.take(n))
}

// noTags passes over the tagged fields at the end of a struct, of which none is known.
func (r *reader) noTags() {
	for range r.count(maxEndpoints) {
		r.count(1<<31 - 1) // the tag
		r.take(r.count(maxText))
	}
}
