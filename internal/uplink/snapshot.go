package uplink

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metalog"
)

// install fetches a checkpoint (KIP-630), since the leader's log begins behind the end of the copy, and goes on from there.
func (f *Follower) install(ctx context.Context, at Address, id metalog.Checkpoint) error {
	if id.End <= f.applied {
		return fmt.Errorf("%s: its checkpoint ends at offset %d, which this node has passed (%d)", at, id.End, f.applied)
	}
	in, err := f.log.Receive(id)
	if err != nil {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	if err := f.receive(ctx, at, id, in); err != nil {
		return errors.Join(err, in.Drop())
	}
	size := in.Size()
	image, err := in.Install()
	if err != nil {
		return fmt.Errorf("%w: %w", errFatal, err)
	}
	f.cfg.Logger.Info("metadata checkpoint installed", "offset", id.End, "leader_epoch", id.Epoch, "bytes", size)
	f.applied = id.End
	if f.feed == nil {
		f.found.Restart(image)
	} else {
		f.feed.Replace(image)
	}
	return nil
}

// receive fetches piece after piece.
func (f *Follower) receive(ctx context.Context, at Address, id metalog.Checkpoint, in *metalog.Incoming) error {
	for {
		part, err := f.fetchSnapshot(ctx, at, id, in.Size())
		if err != nil {
			return err
		}
		if part.Position != in.Size() || part.Size > metalog.MaxCheckpointBytes || len(part.Bytes) == 0 {
			return fmt.Errorf("%s: checkpoint %d-%d: %d bytes from position %d of %d, wanted from %d", at, id.End, id.Epoch, len(part.Bytes), part.Position,
				part.Size, in.Size())
		}
		if err := in.Write(part.Bytes); err != nil {
			return fmt.Errorf("%w: %w", errFatal, err)
		}
		if in.Size() >= part.Size {
			return nil
		}
	}
}

// fetchSnapshot fetches one piece.
func (f *Follower) fetchSnapshot(ctx context.Context, at Address, id metalog.Checkpoint, position int64) (*kmsg.FetchSnapshotResponseTopicPartition, error) {
	_, epoch := f.cfg.Controllers.Epoch()
	rq := kmsg.NewPtrFetchSnapshotRequest()
	rq.ClusterID, rq.ReplicaID, rq.MaxBytes = &f.cfg.ClusterID, f.cfg.NodeID, int32(f.cfg.SnapshotBytes)
	t := kmsg.NewFetchSnapshotRequestTopic()
	t.Topic = metalog.Partition.Topic
	p := kmsg.NewFetchSnapshotRequestTopicPartition()
	p.CurrentLeaderEpoch, p.SnapshotID.EndOffset, p.SnapshotID.Epoch = epoch, id.End, id.Epoch
	p.Position, p.ReplicaDirectoryID = position, f.cfg.DirID
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	bounded, cancel := context.WithTimeout(ctx, f.cfg.RequestTimeout)
	defer cancel()
	response, err := f.to(at).Do(bounded, rq)
	if err != nil {
		if ctx.Err() == nil {
			f.cfg.Controllers.unreachable(at, err)
		}
		return nil, err
	}
	resp, ok := response.(*kmsg.FetchSnapshotResponse)
	if !ok {
		return nil, fmt.Errorf("%s answered FetchSnapshot with %T", at, response)
	}
	if err := f.refused(at, resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("%s: answer to FetchSnapshot is about something else", at)
	}
	part := &resp.Topics[0].Partitions[0]
	var nodes []Address
	for _, n := range resp.NodeEndpoints {
		nodes = append(nodes, Address{n.NodeID, n.Host, int(n.Port)})
	}
	if _, err := f.learn(part.CurrentLeader.LeaderID, part.CurrentLeader.LeaderEpoch, nodes); err != nil {
		return nil, err
	}
	if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
		return nil, fmt.Errorf("%s: fetch of checkpoint %d-%d: %w", at, id.End, id.Epoch, err)
	}
	return part, nil
}
