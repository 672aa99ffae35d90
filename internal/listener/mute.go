package listener

import "time"

// Mute keeps the next request of the connection from being read for some time, as Kafka mutes the channel of a client that is over its quota: the
// answer that tells the client to wait leaves at once, and one that does not listen waits all the same. Only the handler calls it,
// before it returns.
func (r *Request) Mute(d time.Duration) { r.conn.muted = max(r.conn.muted, d) }

// rest waits for as long as the last request asked for. It is the reader's.
func (c *conn) rest() {
	if c.muted <= 0 {
		return
	}
	timer := time.NewTimer(c.muted)
	defer timer.Stop()
	c.muted = 0
	select {
	case <-timer.C:
	case <-c.gone.Done():
	}
}
