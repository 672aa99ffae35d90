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
	q.mu.Lock()
	r := q.reign
	q.mu.Unlock()
	_, next, err := r.Append(time.Now(), records, nil, nil)
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	r.WhenCommitted(next, func(err error) { done <- err })
	return <-done
}
