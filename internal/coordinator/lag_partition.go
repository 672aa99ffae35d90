package coordinator

import (
	"time"

	"leat/internal/storage"
	"leat/internal/telemetry"
)

// lagPartition is a partition in which groups have committed offsets.
type lagPartition struct {
	known                            bool // the ends, at this look
	start, highWatermark, lastStable int64
	log                              *storage.Log // nil: this node has no replica in sync

	// stamps are the times of unread records by offset, before those of the last look: what stands still is read once.
	stamps, before map[int64]int64
	sightings      []sighting // of the ends of a partition without a replica here, rising
}

// sighting is when the high watermark was seen at an offset.
type sighting struct {
	at            time.Time
	highWatermark int64
}

// maxSightings bounds what is remembered of one partition. When it is full, every other one goes, so that the past gets coarser.
const maxSightings = 64

// lag works out how far a committed offset is behind.
func (p *lagPartition) lag(committed int64, now time.Time, out *telemetry.GroupLag) {
	out.Records, out.StableRecords = max(0, p.highWatermark-committed), max(0, p.lastStable-committed)
	if out.Records == 0 {
		return
	}
	out.Seconds = max(0, p.age(max(committed, p.start), now).Seconds())
	if out.StableRecords > 0 {
		out.StableSeconds = out.Seconds
	}
}

// age is how long ago the record at an offset, which there is, was written.
func (p *lagPartition) age(offset int64, now time.Time) time.Duration {
	if p.log == nil {
		return p.estimate(offset, now)
	}
	stamp, ok := p.stamps[offset]
	if !ok {
		if stamp, ok = p.before[offset]; !ok {
			var err error
			if stamp, ok, err = p.log.TimestampAt(offset); err != nil || !ok {
				return 0 // retention or a failing disk came between; the next look says more
			}
		}
		if p.stamps == nil {
			p.stamps = make(map[int64]int64)
		}
		p.stamps[offset] = stamp
	}
	return now.Sub(time.UnixMilli(stamp))
}

// turn ends a look: times that it did not need are forgotten.
func (p *lagPartition) turn() { p.before, p.stamps = p.stamps, nil }

// see remembers the ends that the leader told.
func (p *lagPartition) see(now time.Time, highWatermark, lastStable int64) {
	p.known, p.highWatermark, p.lastStable = true, highWatermark, lastStable
	last := len(p.sightings) - 1
	if last >= 0 && p.sightings[last].highWatermark == highWatermark {
		if last > 0 && p.sightings[last-1].highWatermark == highWatermark {
			p.sightings[last].at = now // it stood still from the one before until now
			return
		}
	} else if last >= 0 && p.sightings[last].highWatermark > highWatermark {
		p.sightings = p.sightings[:0] // the topic was made anew, or records were lost
	}
	if len(p.sightings) == maxSightings {
		for i := range maxSightings / 2 {
			p.sightings[i] = p.sightings[2*i]
		}
		p.sightings = p.sightings[:maxSightings/2]
	}
	p.sightings = append(p.sightings, sighting{now, highWatermark})
}

// estimate is how long ago the end passed an offset, as far as was seen: at least, for what was written before the first look.
func (p *lagPartition) estimate(offset int64, now time.Time) time.Duration {
	for i := len(p.sightings) - 1; i >= 0; i-- {
		s := p.sightings[i]
		if s.highWatermark > offset {
			continue
		}
		if i+1 == len(p.sightings) {
			return 0
		}
		next := p.sightings[i+1]
		part := float64(offset-s.highWatermark) / float64(next.highWatermark-s.highWatermark)
		return now.Sub(s.at.Add(time.Duration(part * float64(next.at.Sub(s.at)))))
	}
	if len(p.sightings) == 0 {
		return 0
	}
	return now.Sub(p.sightings[0].at)
}
