package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
)

// leavePause is between heartbeats of a broker that wants to stop, when no image tells that something changed.
const leavePause = 50 * time.Millisecond

// beat sends heartbeats, at the interval and whenever asked, until the broker may stop or Close.
func (u *Uplink) beat() {
	timer := time.NewTimer(u.interval())
	defer timer.Stop()
	for {
		select {
		case <-u.poke:
		case <-timer.C:
		case <-u.ctx.Done():
			return
		}
		if u.heartbeat() {
			return
		}
		timer.Reset(u.interval())
	}
}

func (u *Uplink) interval() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.leaving {
		return leavePause
	}
	return u.cfg.HeartbeatInterval
}

// heartbeat sends one and reports whether it was the last. A lost one is only logged: the next comes soon, and images tell what
// became of the broker.
func (u *Uplink) heartbeat() (last bool) {
	u.mu.Lock()
	r := kmsg.NewPtrBrokerHeartbeatRequest()
	r.Version = r.MaxVersion()
	r.BrokerID, r.BrokerEpoch, r.CurrentMetadataOffset, r.WantShutdown = u.cfg.NodeID, u.epoch, u.offset, u.leaving
	u.mu.Unlock()
	if u.cfg.OfflineDirs != nil {
		for _, id := range u.cfg.OfflineDirs() {
			r.OfflineLogDirs = append(r.OfflineLogDirs, id)
		}
	}
	// A controller that does not answer must not keep the next heartbeat from being sent.
	ctx, cancel := context.WithTimeout(u.ctx, 2*u.cfg.HeartbeatInterval)
	defer cancel()
	resp, err := u.sendHeartbeat(ctx, r)
	if errors.Is(err, kerr.StaleBrokerEpoch) && r.WantShutdown { // it was unregistered, so it leads nothing
		u.mu.Lock()
		defer u.mu.Unlock()
		u.left = true
		u.notify()
		return true
	}
	if err != nil {
		if u.ctx.Err() == nil {
			u.cfg.Logger.Warn("heartbeat failed", "node", u.cfg.NodeID, "err", err)
		}
		return false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.lastHeard = time.Now()
	if u.leaving && resp.ShouldShutdown {
		u.left = true
		u.notify()
		return true
	}
	return false
}

func (u *Uplink) sendHeartbeat(ctx context.Context, r *kmsg.BrokerHeartbeatRequest) (*kmsg.BrokerHeartbeatResponse, error) {
	response, err := u.cfg.Controller.Do(ctx, security.Anonymous, r)
	if err != nil {
		return nil, err
	}
	resp, ok := response.(*kmsg.BrokerHeartbeatResponse)
	if !ok {
		return nil, fmt.Errorf("controller answered a heartbeat with %T", response)
	}
	return resp, kerr.ErrorForCode(resp.ErrorCode)
}
