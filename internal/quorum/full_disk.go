package quorum

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/fs"
	"leat/internal/machine"
	"leat/internal/metadata"
)

// roomy is the writer as the machine sees it: a batch for which the disk has no room is refused, not the end of the controller, as long as
// nothing of it is in the log. Who asked is told, and the next decision is tried again.
type roomy struct {
	*writer
	q *Quorum
}

// Append implements machine.Log.
func (r roomy) Append(now time.Time, records []metadata.Record, producer *machine.Producer) (baseOffset, nextOffset int64, err error) {
	end := r.log.Offsets().LogEnd
	baseOffset, nextOffset, err = r.writer.Append(now, records, producer)
	if err != nil && fs.IsFull(err) && r.log.Offsets().LogEnd == end {
		r.q.cfg.Logger.Error("metadata log has no room, the change is refused", "dir", r.q.log.Path(), "err", err)
		err = fmt.Errorf("%w: %w: %w", machine.ErrRefused, kerr.KafkaStorageError, err)
	}
	return baseOffset, nextOffset, err
}
