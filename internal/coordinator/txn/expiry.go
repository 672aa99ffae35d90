package txn

// expire removes transactional ids that nobody used for long. It looks at all of them once per interval, and removes what it found a
// batch at a time.
func (m *Machine) expire() {
	if len(m.live.expired) == 0 {
		for _, id := range sortedKeys(m.hard) {
			if m.expirable(id) {
				m.live.expired = append(m.live.expired, id)
			}
		}
	}
	removed := 0
	for len(m.live.expired) > 0 && !m.full() {
		id := m.live.expired[0]
		m.live.expired = m.live.expired[1:]
		if !m.expirable(id) {
			continue
		}
		m.write(id, nil)
		delete(m.live.lastEpoch, id)
		removed++
	}
	if removed > 0 {
		m.effect(Notice{Message: "unused transactional ids removed", Count: removed})
	}
	again := m.now
	if len(m.live.expired) == 0 {
		m.live.expired = nil
		again = again.Add(m.set.ExpirationInterval)
	}
	m.live.clock.set(timerKey{kind: expiryTimer}, again)
}

// expirable reports whether an id has no transaction and was not used for the time of its retention.
func (m *Machine) expirable(id string) bool {
	t := m.hard[id]
	return t != nil && (t.State == Empty || t.State.complete()) && t.UpdateTimestamp <= m.now.UnixMilli()-m.set.IDExpiration.Milliseconds()
}
