package voter

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
)

// obsoleteFile is what the journal becomes when the log was gone on with by somebody who does not know it. Nothing reads it.
const obsoleteFile = journal.File + ".obsolete"

// supersede finds out whether somebody else has gone on with the log: Kafka, or a leat of before the journal. It shows in the log's epoch, because no
// record is in the log whose epoch this voter has not written to its journal first. The journal is then set aside, and the log and quorum-state
// count as at the first start; what others would have to be asked for is refused.
func (d *disk) supersede(s consensus.State, self consensus.Replica, begin Beginning) (bool, error) {
	newest, err := d.newest()
	if err != nil {
		return false, err
	}
	tail, err := s.Tail(math.MaxInt64) // only where it ends
	if err != nil {
		return false, err
	}
	own := max(s.Ballot.Epoch, tail.Epoch, s.Base.Epoch)
	epoch := max(d.log.LatestEpoch(), newest.Epoch)
	if epoch <= own {
		return false, nil
	}
	from := d.strange(own)
	members, err := s.MembersAtEnd()
	switch {
	case err != nil:
		return false, err
	case !onlyVoter(members, self) || !onlyVoter(begin.Members, self):
		return false, fmt.Errorf("%s was gone on with in epoch %d, and the journal of this voter ends in epoch %d; another controller may have more: "+
			"stop all controllers, run leat quorum position on each, and then leat quorum takeover", d.path, epoch, own)
	case from < tail.End:
		return false, fmt.Errorf("%s was gone on with from offset %d in a later epoch, but %s has entries up to offset %d that were acknowledged and never reached the log, "+
			"because leat had been killed: put back a copy of the directory from before, or remove %s to go on without them",
			d.path, from, journal.File, tail.End, journal.File)
	}
	d.logger.Warn("somebody else has gone on with the metadata log, which counts now; the quorum's journal is set aside", "dir", d.path,
		"journal", obsoleteFile, "offset", from, "leader_epoch", epoch, "known_epoch", own)
	err = d.journal.Close()
	d.journal = nil
	if err == nil {
		err = d.fsys.Rename(filepath.Join(d.path, journal.File), filepath.Join(d.path, obsoleteFile))
	}
	if err == nil {
		err = d.fsys.SyncDir(d.path)
	}
	return err == nil, err
}

// interrupted refuses a directory that a takeover has left half way: what the journal held may not be in the log yet.
func (d *disk) interrupted() error {
	_, err := d.fsys.Stat(filepath.Join(d.path, journal.Taken))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s holds %s: leat quorum takeover did not come to its end, run it again", d.path, journal.Taken)
	}
	return err
}

// strange is the offset from which on the log, which has later epochs than the given one, was written in such.
func (d *disk) strange(own int32) int64 {
	at := d.log.Offsets()
	if d.log.LatestEpoch() <= own { // they are in a checkpoint only
		return at.LogEnd
	}
	if known, end := d.log.EndOffsetForEpoch(own); known >= 0 {
		return end
	}
	return at.LogStart
}

// onlyVoter tells that nobody else can have voted.
func onlyVoter(m consensus.Members, self consensus.Replica) bool {
	return len(m.List) == 1 && m.List[0].ID == self.ID && !m.List[0].Learner
}

// complete brings to the log what is in the journal of the only voter, whose entries are committed once they are there: whoever goes on without the
// journal, as Kafka does, then has everything. Nothing else may be under way.
func (d *disk) complete(self consensus.Replica) error {
	s, err := journal.Read(d.fsys, d.path)
	if err != nil {
		return err
	}
	members, err := s.MembersAtEnd()
	if err != nil || !onlyVoter(members, self) {
		return err
	}
	tail, err := s.Tail(d.log.Offsets().LogEnd)
	if err != nil || len(tail.Batches) == 0 {
		return err
	}
	info, err := d.log.AppendFetched(tail.Batches)
	if err == nil {
		d.log.SetHighWatermark(info.LogEnd)
	}
	return err
}
