package quorum

import (
	"context"

	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// Member is a controller that votes, or that is about to (a learner, which gets everything and has no vote).
type Member struct {
	ID        int32
	DirID     record.UUID // zero where voters are static
	Endpoints []Endpoint
	MinKRaft  int16 // kraft.version that it supports
	MaxKRaft  int16
	Learner   bool
}

// Endpoint is where a member's controller listener is reached.
type Endpoint = consensus.Endpoint

// Transport reaches the other controllers. Its methods may wait, until ctx ends.
type Transport interface {
	// Send delivers frames to a controller, best effort, and in order if it can.
	Send(ctx context.Context, to int32, frames [][]byte) error
	// ReadSnapshot reads part of a checkpoint, which ends before an offset and has an epoch, and tells the size of all of it.
	ReadSnapshot(ctx context.Context, from int32, endOffset int64, epoch int32, position int64, maxBytes int) (data []byte, size int64, err error)
}

// Action is what a Change does.
type Action = consensus.Action

// The actions.
const (
	AddVoter    = consensus.AddVoter
	RemoveVoter = consensus.RemoveVoter
	UpdateVoter = consensus.UpdateVoter // other endpoints or versions of the same voter
)

// Change is a change of the voters.
type Change struct {
	Action Action
	Voter  Member // RemoveVoter: its id and directory
}
