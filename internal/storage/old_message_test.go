package storage

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"

	"leat/internal/fs"
)

// withTail is a log of one record, killed, with bytes behind its end that were never synced.
func withTail(t *testing.T, tail []byte) *Log {
	mem := fs.NewMem()
	l := openTestLog(t, mem, "/data/orders-3", LogConfig{})
	mustAppend(t, l, batchOf(t, 1, "a"))
	file := l.segments[0].file.path
	mem = mem.Kill()
	f, err := mem.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(tail, size); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	return openTestLog(t, mem, "/data/orders-3", LogConfig{})
}

// Power was lost when the first page of a batch's bytes had reached the disk and the second had not: what is left of the header ends before its magic.
func TestABatchTornBeforeItsMagicIsNoOldMessage(t *testing.T) {
	torn := batchOf(t, 2, "b")
	binary.BigEndian.PutUint64(torn, 1)
	clear(torn[15:])
	if o := withTail(t, torn).Offsets(); o.LogEnd != 1 {
		t.Errorf("the log ends at %d, want 1", o.LogEnd)
	}
}

func TestAnOldMessageOutlivesAKill(t *testing.T) {
	message := binary.BigEndian.AppendUint64(nil, 1) // offset
	body := append([]byte{0, 0}, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1, 'b')
	message = binary.BigEndian.AppendUint32(message, uint32(len(body)+4))
	message = binary.BigEndian.AppendUint32(message, crc32.ChecksumIEEE(body))
	if o := withTail(t, append(message, body...)).Offsets(); o.LogEnd != 2 {
		t.Errorf("the log ends at %d, want 2", o.LogEnd)
	}
}
