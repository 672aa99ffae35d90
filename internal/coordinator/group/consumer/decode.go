package consumer

import (
	"fmt"
	"slices"

	"leat/internal/coordinator/field"
	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// names reads the strings of a key.
func names(what string, key []byte, to ...*string) error {
	r := field.Reader{B: key}
	r.Int16()
	for _, name := range to {
		*name = r.String()
	}
	return r.Done(what + " key")
}

// open begins to read a value, which has version 0.
func open(what string, value []byte) (*field.Reader, error) {
	r := &field.Reader{B: value}
	version := r.Int16()
	if r.Err == nil && version != 0 {
		return r, fmt.Errorf("%s value has version %d, not 0", what, version)
	}
	r.Flexible = true
	return r, r.Done(what + " value")
}

func decodeEpoch(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupMetadata"
	rec := &EpochRecord{Gone: value == nil}
	if err := names(what, key, &rec.Group); err != nil || rec.Gone {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	rec.Epoch = r.Int32()
	r.Tags(func(tag int, b []byte) {
		if tag == 0 {
			hash := field.Reader{B: b}
			rec.Hash = hash.Int64()
		}
	})
	return rec, r.Done(what + " value")
}

func decodePartitionMetadata(key, value []byte) (kind.Record, error) {
	rec := &PartitionMetadataRecord{Gone: value == nil}
	return rec, names("ConsumerGroupPartitionMetadata", key, &rec.Group)
}

func decodeMember(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupMemberMetadata"
	rec := &MemberRecord{}
	if err := names(what, key, &rec.Group, &rec.ID); err != nil || value == nil {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	p := &member{id: rec.ID, instanceID: r.Text(), rackID: r.Text(), clientID: r.String(), clientHost: r.String()}
	p.topics = r.Strings()
	slices.Sort(p.topics)
	p.regex, p.rebalanceTimeout, p.assignor = r.Text(), r.Int32(), r.Text()
	r.Tags(func(tag int, b []byte) {
		if tag == 0 && len(b) > 0 && int8(b[0]) > 0 {
			p.classic, err = decodeClassic(b[1:])
		}
	})
	if err != nil {
		return nil, err
	}
	rec.Member = p
	return rec, r.Done(what + " value")
}

func decodeClassic(b []byte) (*classicMember, error) {
	r := &field.Reader{B: b, Flexible: true}
	c := &classicMember{sessionTimeout: r.Int32()}
	for n := r.Array(3); n > 0 && r.Err == nil; n-- {
		c.protocols = append(c.protocols, kind.Protocol{Name: r.String(), Metadata: r.Bytes()})
		r.Tags(nil)
	}
	r.Tags(nil)
	return c, r.Done("classic member metadata")
}

func decodeAssignmentMetadata(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupTargetAssignmentMetadata"
	rec := &AssignmentMetadataRecord{Gone: value == nil}
	if err := names(what, key, &rec.Group); err != nil || rec.Gone {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	rec.Epoch = r.Int32()
	r.Tags(func(tag int, b []byte) {
		if tag == 0 {
			at := field.Reader{B: b}
			rec.Timestamp = at.Int64()
		}
	})
	return rec, r.Done(what + " value")
}

func decodeTarget(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupTargetAssignmentMember"
	rec := &TargetRecord{Gone: value == nil}
	if err := names(what, key, &rec.Group, &rec.ID); err != nil || rec.Gone {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	rec.Target = make(assign.Assignment)
	readTopics(r, func(id record.UUID, ps []int32, _ []int32) {
		if len(ps) > 0 {
			slices.Sort(ps)
			rec.Target[id] = ps
		}
	})
	r.Tags(nil)
	return rec, r.Done(what + " value")
}

func decodeCurrent(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupCurrentMemberAssignment"
	rec := &CurrentRecord{Gone: value == nil}
	if err := names(what, key, &rec.Group, &rec.ID); err != nil || rec.Gone {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	rec.Epoch, rec.PreviousEpoch, rec.State = r.Int32(), r.Int32(), memberState(r.Int8())
	if rec.State != stable && rec.State != unrevoked && rec.State != unreleased {
		rec.State = unknown
	}
	rec.Assigned, rec.Pending = readPartitions(r), readPartitions(r)
	r.Tags(nil)
	return rec, r.Done(what + " value")
}

// readPartitions reads what a member owns. Without epochs each was got at 0, which is before any.
func readPartitions(r *field.Reader) partitions {
	all := make(partitions)
	readTopics(r, func(id record.UUID, ps, since []int32) {
		for i, p := range ps {
			if all[id] == nil {
				all[id] = make(map[int32]int32, len(ps))
			}
			if i < len(since) {
				all[id][p] = since[i]
			} else {
				all[id][p] = 0
			}
		}
	})
	return all
}

func decodeRegex(key, value []byte) (kind.Record, error) {
	const what = "ConsumerGroupRegularExpression"
	rec := &RegexRecord{Gone: value == nil}
	if err := names(what, key, &rec.Group, &rec.Regex); err != nil || rec.Gone {
		return rec, err
	}
	r, err := open(what, value)
	if err != nil {
		return nil, err
	}
	rec.Topics = r.Strings()
	slices.Sort(rec.Topics)
	rec.Version, rec.Timestamp = r.Int64(), r.Int64()
	r.Tags(nil)
	return rec, r.Done(what + " value")
}
