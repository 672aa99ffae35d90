package voter

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"leat/internal/fs"
	"leat/internal/metalog"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/journal"
	"leat/internal/record"
	"leat/internal/storage"
)

// disk is everything that a voter keeps: the journal, the metadata log and its checkpoints.
type disk struct {
	fsys    fs.FS
	path    string
	log     *storage.Log
	journal *journal.Journal
	logger  *slog.Logger
}

// Beginning is how a voter begins that has no journal.
type Beginning struct {
	// Members are the voters of the quorum. Nobody: this replica is to be added by a leader, and has an empty log.
	Members consensus.Members
	// Epoch is one that no election so far has gone beyond, for a log that was copied from another quorum. What lies in the log, and in
	// quorum-state, counts without it.
	Epoch int32
	// Forgot, if above 0, says that this voter may have voted before and has lost what it knew: it is above all epochs that a majority of the others has
	// been in. See consensus.Ballot.
	Forgot int32
	// Compared says that a log which is not empty was found to have everything that the logs of the other voters have. Without that a voter among several
	// does not begin with one: it was written by others, and another copy of it may be longer.
	Compared bool
}

// fetchedSuffix is that of a checkpoint that is here and not installed.
const fetchedSuffix = ".fetched"

// open puts what is on disk in agreement and returns it.
func (d *disk) open(_ context.Context, owner journal.Owner, begin Beginning) (consensus.State, error) {
	var s consensus.State
	var err error
	d.journal, s, err = journal.Open(d.fsys, d.path, owner, d.logger)
	obsolete := false
	if err == nil {
		obsolete, err = d.supersede(s, owner.Replica, begin)
	}
	if obsolete || errors.Is(err, journal.ErrNone) {
		if err = d.interrupted(); err == nil {
			s, err = d.begin(owner, begin)
		}
	}
	if err != nil {
		return s, err
	}
	if err := d.finishInstall(s); err != nil {
		return s, err
	}
	end := d.log.Offsets().LogEnd
	newest, err := d.newest()
	if err != nil {
		return s, err
	}
	if newest.Offset > end { // power was lost before what it covers was synced
		if err := d.log.TruncateFullyAndStartAt(newest.Offset); err != nil {
			return s, err
		}
		end = newest.Offset
	}
	if end < s.Base.Offset {
		return s, fmt.Errorf("%s ends at offset %d and has no checkpoint beyond, but its journal begins at offset %d: %w", d.path, end, s.Base.Offset, consensus.ErrLost)
	}
	d.log.SetHighWatermark(end)
	s.LogEnd = end
	return s, nil
}

// begin writes the first journal. Everything that the log holds counts as committed.
func (d *disk) begin(owner journal.Owner, begin Beginning) (consensus.State, error) {
	var s consensus.State
	newest, err := d.newest()
	if err != nil {
		return s, err
	}
	end := max(d.log.Offsets().LogEnd, newest.Offset)
	if len(begin.Members.List) == 0 {
		if end > 0 {
			return s, fmt.Errorf("%s holds records up to offset %d, and this controller is not told who votes: set controller.quorum.voters, or empty the directory", d.path, end)
		}
	} else {
		if begin.unsafe(owner.Replica) && end > 0 {
			return s, fmt.Errorf("%s holds records up to offset %d that this voter has not written, and another controller may have more: "+
				"stop all controllers, run leat quorum position on each, and then leat quorum takeover", d.path, end)
		}
		if begin.Members.KRaftVersion == 0 {
			owner.Replica.DirID = record.UUID{}
		}
		epoch := max(d.log.LatestEpoch(), 0)
		if newest.Offset == end {
			epoch = max(epoch, newest.Epoch)
		}
		// The index 0 is left to those who have nothing, so that they need a snapshot, in which they learn who votes.
		s.Base = consensus.Position{Index: uint64(end) + 1, Epoch: epoch, Offset: end}
		s.Members = begin.Members
	}
	st, err := metalog.LoadState(d.fsys, d.path)
	if err != nil {
		return s, err
	}
	s.Ballot.Epoch = max(s.Base.Epoch, st.LeaderEpoch, begin.Epoch, begin.Forgot, 0)
	s.Ballot.Forgot = begin.Forgot
	if err := d.log.Flush(); err != nil {
		return s, err
	}
	d.journal, err = journal.Create(d.fsys, d.path, owner, s)
	return s, err
}

// unsafe reports whether a voter must not begin with a log unless that was compared.
func (b Beginning) unsafe(self consensus.Replica) bool {
	if b.Compared || len(b.Members.List) < 2 {
		return false
	}
	return slices.ContainsFunc(b.Members.List, func(m consensus.Member) bool { return m.ID == self.ID && !m.Learner })
}

// checkpoints lists those on disk, the oldest first. The one at offset 0 is what formatting left, and no snapshot.
func (d *disk) checkpoints() ([]consensus.Checkpoint, error) {
	entries, err := d.fsys.ReadDir(d.path)
	if err != nil {
		return nil, err
	}
	var out []consensus.Checkpoint
	for _, e := range entries {
		if c, ok := consensus.ParseCheckpoint(e.Name()); ok && c.Offset > 0 {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b consensus.Checkpoint) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Epoch, b.Epoch))
	})
	return out, nil
}

// offerAll tells the node which checkpoints can be sent.
func (d *disk) offerAll(n *consensus.Node) error {
	all, err := d.checkpoints()
	for _, c := range all {
		n.Checkpointed(c)
	}
	return err
}

