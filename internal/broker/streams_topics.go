package broker

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// topicsForStreams remembers which internal topics of streams applications are being made, and why some could not be: each member of an
// application asks for them with every heartbeat until they are there.
type topicsForStreams struct {
	mu     sync.Mutex
	making map[string]bool
	failed map[string]failure
}

type failure struct {
	reason string
	until  time.Time // till then it is not tried again
}

func newTopicsForStreams() *topicsForStreams {
	return &topicsForStreams{making: make(map[string]bool), failed: make(map[string]failure)}
}

// begin picks the topics to be made now, and tells which of them failed lately.
func (s *topicsForStreams) begin(now time.Time, topics []kmsg.CreateTopicsRequestTopic) (create []kmsg.CreateTopicsRequestTopic, failed []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.failed, func(_ string, f failure) bool { return !now.Before(f.until) })
	for i := range topics {
		name := topics[i].Topic
		if f, ok := s.failed[name]; ok {
			failed = append(failed, name+" ("+f.reason+")")
		} else if !s.making[name] {
			s.making[name] = true
			create = append(create, topics[i])
		}
	}
	slices.Sort(failed)
	return create, failed
}

// end takes note of what became of topics that were begun.
func (s *topicsForStreams) end(until time.Time, topics []kmsg.CreateTopicsRequestTopic, failed map[string]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range topics {
		delete(s.making, topics[i].Topic)
	}
	for name, reason := range failed {
		s.failed[name] = failure{reason, until}
	}
}
