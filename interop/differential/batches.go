package main

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/zstd"
)

// batch is a record batch to be built; the zero value with records in it is a plain one without a producer.
type batch struct {
	base       int64
	magic      int8
	attributes int16
	codec      int8 // 0 none, 1 gzip, 4 zstd
	first, max int64
	producer   int64
	epoch      int16
	sequence   int32
	records    []row
	count      int32 // what the header claims beyond the real count
	lastDelta  int32 // the same for the last offset delta
	flipCRC    bool
	raw        []byte // instead of records
}

// row is one record.
type row struct {
	key, value []byte
	at         int64
	offset     int64
	offsetSet  bool
}

// A time long ago, so that it is told from the time of the broker.
const longAgo = 1_500_000_000_000

func plain(values ...string) batch {
	b := batch{magic: 2, producer: -1, epoch: -1, sequence: -1, first: longAgo}
	for i, v := range values {
		b.records = append(b.records, row{value: []byte(v), at: longAgo + int64(i)})
	}
	b.max = longAgo + int64(max(0, len(values)-1))
	return b
}

func keyed(pairs ...string) batch {
	b := plain()
	for i := 0; i+1 < len(pairs); i += 2 {
		b.records = append(b.records, row{key: []byte(pairs[i]), value: []byte(pairs[i+1]), at: longAgo})
	}
	return b
}

func idempotent(producer int64, epoch int16, sequence int32, values ...string) batch {
	b := plain(values...)
	b.producer, b.epoch, b.sequence = producer, epoch, sequence
	return b
}

func (b batch) bytes() []byte {
	records := b.raw
	if records == nil {
		for i, r := range b.records {
			records = append(records, r.bytes(i, b.first)...)
		}
		records = pack(b.codec, records)
	}
	count := int32(len(b.records)) + b.count
	out := binary.BigEndian.AppendUint64(nil, uint64(b.base))
	out = binary.BigEndian.AppendUint32(out, uint32(49+len(records)))
	out = binary.BigEndian.AppendUint32(out, 0xffffffff)
	out = append(out, byte(b.magic), 0, 0, 0, 0)
	out = binary.BigEndian.AppendUint16(out, uint16(b.attributes|int16(b.codec)))
	out = binary.BigEndian.AppendUint32(out, uint32(int32(len(b.records))-1+b.lastDelta))
	out = binary.BigEndian.AppendUint64(out, uint64(b.first))
	out = binary.BigEndian.AppendUint64(out, uint64(b.max))
	out = binary.BigEndian.AppendUint64(out, uint64(b.producer))
	out = binary.BigEndian.AppendUint16(out, uint16(b.epoch))
	out = binary.BigEndian.AppendUint32(out, uint32(b.sequence))
	out = binary.BigEndian.AppendUint32(out, uint32(count))
	out = append(out, records...)
	crc := crc32.Checksum(out[21:], crc32.MakeTable(crc32.Castagnoli))
	if b.flipCRC {
		crc ^= 1
	}
	binary.BigEndian.PutUint32(out[17:], crc)
	return out
}

func (r row) bytes(i int, first int64) []byte {
	offset := int64(i)
	if r.offsetSet {
		offset = r.offset
	}
	body := []byte{0}
	body = binary.AppendVarint(body, r.at-first)
	body = binary.AppendVarint(body, offset)
	body = appendBytes(body, r.key)
	body = appendBytes(body, r.value)
	body = binary.AppendVarint(body, 0)
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

func appendBytes(to, b []byte) []byte {
	if b == nil {
		return binary.AppendVarint(to, -1)
	}
	return append(binary.AppendVarint(to, int64(len(b))), b...)
}

func pack(codec int8, b []byte) []byte {
	switch codec {
	case 1:
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(b) // a buffer takes everything
		_ = w.Close()
		return out.Bytes()
	case 4:
		w, err := zstd.NewWriter(nil)
		if err != nil {
			panic(err)
		}
		return w.EncodeAll(b, nil)
	}
	return b
}

// oldMessage is a message set of one message in the format before record batches.
func oldMessage(magic int8, value string) []byte {
	body := []byte{byte(magic), 0}
	if magic == 1 {
		body = binary.BigEndian.AppendUint64(body, longAgo)
	}
	body = binary.BigEndian.AppendUint32(body, 0xffffffff)
	body = binary.BigEndian.AppendUint32(body, uint32(len(value)))
	body = append(body, value...)
	out := binary.BigEndian.AppendUint64(nil, 0)
	out = binary.BigEndian.AppendUint32(out, uint32(len(body)+4))
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(body))
	return append(out, body...)
}