func (d *disk) newest() (consensus.Checkpoint, error) {
	all, err := d.checkpoints()
	if err != nil || len(all) == 0 {
		return consensus.Checkpoint{}, err
	}
	return all[len(all)-1], nil
}

func (d *disk) file(c consensus.Checkpoint) string { return filepath.Join(d.path, c.Name()) }

// persist writes several Writes at once, none of which installs a snapshot.
func (d *disk) persist(writes []*consensus.Write) error {
	var ballot *consensus.Ballot
	durable, count := false, 0
	for _, w := range writes {
		if w.Ballot != nil {
			ballot = w.Ballot
		}
		durable = durable || w.Durable
		count += len(w.Entries)
	}
	if !durable {
		return nil
	}
	if len(writes) == 1 {
		return d.journal.Write(ballot, writes[0].Entries)
	}
	entries := make([]consensus.Entry, 0, count)
	for _, w := range writes {
		entries = append(entries, w.Entries...)
	}
	return d.journal.Write(ballot, entries)
}

// install makes a fetched checkpoint the beginning of the log. Nothing may be appended to the log meanwhile.
func (d *disk) install(w *consensus.Write) error {
	i := w.Snapshot
	if w.Ballot != nil { // the entries that come with a snapshot lie behind it
		if err := d.journal.Write(w.Ballot, nil); err != nil {
			return err
		}
	}
	s := consensus.State{Base: i.Base, Members: i.Members, Entries: w.Entries}
	if err := d.journal.Replace(s); err != nil {
		return err
	}
	err := d.finishInstall(s)
	if end := d.log.Offsets().LogEnd; err == nil && end < i.Base.Offset {
		err = fmt.Errorf("checkpoint %s is gone, the metadata log ends at offset %d", i.Name(), end)
	}
	return err
}

// finishInstall does what an installation does after the journal was replaced, and removes what was fetched for another.
func (d *disk) finishInstall(s consensus.State) error {
	entries, err := d.fsys.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name, fetched := strings.CutSuffix(e.Name(), fetchedSuffix)
		if !fetched {
			continue
		}
		from := filepath.Join(d.path, e.Name())
		if c, ok := consensus.ParseCheckpoint(name); ok && c.Offset == s.Base.Offset && d.log.Offsets().LogEnd < c.Offset {
			err = d.fsys.Rename(from, d.file(c))
		} else if err = d.fsys.Remove(from); errors.Is(err, os.ErrNotExist) {
			err = nil
		}
		if err != nil {
			return err
		}
		if err := d.fsys.SyncDir(d.path); err != nil {
			return err
		}
	}
	newest, err := d.newest()
	if err != nil || d.log.Offsets().LogEnd >= s.Base.Offset || newest.Offset < s.Base.Offset {
		return err
	}
	if err := d.log.TruncateFullyAndStartAt(s.Base.Offset); err != nil {
		return err
	}
	d.log.SetHighWatermark(s.Base.Offset)
	return nil
}

// behind are the batches of committed entries that begin at an offset or behind it.
func behind(offset int64, entries []consensus.Committed) ([]consensus.Committed, error) {
	var out []consensus.Committed
	for _, e := range entries {
		for len(e.Batches) > 0 {
			b, rest, err := record.Split(e.Batches)
			if err != nil {
				return nil, fmt.Errorf("committed entry %d: %w", e.Index, err)
			}
			if b.BaseOffset() >= offset {
				break
			}
			e.Batches = rest
		}
		if len(e.Batches) > 0 {
			out = append(out, e)
		}
	}
	return out, nil
}

// apply appends what is committed to the log, but for the part that is there already. After an error it can be called again.
func (d *disk) apply(entries []consensus.Committed) error {
	end := d.log.Offsets().LogEnd
	fresh, err := behind(end, entries)
	if err != nil || len(fresh) == 0 {
		return err
	}
	buf := fresh[0].Batches
	if len(fresh) > 1 {
		size := 0
		for _, e := range fresh {
			size += len(e.Batches)
		}
		buf = make([]byte, 0, size)
		for _, e := range fresh {
			buf = append(buf, e.Batches...)
		}
	}
	if base := record.Batch(buf).BaseOffset(); base != end {
		return fmt.Errorf("committed batch begins at offset %d, the metadata log ends at %d", base, end)
	}
	info, err := d.log.AppendFetched(buf)
	if info.LogEnd > end {
		d.log.SetHighWatermark(info.LogEnd)
	}
	return err
}

// compact replaces the journal by one that holds the state, which is of now.
func (d *disk) compact(s consensus.State) error {
	if err := d.log.Flush(); err != nil {
		return err
	}
	return d.journal.Replace(s)
}

// fetched verifies a checkpoint that came from another controller: whole batches, from the header to the footer.
func (d *disk) fetched(c consensus.Checkpoint) error {
	name := d.file(c) + fetchedSuffix
	data, err := fs.ReadFile(d.fsys, name)
	if err != nil {
		return err
	}
	var last record.Batch
	for {
		b, rest, err := record.Split(data)
		if err == io.EOF {
			break
		}
		if err == nil {
			err = b.Check()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		data, last = rest, b
	}
	if len(last) == 0 || !last.Control() {
		return fmt.Errorf("%s ends without a footer", name)
	}
	if kind, _, err := last.ControlRecord(); err != nil || kind != record.ControlSnapshotFooter {
		return fmt.Errorf("%s ends without a footer", name)
	}
	return nil
}
