package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"

	"leat/internal/fs"
)

// abortedTxn is one entry of a .txnindex file: an aborted transaction whose marker lies in the segment.
type abortedTxn struct {
	producerID       int64
	firstOffset      int64
	lastOffset       int64 // of the marker
	lastStableOffset int64 // of the log when the marker was written
}

// txnEntrySize is the length of an entry: version int16 and four int64.
const txnEntrySize = 34

func appendTxnEntry(dst []byte, t abortedTxn) []byte {
	dst = binary.BigEndian.AppendUint16(dst, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.producerID))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.firstOffset))
	dst = binary.BigEndian.AppendUint64(dst, uint64(t.lastOffset))
	return binary.BigEndian.AppendUint64(dst, uint64(t.lastStableOffset))
}

// parseTxnIndex reads a whole .txnindex file. A torn last entry is an error: recovery rebuilds the file.
func parseTxnIndex(b []byte) ([]abortedTxn, error) {
	if len(b)%txnEntrySize != 0 {
		return nil, fmt.Errorf("%w: length %d is no multiple of %d", errIndex, len(b), txnEntrySize)
	}
	list := make([]abortedTxn, 0, len(b)/txnEntrySize)
	for ; len(b) > 0; b = b[txnEntrySize:] {
		v := binary.BigEndian.Uint16(b)
		if v > 0 && v < 100 { // further on it is damage
			return nil, &newerForm{"entry of version", int64(v), "0"}
		}
		if v != 0 {
			return nil, fmt.Errorf("%w: entry of version %d, known is 0", errIndex, v)
		}
		list = append(list, abortedTxn{
			producerID:       int64(binary.BigEndian.Uint64(b[2:])),
			firstOffset:      int64(binary.BigEndian.Uint64(b[10:])),
			lastOffset:       int64(binary.BigEndian.Uint64(b[18:])),
			lastStableOffset: int64(binary.BigEndian.Uint64(b[26:])),
		})
	}
	return list, nil
}

// readTxnIndex reads the first count entries of the file; what lies behind them is left over or just being written.
func readTxnIndex(fsys fs.FS, path string, count int) ([]abortedTxn, error) {
	b, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	if len(b) < count*txnEntrySize {
		return nil, fmt.Errorf("%s: %w: %d bytes, expected %d entries", path, errIndex, len(b), count)
	}
	list, err := parseTxnIndex(b[:count*txnEntrySize])
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return list, nil
}

// writeTxnEntries puts entries behind the first count ones in the file and cuts it there.
func writeTxnEntries(fsys fs.FS, path string, count int, list []abortedTxn) (err error) {
	f, err := fsys.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b []byte
	for _, t := range list {
		b = appendTxnEntry(b, t)
	}
	at := int64(count) * txnEntrySize
	if _, err := f.WriteAt(b, at); err != nil {
		return err
	}
	return f.Truncate(at + int64(len(b)))
}
