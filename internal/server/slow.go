package server

import (
	"sync"
	"time"

	"leat/internal/listener"
	"leat/internal/telemetry"
)

// slowLog writes a line about requests that took long, few a second at most: when all are slow, some say enough.
type slowLog struct {
	mu      sync.Mutex
	since   time.Time
	written int // since then
	left    int // lines that were not written
}

const slowLinesPerSecond = 5

// patient are the keys of requests whose answers wait on purpose, for records or for news of a group: that time does not count.
var patient = map[int16]bool{1: true, 11: true, 12: true, 14: true, 68: true, 76: true, 78: true, 88: true}

// logIfSlow tells of a request that took longer than leat.slow.request.log.ms.
func (n *node) logIfSlow(d *listener.Done) {
	if n.ops.state.Load() != stateRunning {
		return
	}
	limit := n.settings.now().slow
	if limit < 0 || d.Sent < limit {
		return
	}
	handled := min(d.Handled, d.Answered)
	remote := d.Answered - handled
	took := d.Sent
	if patient[d.Key] {
		took -= remote
	}
	if took < limit {
		return
	}
	left, write := n.ops.slow.take(time.Now())
	if !write {
		return
	}
	n.logger(telemetry.LogRequests).Info("request was slow", "api", apiName(d.Key), "version", d.Version, "client_id", d.ClientID, "principal", d.Principal.String(), "listener", d.Conn.Listener,
		"size", d.RequestBytes, "answer_size", d.ResponseLen, "duration", d.Sent, "queue", d.Begun, "local", handled-d.Begun, "remote", remote,
		"turn", d.Turn-d.Answered, "send", d.Sent-d.Turn, "throttled", d.Throttled, "left_out", left)
}

// take reports whether a line may be written, and how many were not since the last one.
func (s *slowLog) take(now time.Time) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(s.since) >= time.Second {
		s.since, s.written = now, 0
	}
	if s.written >= slowLinesPerSecond {
		s.left++
		return 0, false
	}
	s.written++
	left, s.left = s.left, 0
	return left, true
}
