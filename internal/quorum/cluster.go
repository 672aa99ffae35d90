package quorum

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/fs"
	"leat/internal/quorum/consensus"
	"leat/internal/quorum/voter"
)

// view is who leads, as far as this node was told.
type view struct {
	leader int32 // -1: nobody
	epoch  int32
	known  bool
}

// Receive takes a frame of another controller, which is not kept. The error is for the one who sent it. While this one closes it takes none, which need
// not be told: the connections are about to end.
func (q *Quorum) Receive(frame []byte) error {
	err := q.voter.Receive(frame)
	switch {
	case errors.Is(err, voter.ErrClosed):
		return nil
	case errors.Is(err, consensus.ErrOtherReplica):
		return fmt.Errorf("%w: %w", kerr.InvalidVoterKey, err)
	case errors.Is(err, consensus.ErrOtherCluster):
		return fmt.Errorf("%w: %w", kerr.InconsistentClusterID, err)
	}
	return err
}

// Suspect tells that a controller hung up and cannot be reached, which is worth an early election if it led.
func (q *Quorum) Suspect(id int32) { q.voter.Suspect(id) }

// Resign hands the leadership over, before a shutdown, and waits until it is or ctx ends.
func (q *Quorum) Resign(ctx context.Context) { q.voter.Resign(ctx) }

// Active tells who leads, as far as this node knows (-1: nobody), and the newest epoch; known is false while nobody does.
func (q *Quorum) Active() (leader, epoch int32, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.view.known {
		return -1, q.view.epoch, false
	}
	return q.view.leader, q.view.epoch, true
}

// Blank reports whether a log directory holds nothing that a voter would have written: it is about to take part for the first time, or its disk was
// replaced.
func Blank(fsys fs.FS, logDir string) (bool, error) {
	return voter.Blank(fsys, filepath.Join(logDir, Partition.String()))
}

// Leaderless is since when this node knows of nobody who leads; zero: it knows of somebody.
func (q *Quorum) Leaderless() time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.without
}

// Promised is the newest epoch that this voter has taken part in. It is not ok while the voter has forgotten what it promised.
func (q *Quorum) Promised() (epoch int32, ok bool) {
	s := q.voter.Status(time.Now())
	return s.Epoch, !s.Forgetful
}

// Change changes the voters and waits for the outcome; a voter that is added has time to catch up until ctx ends. Errors wrap those of package kerr.
// REQUEST_TIMED_OUT means that the outcome is not known, or that a new voter did not catch up.
func (q *Quorum) Change(ctx context.Context, c Change) error {
	deadline, _ := ctx.Deadline()
	err := q.voter.Change(ctx, consensus.Change{Action: c.Action, Voter: c.Voter.consensus(), Deadline: deadline})
	if err == nil {
		return nil
	}
	for _, x := range []struct {
		is   error
		code *kerr.Error
	}{
		{consensus.ErrNotLeader, kerr.NotLeaderForPartition}, {consensus.ErrStatic, kerr.UnsupportedVersion}, {consensus.ErrDuplicateVoter, kerr.DuplicateVoter},
		{consensus.ErrVoterNotFound, kerr.VoterNotFound}, {consensus.ErrLastVoter, kerr.InvalidRequest}, {consensus.ErrTooFewLeft, kerr.InvalidRequest},
		{consensus.ErrUnfit, kerr.InvalidRequest},
	} {
		if errors.Is(err, x.is) {
			return fmt.Errorf("%w: %w", x.code, err)
		}
	}
	return fmt.Errorf("%w: %w", kerr.RequestTimedOut, err)
}

// Members are the controllers that vote, and those that are about to.
func (q *Quorum) Members() []Member { return q.named(q.members()) }

func (q *Quorum) members() consensus.Members { return q.voter.Status(time.Now()).Members }

func (q *Quorum) tellMembers(m consensus.Members) {
	if q.cfg.MembersChanged != nil {
		q.cfg.MembersChanged(q.named(m))
	}
}

// named are the members with the addresses that the config gives where voters are static.
func (q *Quorum) named(m consensus.Members) []Member {
	out := make([]Member, 0, len(m.List))
	for _, x := range m.List {
		member := Member{ID: x.ID, DirID: x.DirID, Endpoints: x.Endpoints, MinKRaft: x.MinKRaft, MaxKRaft: x.MaxKRaft, Learner: x.Learner}
		if m.KRaftVersion == 0 {
			for _, v := range q.cfg.Voters {
				if v.ID == x.ID {
					member.Endpoints = v.Endpoints
				}
			}
		}
		out = append(out, member)
	}
	return out
}

func (m Member) consensus() consensus.Member {
	return consensus.Member{Replica: consensus.Replica{ID: m.ID, DirID: m.DirID}, Endpoints: m.Endpoints, MinKRaft: m.MinKRaft, MaxKRaft: m.MaxKRaft, Learner: m.Learner}
}

// carrier is a Transport as the voter sees it.
type carrier struct{ Transport }

var errNoTransport = errors.New("there is no way to other controllers")

// Send implements voter.Transport.
func (c carrier) Send(ctx context.Context, to int32, frames [][]byte) error {
	if c.Transport == nil {
		return errNoTransport
	}
	return c.Transport.Send(ctx, to, frames)
}

// ReadSnapshot implements voter.Transport.
func (c carrier) ReadSnapshot(ctx context.Context, from int32, at consensus.Checkpoint, position int64, maxBytes int) ([]byte, int64, error) {
	if c.Transport == nil {
		return nil, 0, errNoTransport
	}
	return c.Transport.ReadSnapshot(ctx, from, at.Offset, at.Epoch, position, maxBytes)
}
