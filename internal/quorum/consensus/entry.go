package consensus

import (
	"fmt"

	pb "go.etcd.io/raft/v3/raftpb"

	"leat/internal/record"
)

// Kind is what an entry holds.
type Kind uint8

// The kinds.
const (
	Batches       Kind = iota // record batches, or nothing
	MembersChange             // a change of the members
)

// Entry is what is agreed on as one. Data is not modified after it was handed over, by whomever.
type Entry struct {
	Index uint64
	Epoch int32
	Kind  Kind
	Data  []byte
}

// Position is a place between two entries: behind the one with the index and epoch, where the metadata log ends at the offset.
type Position struct {
	Index  uint64
	Epoch  int32
	Offset int64
}

func (e Entry) raft() *pb.Entry {
	kind := pb.EntryNormal
	if e.Kind == MembersChange {
		kind = pb.EntryConfChange
	}
	return &pb.Entry{Index: new(e.Index), Term: new(uint64(e.Epoch)), Type: kind.Enum(), Data: e.Data}
}

func fromRaft(e *pb.Entry) (Entry, error) {
	out := Entry{Index: e.GetIndex(), Epoch: int32(e.GetTerm()), Data: e.GetData()}
	switch e.GetType() {
	case pb.EntryNormal:
	case pb.EntryConfChange:
		out.Kind = MembersChange
	default:
		return out, fmt.Errorf("entry %d of type %d: %w", out.Index, e.GetType(), ErrMalformed)
	}
	if e.GetTerm() > maxEpoch {
		return out, fmt.Errorf("entry %d of epoch %d: %w", out.Index, e.GetTerm(), ErrMalformed)
	}
	return out, nil
}

const maxEpoch = 1<<31 - 1

// Batches are the record batches that an entry leaves in the metadata log.
func (e Entry) Batches() ([]byte, error) {
	if e.Kind == Batches {
		return e.Data, nil
	}
	c, _, err := readChange(e.Data)
	return c.batches, err
}

// End is the offset behind an entry that begins at offset. It checks that the entry's batches are whole, of its epoch, and continue each
// other; from -1, the first may begin anywhere.
func (e Entry) End(offset int64) (int64, error) { return e.end(offset, record.Batch.Check) }

func (e Entry) end(offset int64, check func(record.Batch) error) (int64, error) {
	batches, err := e.Batches()
	if err != nil {
		return 0, err
	}
	for len(batches) > 0 {
		b, rest, err := record.Split(batches)
		if err == nil {
			err = check(b)
		}
		switch {
		case err != nil:
			return 0, fmt.Errorf("entry %d: %w: %w", e.Index, ErrMalformed, err)
		case offset >= 0 && b.BaseOffset() != offset, b.LastOffset() < b.BaseOffset(), b.LeaderEpoch() != e.Epoch:
			return 0, fmt.Errorf("entry %d: batch at offset %d of epoch %d where offset %d of epoch %d goes on: %w",
				e.Index, b.BaseOffset(), b.LeaderEpoch(), offset, e.Epoch, ErrMalformed)
		}
		offset, batches = b.NextOffset(), rest
	}
	return offset, nil
}

// stamp gives batches their offsets and epoch, which lie outside their checksums, and returns the offset behind them.
func stamp(batches []byte, offset int64, epoch int32) (int64, error) {
	for len(batches) > 0 {
		b, rest, err := record.Split(batches)
		if err != nil {
			return 0, err
		}
		b.SetBaseOffset(offset)
		b.SetLeaderEpoch(epoch)
		offset, batches = b.NextOffset(), rest
	}
	return offset, nil
}
