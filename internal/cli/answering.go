package cli

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// answerGrace is for how long others are waited for once an address has answered.
const answerGrace = 200 * time.Millisecond

// answering are the addresses, in their order, but those first that answer. All are asked at once: a node that is starting takes connections and does not
// answer yet, and a request that changes something is better sent to nobody like that.
func (f *clusterFlags) answering(ctx context.Context) []string {
	all := f.addresses()
	switch {
	case f.order != nil:
		return f.order
	case len(all) < 2:
		return all
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan string, len(all))
	for _, address := range all {
		go func() {
			if _, err := askAt(ctx, address, kmsg.NewPtrApiVersionsRequest()); err != nil {
				address = ""
			}
			answers <- address
		}()
	}
	var there []string
	var late <-chan time.Time
	for range all {
		select {
		case address := <-answers:
			if address == "" {
				continue
			}
			there = append(there, address)
			if late == nil {
				late = time.After(answerGrace)
			}
			continue
		case <-late:
		case <-ctx.Done():
		}
		break
	}
	f.order = slices.Clone(all)
	slices.SortStableFunc(f.order, func(a, b string) int {
		switch {
		case slices.Contains(there, a) == slices.Contains(there, b):
			return 0
		case slices.Contains(there, a):
			return -1
		}
		return 1
	})
	return f.order
}
