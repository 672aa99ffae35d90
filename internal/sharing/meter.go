package sharing

import "time"

// Meter hears what Kafka counts of share groups.
type Meter interface {
	// Acknowledged counts records by type of acknowledgement.
	Acknowledged(kind int8, records int64)
	// Loaded tells how long a share partition took to load.
	Loaded(d time.Duration)
	// Fetched tells of a group's fetch of some partitions that was answered: in how many there were records for it, how long it waited, and whether that was in vain.
	Fetched(group string, partitions, acquired int, waited time.Duration, expired bool)
	// SessionEvicted counts sessions that ended with their connection.
	SessionEvicted()
}

type noMeter struct{}

func (noMeter) Acknowledged(int8, int64) {}
func (noMeter) Loaded(time.Duration)     {}
func (noMeter) SessionEvicted()          {}

func (noMeter) Fetched(string, int, int, time.Duration, bool) {}
