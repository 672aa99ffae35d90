package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

const (
	version     = 1
	magic       = "leatqjnl"
	headerFixed = len(magic) + 2 + 4 + 4
	groupMagic  = "\xb7LQG"
	groupHeader = 24
	trailer     = 0x55
	sector      = 512

	ballotRecord = 1
	entryRecord  = 2
	forgotRecord = 3 // a ballot of a voter that does not know what it has promised

	maxGroup = 1 << 30
)

// ErrCorrupt is a journal whose bytes are not what was written.
var ErrCorrupt = errors.New("journal is damaged")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli) }

// Owner is whose journal it is.
type Owner struct {
	ClusterID record.UUID
	Replica   consensus.Replica
}

func formatHeader(o Owner, s consensus.State) []byte {
	body := append([]byte(nil), o.ClusterID[:]...)
	body = binary.BigEndian.AppendUint32(body, uint32(o.Replica.ID))
	body = append(body, o.Replica.DirID[:]...)
	body = binary.BigEndian.AppendUint64(body, s.Base.Index)
	body = binary.BigEndian.AppendUint32(body, uint32(s.Base.Epoch))
	body = binary.BigEndian.AppendUint64(body, uint64(s.Base.Offset))
	body = s.Members.Append(body)
	out := binary.BigEndian.AppendUint16([]byte(magic), version)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)))
	out = binary.BigEndian.AppendUint32(out, checksum(body))
	return append(out, body...)
}

const ownerBytes, baseBytes = 16 + 20, 20

// readHeader returns what the header says and the bytes behind it.
func readHeader(b []byte) (o Owner, s consensus.State, rest []byte, err error) {
	if len(b) < headerFixed || string(b[:len(magic)]) != magic {
		return o, s, nil, fmt.Errorf("%w: it does not begin as a journal does", ErrCorrupt)
	}
	b = b[len(magic):]
	if v := binary.BigEndian.Uint16(b); v != version {
		if v > version {
			return o, s, nil, fmt.Errorf("version %d: %w", v, consensus.ErrNewer)
		}
		return o, s, nil, fmt.Errorf("%w: version %d", ErrCorrupt, v)
	}
	size, sum := int64(binary.BigEndian.Uint32(b[2:])), binary.BigEndian.Uint32(b[6:])
	b = b[10:]
	if size > int64(len(b)) || size < ownerBytes+baseBytes || checksum(b[:size]) != sum {
		return o, s, nil, fmt.Errorf("%w: the header's CRC does not fit", ErrCorrupt)
	}
	body, rest := b[:size], b[size:]
	copy(o.ClusterID[:], body)
	o.Replica.ID = int32(binary.BigEndian.Uint32(body[16:]))
	copy(o.Replica.DirID[:], body[20:])
	body = body[ownerBytes:]
	s.Base = consensus.Position{Index: binary.BigEndian.Uint64(body), Epoch: int32(binary.BigEndian.Uint32(body[8:])),
		Offset: int64(binary.BigEndian.Uint64(body[12:]))}
	if s.Members, err = consensus.ReadMembers(body[baseBytes:]); err != nil {
		return o, s, nil, err
	}
	return o, s, rest, nil
}

// appendGroup appends a group to dst.
func appendGroup(dst []byte, number uint64, ballot *consensus.Ballot, entries []consensus.Entry) []byte {
	at := len(dst)
	dst = append(dst, make([]byte, groupHeader)...)
	if ballot != nil {
		dst = appendBallot(dst, ballot)
	}
	for _, e := range entries {
		dst = binary.BigEndian.AppendUint64(append(dst, entryRecord), e.Index)
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(e.Epoch)), byte(e.Kind))
		dst = append(binary.BigEndian.AppendUint32(dst, uint32(len(e.Data))), e.Data...)
	}
	h, content := dst[at:at+groupHeader], dst[at+groupHeader:]
	copy(h, groupMagic)
	binary.BigEndian.PutUint32(h[4:], uint32(len(content)))
	binary.BigEndian.PutUint64(h[8:], number)
	binary.BigEndian.PutUint32(h[16:], checksum(h[:16]))
	binary.BigEndian.PutUint32(h[20:], checksum(content))
	return append(dst, trailer)
}

