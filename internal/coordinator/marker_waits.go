package coordinator

import (
	"slices"
	"time"

	"leat/internal/metadata"
	"leat/internal/record"
)

// markerWaits holds markers of partitions that nobody leads, or that do not seem to exist, by what they wait for: however many there are, an image
// costs only those whose partition it changed. It is guarded by markers.mu.
type markerWaits struct {
	of    map[record.TopicPartition][]*marker
	count int
	timer *time.Timer // looks at partitions that do not seem to exist; set while there may be some
}

func (w *markerWaits) add(k *marker) {
	if w.of == nil {
		w.of = make(map[record.TopicPartition][]*marker)
	}
	ks := w.of[k.tp]
	if n := len(ks); n >= 64 && n&(n-1) == 0 { // now and then: those of orders that another one replaced
		kept := slices.DeleteFunc(ks, func(k *marker) bool { return k.ending.gone })
		w.count -= n - len(kept)
		ks = kept
	}
	w.of[k.tp] = append(ks, k)
	w.count++
}

// take takes the markers of a partition out.
func (w *markerWaits) take(tp record.TopicPartition) []*marker {
	ks := w.of[tp]
	delete(w.of, tp)
	w.count -= len(ks)
	return ks
}

// forget drops those that nobody wants any more.
func (w *markerWaits) forget(gone func(*marker) bool) {
	for tp, ks := range w.of {
		kept := slices.DeleteFunc(slices.Clone(ks), gone)
		w.count -= len(ks) - len(kept)
		if w.of[tp] = kept; len(kept) == 0 {
			delete(w.of, tp)
		}
	}
}

// unknown takes those out whose partition did not seem to exist when they came.
func (w *markerWaits) unknown() (all []*marker) {
	for _, ks := range w.of {
		for _, k := range ks {
			if !k.unknown.IsZero() {
				all = append(all, k)
			}
		}
	}
	if len(all) > 0 {
		is := make(map[*marker]bool, len(all))
		for _, k := range all {
			is[k] = true
		}
		w.forget(func(k *marker) bool { return is[k] })
	}
	return all
}

func (w *markerWaits) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
	w.of, w.count = nil, 0
}

// wait keeps a marker until an image tells of its partition.
func (m *markers) wait(k *marker) {
	m.mu.Lock()
	if m.closed || k.ending.gone {
		m.mu.Unlock()
		return
	}
	m.waits.add(k)
	if !k.unknown.IsZero() && m.waits.timer == nil {
		m.waits.timer = time.AfterFunc(unknownLook, m.lookForUnknown)
	}
	m.mu.Unlock()
	if im := m.image(); ledIn(im, k.tp) { // it was published just now, perhaps before k was here
		m.wake(im, k.tp)
	}
}

// unknownLook is how often partitions that do not seem to exist are looked for although no image told of them.
const unknownLook = unknownMax / 12

// lookForUnknown is the timer's call.
func (m *markers) lookForUnknown() {
	m.mu.Lock()
	m.waits.timer = nil
	all := m.waits.unknown()
	m.mu.Unlock()
	m.routeAll(m.image(), all)
}

// published wakes the markers whose partition is led, or gone, by a new image.
func (m *markers) published(image *metadata.Image, delta *metadata.Delta) {
	m.mu.Lock()
	var tps []record.TopicPartition
	if m.waits.count > 0 {
		for tp := range m.waits.of {
			tps = append(tps, tp)
		}
	}
	m.mu.Unlock()
	if len(tps) == 0 {
		return
	}
	var changed map[string]bool // nil: perhaps all
	if delta != nil {
		changed = make(map[string]bool)
		for _, t := range delta.ChangedTopics() {
			changed[t.Name] = true
		}
	}
	for _, tp := range tps {
		if (changed == nil || changed[tp.Topic]) && ledIn(image, tp) {
			m.wake(image, tp)
		}
	}
}

// wake sends the markers of a partition on their way.
func (m *markers) wake(im *metadata.Image, tp record.TopicPartition) {
	m.mu.Lock()
	ks := m.waits.take(tp)
	m.mu.Unlock()
	m.routeAll(im, ks)
}

func (m *markers) routeAll(im *metadata.Image, ks []*marker) {
	for _, k := range ks {
		if m.wanted(k) {
			m.route(im, k)
		}
	}
}

// ledIn reports whether a partition has a leader in an image.
func ledIn(im *metadata.Image, tp record.TopicPartition) bool {
	topic, ok := im.Topic(tp.Topic)
	return ok && tp.Partition >= 0 && int(tp.Partition) < len(topic.Partitions) && topic.Partitions[tp.Partition].Leader >= 0
}

// queues are the lengths of the queues that Kafka counts: markers that no node is known for, and decisions that the log did not take.
func (m *markers) queues() (unknownDestination, logAppendRetry int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.waits.count, m.telling
}
