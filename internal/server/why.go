package server

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/replication"
	"leat/internal/why"
)

// Bounds of what one node tells of itself.
const (
	mostFacts  = 1000 // of each kind
	mostGroups = 200  // of which members and places are told
	mostPlaces = 2000 // of groups in partitions
)

// facts are what this node knows, without asking anybody.
func (n *node) facts(ctx context.Context, about why.About) why.Facts {
	f := why.Facts{Node: n.id, At: time.Now(), State: stateNames[n.ops.state.Load()], Controller: -1, Offset: -1}
	f.Events, f.Left = n.recent.Events()
	f.Certificates = n.certificatesShown()
	if f.State != "running" {
		n.ops.opening.Remaining(func(_ string, logs int64) { f.Recovering += int(logs) })
	}
	if !n.identified.Load() { // the rooms below may be opened at this moment
		return f
	}
	f.Controller, f.Trouble = n.controllerSeen()
	if q := n.voting.Load(); q != nil {
		for _, m := range q.Members() {
			if !m.Learner {
				f.Voters = append(f.Voters, m.ID)
			}
		}
		if since := q.Leaderless(); f.Controller < 0 && !since.IsZero() {
			f.Without = f.At.Sub(since)
		}
		if f.Controller == n.id {
			f.Heard = n.standings.beats.ago(f.At)
		}
	}
	f.Unreached = n.outOfReach.facts()
	f.Away = n.standings.absences.facts(n.absencesFrom())
	if f.State != "running" && f.State != "starting" {
		return f
	}
	im := n.images.image()
	n.factsOfImage(&f, im)
	n.factsOfDirs(&f)
	if n.replicas != nil && f.State == "running" {
		n.factsOfLogs(ctx, &f)
		n.factsOfGroups(ctx, &f, about)
	}
	return f
}

// stateNames are the states of a node in words.
var stateNames = map[int32]string{stateNotRunning: "stopped", stateStarting: "starting", stateRecovering: "recovering", stateRunning: "running", stateShuttingDown: "stopping"}

// controllerSeen is the active controller as this node sees it, -1 with a reason if there is none.
func (n *node) controllerSeen() (int32, string) {
	if q := n.voting.Load(); q != nil {
		if leader, _, known := q.Active(); known {
			return leader, ""
		}
		if n.voice != nil {
			return -1, n.unreached().Error()
		}
		return -1, "none has been elected"
	}
	if n.remote == nil {
		return -1, "this node does not know the controllers yet"
	}
	leader, _ := n.remote.controllers.Epoch()
	if err := n.remote.controllers.Trouble(); err != nil {
		return leader, err.Error()
	}
	return leader, ""
}

