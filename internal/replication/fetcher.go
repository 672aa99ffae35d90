package replication

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// fetcher copies partitions from one broker: one request after the other, in a session (KIP-227), so that a round costs what changed in it and not
// what there is. One goroutine does all of it; it ends when there is nothing left to copy.
type fetcher struct {
	node   *Node
	key    fetcherKey
	source Source
	kick   chan struct{} // holds one: there are orders

	mu     sync.Mutex
	orders []order // guarded by mu

	// What follows belongs to the goroutine.
	parts   map[partKey]*followed
	changed []*followed // to be named in the next request
	gone    []partKey   // in the session, to be forgotten by it
	told    int         // of those, by the request under way
	resting []*followed // left alone for a while
	begin   []*followed // named in the request under way
	rq      wire.ReplicaFetch
	session int32
	epoch   int32             // of the next request: fullFetch begins a session
	denied  bool              // the source has answered without giving a session
	hurry   wire.ReplicaFetch // the request that ends the wait of another
	failed  int               // rounds in a row
	news    fetchNews         // what this round has to tell

	pace    pace
	failing atomic.Int32 // partitions that could not be copied several times in a row
}

// order is a partition to be copied from now on, or no more.
type order struct {
	partition   *Partition
	follow      bool
	leaderEpoch int32
}

// partKey names a partition as answers do.
type partKey struct {
	topicID   record.UUID
	partition int32
}

// followed is a partition that a fetcher copies.
type followed struct {
	partition   *Partition
	leaderEpoch int32
	position    position
	known       bool // position is
	inSession   bool
	listed      bool      // in changed
	named       bool      // in begin
	rests       time.Time // until then it is left alone; zero: it is not
	place       int       // in resting, while it rests
	tries       int       // in a row that failed
}

// position is how far a follower is.
type position struct {
	offset    int64 // log end
	lastEpoch int32 // of the last record, -1: none
	logStart  int64
}

func newFetcher(n *Node, key fetcherKey) *fetcher {
	return &fetcher{node: n, key: key, source: n.cfg.Cluster.Connect(key.source), kick: make(chan struct{}, 1), parts: map[partKey]*followed{}}
}

// order tells the fetcher something. It does not wait. Partitions that are not to be copied any more are in no hurry: what comes of them is not taken.
func (f *fetcher) order(o order) {
	f.mu.Lock()
	f.orders = append(f.orders, o)
	f.mu.Unlock()
	if !o.follow {
		return
	}
	select {
	case f.kick <- struct{}{}:
		if s, ok := f.source.(interface{ Interrupt() }); ok {
			s.Interrupt()
		}
	default:
	}
}

// run makes rounds until the node stops or nothing is left to copy.
func (f *fetcher) run() {
	defer f.source.Close()
	for f.node.ctx.Err() == nil {
		f.tell()
		f.obey()
		f.wakeRested(time.Now())
		if len(f.parts) == 0 {
			if f.node.fetchers.leave(f) {
				return
			}
			continue
		}
		if len(f.resting) == len(f.parts) {
			f.sleep(time.Until(f.nextRested()))
			continue
		}
		if err := f.round(f.node.ctx); err != nil {
			f.failedRound(err)
		} else if f.failed > 0 {
			f.failed = 0
			f.node.cfg.Logger.Info("leader of followed partitions reached again", "node", f.node.cfg.NodeID, "source", f.key.source)
		}
	}
}

// sleep waits for some time, an order, or the end.
func (f *fetcher) sleep(d time.Duration) {
	timer := time.NewTimer(max(d, 0))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-f.kick:
	case <-f.node.ctx.Done():
	}
}

// failedRound begins a new session, after a pause that grows.
func (f *fetcher) failedRound(err error) {
	if f.node.ctx.Err() != nil {
		return
	}
	f.failed++
	if f.failed == 1 {
		f.node.cfg.Logger.Warn("leader of followed partitions not reached, trying on", "node", f.node.cfg.NodeID, "source", f.key.source,
			"partitions", len(f.parts), "err", err)
	}
	f.reset()
	f.sleep(min(askAgain<<min(f.failed-1, 10), max(f.node.cfg.Cluster.Settings().FetchBackoff, askAgain)))
}

