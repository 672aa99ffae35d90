package server

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leat/internal/quorum"
	"leat/internal/telemetry"
	"leat/internal/wire"
)

// recall finds out whether a static voter without any data has voted before: then it lost its disk, and must not take part like one that has promised
// nothing. It returns an epoch above all that a majority of the voters, without this one, has been in; 0 if the quorum is as new as this voter.
//
// It waits until enough others answer. If they do not, no leader could be elected by this voter anyway.
func (n *node) recall(ctx context.Context) (forgot int32, err error) {
	voters := len(n.Values.Voters())
	if voters < 2 || !n.configuredVoter(n.id) {
		return 0, nil
	}
	if blank, err := quorum.Blank(n.FS, n.Values.MetadataLogDir()); err != nil || !blank {
		return 0, err
	}
	n.answerIdentity()
	f := forming{node: n, others: n.others(), static: true, dirID: n.dirID(n.Values.MetadataLogDir()), clusterID: n.clusterID}
	complained := time.Now()
	for {
		heard, why := f.ask(ctx)
		forgot, clear := recalled(heard, voters)
		if clear && forgot > 0 {
			n.logger(telemetry.LogQuorum).Warn("this voter has an empty disk and the others have not: it takes no part in decisions before they have done without it", "node", n.id, "leader_epoch", forgot)
			f.forgot = forgot
			f.ask(ctx) // the leader hands over; if it does not, it is not followed
		}
		if clear {
			return forgot, nil
		}
		if time.Since(complained) > formComplain {
			complained = time.Now()
			n.logger(telemetry.LogQuorum).Warn("controller with an empty disk waits until a majority of the voters has told whether it voted before", "node", n.id, "err", errors.Join(why...))
		}
		select {
		case <-time.After(formPause):
		case <-ctx.Done():
			return 0, fmt.Errorf("ask the voters whether controller %d voted before: %w", n.id, errors.Join(append(why, ctx.Err())...))
		}
	}
}

// recalled draws the conclusion from what others answered; it is not clear if they are too few.
func recalled(heard []heardOf, voters int) (forgot int32, clear bool) {
	majority := voters/2 + 1
	remember, fresh := 0, true
	for _, h := range heard {
		switch {
		case h.Epoch > 0:
			remember++
			forgot = max(forgot, h.Epoch+1)
			fresh = false
		case h.Epoch == wire.EpochUnknown:
			fresh = false
		}
	}
	if remember >= majority {
		return forgot, true
	}
	return 0, fresh && len(heard)+1 >= majority
}