func (n *node) certificatesShown() []why.Certificate {
	var all []why.Certificate
	for name, s := range n.secured {
		if !s.bound || !s.hasTLS() {
			continue
		}
		if leaf := s.stores.Store().Leaf(); leaf != nil {
			all = append(all, why.Certificate{Listener: name, Subject: leaf.Subject.String(), NotAfter: leaf.NotAfter})
		}
	}
	slices.SortFunc(all, func(a, b why.Certificate) int { return compareStrings(a.Listener, b.Listener) })
	return all
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// factsOfImage tells of brokers, of partitions that lack something, and of tokens that end.
func (n *node) factsOfImage(f *why.Facts, im *metadata.Image) {
	f.Offset = im.Offset
	for _, b := range im.Brokers() {
		address, _ := n.brokerAddress(b.ID)
		f.Brokers = append(f.Brokers, why.Broker{ID: b.ID, Address: address, Fenced: b.Fenced, Stopping: b.InControlledShutdown})
	}
	values := n.settings.now().values
	for t := range im.Topics("") {
		for i, p := range t.Partitions {
			if p.Leader >= 0 && len(p.ISR) >= len(p.Replicas) {
				continue
			}
			if len(f.Partitions) >= mostFacts {
				f.Left++
				continue
			}
			overrides := im.Config(metadata.TopicResource, t.Name)
			of := values.ForTopic(overrides)
			f.Partitions = append(f.Partitions, why.Partition{
				Topic: t.Name, Partition: int32(i), Leader: p.Leader, Replicas: p.Replicas, InSync: p.ISR,
				MinISR:    min(of.Int("min.insync.replicas"), len(p.Replicas)),
				Throttled: overrides["follower.replication.throttled.replicas"] != "" || overrides["leader.replication.throttled.replicas"] != "",
			})
		}
	}
	soon := time.Now().Add(tokenSoon)
	im.Tokens(func(t *metadata.DelegationTokenRecord) bool {
		if ends := time.UnixMilli(t.ExpirationTimestamp); ends.Before(soon) && ends.After(time.Now()) && len(f.Tokens) < mostFacts {
			f.Tokens = append(f.Tokens, why.Token{ID: t.TokenID, Owner: t.Owner, Expires: ends})
		}
		return true
	})
}

// tokenSoon is how soon the end of a token is worth a word.
const tokenSoon = time.Hour

func (n *node) factsOfDirs(f *why.Facts) {
	if n.store == nil {
		return
	}
	for _, d := range n.store.Dirs() {
		x := why.Dir{Path: d.Path, Grade: d.Room.Grade.String(), Total: d.Total, Available: d.Available, Soft: d.Room.Soft, Hard: d.Room.Hard, RefusedBatches: d.Room.Refused}
		if d.Offline != nil {
			x.Err = d.Offline.Error()
		}
		f.Dirs = append(f.Dirs, x)
	}
	for _, u := range n.store.CleanerStatus().Uncleanable {
		if len(f.Uncleanable) < mostFacts {
			f.Uncleanable = append(f.Uncleanable, why.Uncleanable{Topic: u.Partition.Topic, Partition: u.Partition.Partition, Bytes: u.Bytes, Since: u.Since, Err: u.Err.Error()})
		}
	}
}

// factsOfLogs tells of the partitions that this node leads: transactions that hold readers, and records that stay for too long.
func (n *node) factsOfLogs(ctx context.Context, f *why.Facts) {
	for part := range n.replicas.Partitions() {
		log := part.Log()
		if log == nil {
			continue
		}
		if o := log.Offsets(); o.LastStable < o.HighWatermark && len(f.Open) < mostFacts && part.Status().Leads {
			if t, ok := openTransaction(part, o.LastStable, o.HighWatermark); ok {
				f.Open = append(f.Open, t)
			}
		}
		if k, ok := log.HeldPast(f.At); ok && len(f.Kept) < mostFacts && part.Status().Leads {
			tp := part.TopicPartition()
			f.Kept = append(f.Kept, why.Kept{Topic: tp.Topic, Partition: tp.Partition, Segments: k.Segments, Size: k.Size, Oldest: k.Oldest,
				RetentionMs: k.Retention.Milliseconds(), SegmentMs: k.SegmentAge.Milliseconds(), ActiveOnly: k.Segments == 1})
		}
	}
	if n.transactions == nil {
		return
	}
	f.Transactional = n.transactionIDs(ctx)
}

// openTransaction is the one that holds the last stable offset of a partition.
func openTransaction(part *replication.Partition, lastStable, highWatermark int64) (why.Transaction, bool) {
	log, tp := part.Log(), part.TopicPartition()
	for _, p := range log.Producers() {
		if p.TxnStartOffset != lastStable {
			continue
		}
		since := p.LastTimestamp
		if at, ok, err := log.TimestampAt(lastStable); err == nil && ok && at > 0 {
			since = min(since, at)
		}
		return why.Transaction{Topic: tp.Topic, Partition: tp.Partition, ProducerID: p.ProducerID, ProducerEpoch: p.ProducerEpoch,
			Since: time.UnixMilli(since), LastStable: lastStable, HighWatermark: highWatermark}, true
	}
	return why.Transaction{}, false
}

// transactionIDs are the transactional ids of transactions that this node coordinates and that have been open for a while, by producer id.
func (n *node) transactionIDs(ctx context.Context) map[int64]string {
	rq := kmsg.NewPtrListTransactionsRequest()
	rq.DurationFilterMillis = 1000
	answer := make(chan *kmsg.ListTransactionsResponse, 1)
	n.transactions.List(rq, func(resp *kmsg.ListTransactionsResponse) { answer <- resp })
	select {
	case <-ctx.Done():
		return nil
	case resp := <-answer:
		out := map[int64]string{}
		for _, t := range resp.TransactionStates {
			if len(out) < mostFacts {
				out[t.ProducerID] = t.TransactionalID
			}
		}
		return out
	}
}

// facts are whom this node does not reach.
func (u *unreached) facts() []why.Unreached {
	u.mu.Lock()
	defer u.mu.Unlock()
	var all []why.Unreached
	for id, f := range u.brokers {
		all = append(all, why.Unreached{Node: id, Address: f.address, Err: without(f.address, f.err), Since: f.since})
	}
	slices.SortFunc(all, func(a, b why.Unreached) int { return int(a.Node - b.Node) })
	return all
}