// reset ends the session: the next request names everything.
func (f *fetcher) reset() {
	f.session, f.epoch = 0, fullFetch
	f.gone, f.told = f.gone[:0], 0
	for _, fd := range f.parts {
		fd.inSession, fd.named = false, false
		f.change(fd)
	}
}

// obey takes up the orders that came.
func (f *fetcher) obey() {
	select {
	case <-f.kick:
	default:
	}
	f.mu.Lock()
	orders := f.orders
	f.orders = nil
	f.mu.Unlock()
	for _, o := range orders {
		key := partKey{o.partition.topicID, o.partition.tp.Partition}
		fd := f.parts[key]
		if fd != nil && (!o.follow || fd.partition != o.partition) {
			if fd.partition != o.partition && !o.follow {
				continue // about an earlier replica of the same name
			}
			f.drop(key, fd)
			fd = nil
		}
		if !o.follow {
			continue
		}
		if fd == nil {
			fd = &followed{partition: o.partition}
			f.parts[key] = fd
		}
		f.calm(fd)
		fd.leaderEpoch, fd.known = o.leaderEpoch, false
		f.change(fd)
		if !fd.rests.IsZero() { // the new leader may be better
			f.rested(fd)
		}
	}
}

// drop stops copying a partition.
func (f *fetcher) drop(key partKey, fd *followed) {
	f.calm(fd)
	delete(f.parts, key)
	if fd.inSession {
		f.gone = append(f.gone, key)
		fd.inSession = false
	}
	if !fd.rests.IsZero() {
		f.rested(fd)
	}
}

// change has a partition named in the next request.
func (f *fetcher) change(fd *followed) {
	if !fd.listed {
		fd.listed = true
		f.changed = append(f.changed, fd)
	}
}

// rest leaves a partition alone for a while.
func (f *fetcher) rest(fd *followed, pause time.Duration) {
	if fd.inSession {
		f.gone = append(f.gone, fd.key())
		fd.inSession = false
	}
	if fd.rests.IsZero() {
		fd.place, f.resting = len(f.resting), append(f.resting, fd)
	}
	fd.rests = time.Now().Add(pause)
	fd.known = false
}

// rested ends the rest of a partition. What it costs does not depend on how many rest.
func (f *fetcher) rested(fd *followed) {
	last := len(f.resting) - 1
	moved := f.resting[last]
	f.resting[fd.place], moved.place = moved, fd.place
	f.resting[last], f.resting = nil, f.resting[:last]
	fd.rests = time.Time{}
}

func (fd *followed) key() partKey { return partKey{fd.partition.topicID, fd.partition.tp.Partition} }

// wakeRested goes on with the partitions that were left alone long enough.
func (f *fetcher) wakeRested(now time.Time) {
	for i := 0; i < len(f.resting); {
		fd := f.resting[i]
		if fd.rests.After(now) {
			i++
			continue
		}
		f.rested(fd)
		f.change(fd)
	}
}

func (f *fetcher) nextRested() time.Time {
	first := f.resting[0].rests
	for _, fd := range f.resting {
		if fd.rests.Before(first) {
			first = fd.rests
		}
	}
	return first
}

// round asks the source once and takes what it answers.
func (f *fetcher) round(ctx context.Context) error {
	s := f.node.cfg.Cluster.Settings()
	f.node.fetchers.spread(s.spreading())
	f.request(s)
	f.pace.tick(time.Now())
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.SocketTimeout, 30*time.Second))
	defer cancel()
	pending, err := f.source.Begin(ctx, &f.rq)
	if err != nil {
		return err
	}
	resp, interrupted, err := pending.Wait(ctx, f.kick)
	if interrupted {
		return f.cutShort(ctx, pending, s)
	}
	if err != nil {
		return err
	}
	return f.answered(ctx, f.rq.Version, resp, false, s)
}

// answered takes an answer.
func (f *fetcher) answered(ctx context.Context, version int16, resp peer.Response, late bool, s Settings) error {
	defer resp.Release()
	answer, err := wire.ParseFetch(version, resp.Body)
	if err != nil {
		return err
	}
	if answer.ErrorCode != 0 {
		return f.refused(answer.ErrorCode)
	}
	f.accepted(answer.SessionID)
	return f.take(ctx, &answer, late, s)
}

