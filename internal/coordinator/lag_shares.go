package coordinator

import (
	"context"
	"sync"

	"leat/internal/coordinator/group"
	"leat/internal/sharing"
)

// sharesAtOnce bounds how many questions about share partitions are under way at a time.
const sharesAtOnce = 1000

// askShares learns where share groups stand. What cannot be learned in time stays unknown at this look.
func (l *Lag) askShares(ctx context.Context, groups []group.Surveyed) {
	states := l.cfg.Groups.states
	if states == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	room := make(chan struct{}, sharesAtOnce)
	var mu sync.Mutex
	over := false // answers that come now come too late
	defer func() {
		mu.Lock()
		over = true
		mu.Unlock()
	}()
	for i := range groups {
		for _, t := range groups[i].Shared {
			for _, p := range t.Partitions {
				select {
				case room <- struct{}{}:
				case <-ctx.Done():
					return
				}
				states.Summary(sharing.SharePartition{Group: groups[i].Group, TopicID: t.TopicID, Partition: p}, -1, func(s sharing.Summary, err error) {
					mu.Lock()
					if err == nil && s.StartOffset >= 0 && !over {
						groups[i].Offsets = append(groups[i].Offsets,
							group.SurveyedOffset{Topic: t.Topic, Partition: p, Offset: s.StartOffset, Done: int64(max(0, s.DeliveryCompleteCount))})
					}
					mu.Unlock()
					<-room
				})
			}
		}
	}
	for range sharesAtOnce { // all have been answered when there is room for all
		select {
		case room <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}
