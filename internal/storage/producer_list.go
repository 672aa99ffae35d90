package storage

import (
	"iter"
	"maps"
	"slices"
)

// producerList is the producers of a log, each id once. Most logs have one or a few, which need no map.
type producerList struct {
	few  []*producerEntry // up to fewProducers
	many map[int64]*producerEntry
}

const fewProducers = 8

func (l *producerList) len() int { return len(l.few) + len(l.many) }

// find returns the entry of a producer, nil if it is not known.
func (l *producerList) find(id int64) *producerEntry {
	for _, e := range l.few {
		if e.id == id {
			return e
		}
	}
	return l.many[id]
}

// put adds an entry, or puts it in the place of the one with its id.
func (l *producerList) put(e *producerEntry) {
	if l.many != nil {
		l.many[e.id] = e
		return
	}
	for i := range l.few {
		if l.few[i].id == e.id {
			l.few[i] = e
			return
		}
	}
	if len(l.few) < fewProducers {
		l.few = append(l.few, e)
		return
	}
	l.many = make(map[int64]*producerEntry, 2*fewProducers)
	for _, known := range l.few {
		l.many[known.id] = known
	}
	l.many[e.id] = e
	l.few = nil
}

// all yields the entries in no particular order.
func (l *producerList) all() iter.Seq[*producerEntry] {
	if l.many != nil {
		return maps.Values(l.many)
	}
	return slices.Values(l.few)
}

// deleteIf forgets entries, and the map with the last of them.
func (l *producerList) deleteIf(gone func(e *producerEntry) bool) {
	l.few = slices.DeleteFunc(l.few, gone)
	maps.DeleteFunc(l.many, func(_ int64, e *producerEntry) bool { return gone(e) })
	if l.len() == 0 {
		*l = producerList{}
	}
}