// refused deals with an error for the whole request. A session that the source does not know is begun anew without a pause the first time.
func (f *fetcher) refused(code int16) error {
	err := kerr.ErrorForCode(code)
	session := errors.Is(err, kerr.FetchSessionIDNotFound) || errors.Is(err, kerr.InvalidFetchSessionEpoch) || errors.Is(err, kerr.FetchSessionTopicIDError)
	if session && f.epoch != fullFetch {
		f.reset()
		return nil
	}
	return err
}

// accepted notes that the source has taken up what the request said.
func (f *fetcher) accepted(session int32) {
	f.gone, f.told = append(f.gone[:0], f.gone[f.told:]...), 0
	f.session, f.denied = session, session == 0
	if session == 0 { // it keeps no session for us: everything is named each time
		f.epoch = fullFetch
		for _, fd := range f.begin {
			f.change(fd)
		}
	} else {
		f.epoch = nextEpoch(f.epoch)
	}
	for _, fd := range f.begin {
		fd.inSession, fd.named = session != 0 && fd.rests.IsZero(), false
	}
	clear(f.begin)
	f.begin = f.begin[:0]
}

// request writes down what changed since the last request.
func (f *fetcher) request(s Settings) {
	f.rq.ReplicaID, f.rq.BrokerEpoch = f.node.cfg.NodeID, f.node.cfg.Cluster.BrokerEpoch()
	f.rq.MaxWaitMillis, f.rq.MinBytes, f.rq.MaxBytes = int32(s.FetchWaitMax.Milliseconds()), int32(s.FetchMinBytes), int32(s.ResponseMaxBytes)
	f.rq.SessionID, f.rq.SessionEpoch = f.session, f.epoch
	if f.epoch == fullFetch && !f.denied { // only with a session can the wait be cut short
		f.rq.MaxWaitMillis = 0
	}
	f.rq.Topics, f.rq.Forgotten = f.rq.Topics[:0], f.rq.Forgotten[:0]
	f.begin = f.begin[:0]
	for _, fd := range f.changed {
		fd.listed = false
		if f.parts[fd.key()] != fd || !fd.rests.IsZero() || !f.locate(fd) {
			continue
		}
		fd.named = true
		f.begin = append(f.begin, fd)
	}
	clear(f.changed)
	f.changed = f.changed[:0]
	if f.epoch == fullFetch {
		slices.SortFunc(f.begin, func(a, b *followed) int {
			x, y := a.key(), b.key()
			return cmp.Or(slices.Compare(x.topicID[:], y.topicID[:]), cmp.Compare(x.partition, y.partition))
		})
	}
	for _, fd := range f.begin {
		f.rq.Topics = name(f.rq.Topics, fd.partition.topicID, wire.ReplicaFetchPartition{
			Partition: fd.partition.tp.Partition, CurrentLeaderEpoch: fd.leaderEpoch, FetchOffset: fd.position.offset,
			LastFetchedEpoch: fd.position.lastEpoch, LogStartOffset: fd.position.logStart, MaxBytes: int32(s.FetchMaxBytes),
		})
	}
	for _, key := range f.gone {
		if fd := f.parts[key]; fd == nil || !fd.named { // else it is wanted again after all
			f.rq.Forgotten = name(f.rq.Forgotten, key.topicID, wire.ReplicaFetchPartition{Partition: key.partition})
		}
	}
	f.told = len(f.gone)
}

// name adds a partition to a list of topics; neighbours of one topic are grouped.
func name(topics []wire.ReplicaFetchTopic, id record.UUID, p wire.ReplicaFetchPartition) []wire.ReplicaFetchTopic {
	n := len(topics)
	if n == 0 || topics[n-1].TopicID != id {
		if n < cap(topics) { // reuse the slice that lies there
			topics = topics[:n+1]
			topics[n].Partitions = topics[n].Partitions[:0]
		} else {
			topics = append(topics, wire.ReplicaFetchTopic{})
		}
		topics[n].TopicID = id
		n++
	}
	topics[n-1].Partitions = append(topics[n-1].Partitions, p)
	return topics
}

