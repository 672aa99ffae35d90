package quorum

import (
	"time"

	"leat/internal/metadata"
	"leat/internal/metalog"
)

// FormatCheckpoint lets tests write what formatting a directory leaves.
var FormatCheckpoint = metalog.FormatCheckpoint

// AppendRaw writes records past the machine, as a leader that stopped in the middle would have left them.
func (q *Quorum) AppendRaw(records ...metadata.Record) error {
	_, _, err := q.writer.Append(time.Now(), records, nil)
	return err
}
