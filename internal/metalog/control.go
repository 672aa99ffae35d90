package metalog

import (
	"encoding/binary"

	"leat/internal/record"
)

// controlKey is the key of a control record: version 0, and its type.
func controlKey(t record.ControlType) []byte {
	return binary.BigEndian.AppendUint16([]byte{0, 0}, uint16(t))
}

// LeaderChange is the value of a leader change record, version 0: the leader, the voters, and who voted for it. Structs and arrays are
// flexible, so lengths count one more and each struct ends with a zero for its tagged fields.
func LeaderChange(leader int32, voters []int32) []byte {
	v := binary.BigEndian.AppendUint32([]byte{0, 0}, uint32(leader))
	for range 2 { // voters, then granting voters
		v = binary.AppendUvarint(v, uint64(len(voters)+1))
		for _, id := range voters {
			v = append(binary.BigEndian.AppendUint32(v, uint32(id)), 0)
		}
	}
	return append(v, 0)
}

// snapshotHeader is the value of the first record of a checkpoint: when the last record in it was written.
func snapshotHeader(lastTimestamp int64) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{0, 0}, uint64(lastTimestamp)), 0)
}

// snapshotFooter is the value of the last record of a checkpoint; without it the file is not whole.
var snapshotFooter = []byte{0, 0, 0}

// AppendControl appends a batch with one control record.
func AppendControl(dst []byte, at Stamp, t record.ControlType, value []byte) ([]byte, error) {
	spec := record.NewSpec()
	spec.BaseOffset, spec.LeaderEpoch, spec.Control = at.Offset, at.Epoch, true
	return record.AppendBatch(dst, spec, []record.Record{{Offset: at.Offset, Timestamp: at.Timestamp, Key: controlKey(t), Value: value}})
}

// Stamp is what a batch is written with: the offset of its first record, the leader epoch, and the time of its records.
type Stamp struct {
	Offset    int64
	Epoch     int32
	Timestamp int64 // ms
}