// locate finds out from where on a partition is to be copied, and reports whether it is.
func (f *fetcher) locate(fd *followed) bool {
	if fd.known {
		return true
	}
	at, err := fd.partition.beginFollowing(fd.leaderEpoch)
	if err != nil {
		f.stopped(fd, err)
		return false
	}
	fd.position, fd.known = at, true
	return true
}

// triesInSilence is how often in a row a partition may not be copied before that is logged: after a change of leaders the nodes hear of it one
// after the other, and until all have, some refuse.
const triesInSilence = 4

// stopped deals with a partition that cannot be copied now. The first pauses are short.
func (f *fetcher) stopped(fd *followed, err error) {
	if errors.Is(err, errNotFollower) { // an order says so, too, or will
		f.drop(fd.key(), fd)
		return
	}
	fd.tries++
	if fd.tries == triesInSilence {
		f.failing.Add(1)
		f.news.lost(fd, err)
	}
	f.rest(fd, min(askAgain<<min(fd.tries-1, 10), max(f.node.cfg.Cluster.Settings().FetchBackoff, askAgain)))
}

// calm forgets failures of a partition.
func (f *fetcher) calm(fd *followed) {
	if fd.tries >= triesInSilence {
		f.failing.Add(-1)
	}
	fd.tries = 0
}

func (f *fetcher) logger(fd *followed) *slog.Logger {
	return f.node.cfg.Logger.With("topic", fd.partition.tp.Topic, "partition", fd.partition.tp.Partition,
		"leader_epoch", fd.leaderEpoch, "source", f.key.source)
}

// take takes the answer, partition by partition. A late one was made before the source knew what will be named next: of that its records and errors say
// nothing, but what it tells of the offsets is not told again.
func (f *fetcher) take(ctx context.Context, answer *wire.Fetched, late bool, s Settings) error {
	if answer.Diverging > 1 {
		f.prepareCuts(answer)
	}
	var lost []*followed
	for part := range answer.Partitions {
		fd := f.parts[partKey{part.TopicID, part.Partition}]
		if fd == nil || !fd.rests.IsZero() {
			continue
		}
		if late && fd.listed {
			if part.ErrorCode != 0 || part.DivergingEpoch >= 0 {
				continue
			}
			part.Records = nil
		}
		if part.ErrorCode == kerr.OffsetOutOfRange.Code {
			lost = append(lost, fd)
			continue
		}
		if err := f.takePart(fd, &part, &s); err != nil {
			f.stopped(fd, err)
		}
	}
	if len(lost) > 0 {
		return f.startOver(ctx, lost, s)
	}
	return nil
}

// prepareCuts has written down once for all what each truncation would write by itself. If that fails, so will they.
func (f *fetcher) prepareCuts(answer *wire.Fetched) {
	cuts := make([]storage.Cut, 0, answer.Diverging)
	for part := range answer.Partitions {
		fd := f.parts[partKey{part.TopicID, part.Partition}]
		if fd != nil && part.DivergingEpoch >= 0 && fd.partition.followsAt(fd.leaderEpoch) == nil {
			cuts = append(cuts, storage.Cut{Log: fd.partition.log, Offset: fd.partition.cutAt(diverging(&part))})
		}
	}
	_ = f.node.cfg.Store.PrepareCuts(cuts) //nolint:errcheck // each truncation tries it again, and tells
}

// takePart takes the answer for one partition.
func (f *fetcher) takePart(fd *followed, part *wire.FetchedPartition, s *Settings) error {
	if part.ErrorCode != 0 {
		return kerr.ErrorForCode(part.ErrorCode)
	}
	behind := part.HighWatermark - fd.position.offset
	at, err := fd.partition.takeFetched(fd.leaderEpoch, fd.position, part)
	if err != nil {
		return err
	}
	if at != fd.position {
		fd.position = at
		f.change(fd)
	}
	if fd.tries >= triesInSilence {
		f.news.found(fd)
	}
	f.calm(fd)
	if len(part.Records) > 0 {
		if pause := fd.partition.received(time.Now(), s, len(part.Records), behind <= 0); pause > 0 {
			f.rest(fd, pause)
		}
	}
	return nil
}

var _ Source = (*peer.Peer)(nil)
