package sharing

import "time"

// Meter hears what Kafka counts of share groups.
type Meter interface {
	// Acknowledged counts records by type of acknowledgement.
	Acknowledged(kind int8, records int64)
	// Loaded tells how long a share partition took to load.
	Loaded(d time.Duration)
	// SessionEvicted counts sessions that ended with their connection.
	SessionEvicted()
}

type noMeter struct{}

func (noMeter) Acknowledged(int8, int64) {}
func (noMeter) Loaded(time.Duration)     {}
func (noMeter) SessionEvicted()          {}
