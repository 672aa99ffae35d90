package replication

import (
	"context"

	"leat/internal/peer"
)

// cutShort deals with orders that come while the source lets a request wait: partitions that are to be copied from now on would wait as long as it does.
// A second request of the session, which names nothing and does not wait, has the first one answered at once. A source that reads a request
// only after it has answered the one before, as Kafka does, takes its time, as it does between followers of its own kind.
func (f *fetcher) cutShort(ctx context.Context, first peer.Pending, s Settings) error {
	if f.epoch == fullFetch { // it is answered at once, or there is no session to speak in
		return f.await(ctx, first, f.rq.Version, false, s)
	}
	f.hurry.ReplicaID, f.hurry.BrokerEpoch, f.hurry.MaxBytes = f.rq.ReplicaID, f.rq.BrokerEpoch, f.rq.MaxBytes
	f.hurry.SessionID, f.hurry.SessionEpoch = f.session, nextEpoch(f.epoch)
	second, err := f.source.Begin(ctx, &f.hurry)
	if err != nil {
		return err
	}
	epoch := f.epoch
	if err := f.await(ctx, first, f.rq.Version, false, s); err != nil {
		return err
	}
	if f.epoch != nextEpoch(epoch) { // the session ended
		return f.ignore(ctx, second)
	}
	return f.await(ctx, second, f.hurry.Version, true, s)
}

// await takes the answer of a request.
func (f *fetcher) await(ctx context.Context, p peer.Pending, version int16, late bool, s Settings) error {
	resp, _, err := p.Wait(ctx, nil)
	if err != nil {
		return err
	}
	return f.answered(ctx, version, resp, late, s)
}

// ignore waits for an answer that says nothing any more.
func (f *fetcher) ignore(ctx context.Context, p peer.Pending) error {
	resp, _, err := p.Wait(ctx, nil)
	if err == nil {
		resp.Release()
	}
	return err
}