func appendBallot(dst []byte, b *consensus.Ballot) []byte {
	if b.Forgot > 0 {
		dst = binary.BigEndian.AppendUint32(append(dst, forgotRecord), uint32(b.Forgot))
	} else {
		dst = append(dst, ballotRecord)
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(b.Epoch))
	dst = binary.BigEndian.AppendUint64(dst, b.Vote)
	return binary.BigEndian.AppendUint64(dst, b.Commit)
}

func readBallot(b []byte) consensus.Ballot {
	return consensus.Ballot{Epoch: int32(binary.BigEndian.Uint32(b)), Vote: binary.BigEndian.Uint64(b[4:]), Commit: binary.BigEndian.Uint64(b[12:])}
}

// splitGroup takes the group with the number from the front of b; ok is false if there is none.
func splitGroup(b []byte, number uint64) (content, rest []byte, ok bool) {
	if len(b) < groupHeader+1 || string(b[:4]) != groupMagic || checksum(b[:16]) != binary.BigEndian.Uint32(b[16:]) {
		return nil, nil, false
	}
	size := int64(binary.BigEndian.Uint32(b[4:]))
	if binary.BigEndian.Uint64(b[8:]) != number || groupHeader+size+1 > int64(len(b)) {
		return nil, nil, false
	}
	content, rest = b[groupHeader:groupHeader+size], b[groupHeader+size+1:]
	return content, rest, checksum(content) == binary.BigEndian.Uint32(b[20:]) && b[groupHeader+size] == trailer
}

// torn tells whether what begins at a position of the file, and is no group, can be what a loss of power left of the last one.
func torn(file []byte, from int64, number uint64) bool {
	b := file[from:]
	for rest := b[min(1, len(b)):]; ; rest = rest[1:] {
		i := bytes.Index(rest, []byte(groupMagic))
		if i < 0 {
			break
		}
		rest = rest[i:]
		if len(rest) < groupHeader {
			break
		}
		if later := binary.BigEndian.Uint64(rest[8:]); later > number && later < number+1<<32 {
			if _, _, ok := splitGroup(rest, later); ok {
				return false
			}
		}
	}
	size := int64(groupHeader)
	if len(b) >= groupHeader && string(b[:4]) == groupMagic && checksum(b[:16]) == binary.BigEndian.Uint32(b[16:]) {
		size = groupHeader + int64(binary.BigEndian.Uint32(b[4:])) + 1
	}
	if size > int64(len(b)) {
		return true
	}
	for at := from; at < int64(len(file)); {
		end := min((at/sector+1)*sector, int64(len(file)))
		if len(bytes.Trim(file[at:end], "\x00")) == 0 {
			return true
		}
		at = end
	}
	return false
}

// replay adds what a group says to the state.
func replay(s *consensus.State, content []byte) error {
	bad := fmt.Errorf("%w: a group whose CRC fits cannot be read", ErrCorrupt)
	for len(content) > 0 {
		kind, b := content[0], content[1:]
		switch {
		case kind == ballotRecord && len(b) >= 20:
			s.Ballot = readBallot(b)
			content = b[20:]
		case kind == forgotRecord && len(b) >= 24:
			s.Ballot = readBallot(b[4:])
			s.Ballot.Forgot = int32(binary.BigEndian.Uint32(b))
			content = b[24:]
		case kind == entryRecord && len(b) >= 17:
			size := int64(binary.BigEndian.Uint32(b[13:]))
			if 17+size > int64(len(b)) {
				return bad
			}
			e := consensus.Entry{Index: binary.BigEndian.Uint64(b), Epoch: int32(binary.BigEndian.Uint32(b[8:])),
				Kind: consensus.Kind(b[12]), Data: b[17 : 17+size : 17+size]}
			if err := place(s, e); err != nil {
				return err
			}
			content = b[17+size:]
		default:
			return bad
		}
	}
	return nil
}

// place puts an entry behind those below its index.
func place(s *consensus.State, e consensus.Entry) error {
	last := s.Base.Index + uint64(len(s.Entries))
	if e.Index <= s.Base.Index || e.Index > last+1 {
		return fmt.Errorf("%w: entry %d after entry %d, base %d", ErrCorrupt, e.Index, last, s.Base.Index)
	}
	s.Entries = append(s.Entries[:e.Index-s.Base.Index-1], e)
	return nil
}
