package server

import (
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"math/rand"
	"strconv"

	"leat/internal/config"
	"leat/internal/controller"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/telemetry"
)

// openQuorum opens the metadata log in the directory that the configuration names, and takes part in the quorum.
func (n *node) openQuorum(ctx context.Context) error {
	n.openVoice()
	v := n.Values
	dir := v.MetadataLogDir()
	forgot, err := n.recall(ctx)
	if err != nil {
		return err
	}
	q, err := quorum.Open(ctx, quorum.Config{
		FS: n.FS, Dir: dir, DirID: n.dirID(dir), NodeID: n.id, Log: metadataLogSettings(v),
		ClusterID: n.clusterUUID(), Voters: n.firstVoters(), Forgot: forgot, Transport: n.voice.frames, ElectionTimeout: v.Millis("controller.quorum.election.timeout.ms"),
		LeaderChanged: n.leaderChanged, MembersChanged: n.membersChanged,
		Bootstrap: func(formatted []metadata.Record) []metadata.Record {
			return controller.Bootstrap(formatted, strconv.Itoa(v.Int("min.insync.replicas")))
		},
		Lead:   n.leadController,
		Meter:  &n.ops.raft,
		Failed: n.fail,
		Logger: n.logger(telemetry.LogQuorum),
	})
	if err != nil {
		return err
	}
	n.quorum = q
	n.voting.Store(q)
	n.onClose("metadata log", q.Close)
	n.openLine()
	return nil
}

// leadController starts the controller's machine on the log that this node now leads.
func (n *node) leadController(l quorum.Leadership) quorum.Leader {
	m := controller.New(controller.Config{
		NodeID: n.id, ClusterID: n.clusterID, Broker: n.Values, Image: l.Image, NextOffset: l.NextOffset, KRaftVersion: l.KRaftVersion, Now: l.Now,
		Rand: rand.New(rand.NewSource(seed())), Tell: n.tell, Mutated: n.mutations.record,
	})
	running := controller.Run(m, l.Log, l.Failed, &n.ops.events)
	n.suspicion.lead(running, l.Image)
	return running
}

func seed() int64 {
	var b [8]byte
	crand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]))
}

func metadataLogSettings(v *config.Values) quorum.LogSettings {
	return quorum.LogSettings{
		SegmentBytes:     int64(v.Int("metadata.log.segment.bytes")),
		SegmentMs:        v.Millis("metadata.log.segment.ms"),
		RetentionBytes:   v.Int64("metadata.max.retention.bytes"),
		RetentionMs:      v.Millis("metadata.max.retention.ms"),
		SnapshotBytes:    v.Int64("metadata.log.max.record.bytes.between.snapshots"),
		SnapshotInterval: v.Millis("metadata.log.max.snapshot.interval.ms"),
	}
}
