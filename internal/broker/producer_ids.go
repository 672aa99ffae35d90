package broker

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
)

// producerIDs hands out producer ids from blocks that the controller allots to this node. When most of a block is used up, the next one is asked for ahead.
type producerIDs struct {
	asking chan struct{} // holds one token: who has it asks the controller

	mu      sync.Mutex
	current idBlock
	spare   idBlock
}

// idBlock is the ids from next up to, but not including, end.
type idBlock struct{ next, end, size int64 }

func (b idBlock) empty() bool { return b.next >= b.end }

// askForIDs allots a block.
type askForIDs func(context.Context) (idBlock, error)

func newProducerIDs() *producerIDs {
	p := &producerIDs{asking: make(chan struct{}, 1)}
	p.asking <- struct{}{}
	return p
}

// take returns an unused id, waiting for the controller if there is none.
func (p *producerIDs) take(ctx context.Context, ask askForIDs) (int64, error) {
	for {
		if id, ok := p.next(); ok {
			return id, nil
		}
		select {
		case <-p.asking:
		case <-ctx.Done():
			return 0, fmt.Errorf("another request for producer ids is under way: %w", ctx.Err())
		}
		err := p.fill(ctx, ask)
		p.asking <- struct{}{}
		if err != nil {
			return 0, err
		}
	}
}

// refill gets the next block if the present one is nearly used up and nobody else is at it.
func (p *producerIDs) refill(ctx context.Context, ask askForIDs) {
	if !p.low() {
		return
	}
	select {
	case <-p.asking:
		_ = p.fill(ctx, ask) // take reports it, should ids run out
		p.asking <- struct{}{}
	default:
	}
}

// fill asks for a block unless one has come meanwhile. The caller holds the token.
func (p *producerIDs) fill(ctx context.Context, ask askForIDs) error {
	if !p.low() {
		return nil
	}
	block, err := ask(ctx)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current.empty() {
		p.current = block
	} else {
		p.spare = block
	}
	return nil
}

// next takes an id if there is one.
func (p *producerIDs) next() (int64, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.current.empty() {
		p.current, p.spare = p.spare, idBlock{}
	}
	if p.current.empty() {
		return 0, false
	}
	p.current.next++
	return p.current.next - 1, true
}

// low reports whether less than a tenth of a block is left.
func (p *producerIDs) low() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.spare.empty() && (p.current.end-p.current.next)*10 <= p.current.size
}

// allocateProducerIDs asks the controller for a block.
func (h *Handlers) allocateProducerIDs(ctx context.Context) (idBlock, error) {
	self, ok := h.Image().Broker(h.NodeID)
	if !ok {
		return idBlock{}, fmt.Errorf("node %d is not registered yet", h.NodeID)
	}
	rq := kmsg.NewPtrAllocateProducerIDsRequest()
	rq.BrokerID, rq.BrokerEpoch = h.NodeID, self.Epoch
	answer, err := h.Controller.Do(ctx, security.Self, rq)
	if err != nil {
		return idBlock{}, fmt.Errorf("allocate producer ids: %w", err)
	}
	resp, ok := answer.(*kmsg.AllocateProducerIDsResponse)
	if !ok {
		return idBlock{}, fmt.Errorf("allocate producer ids: the controller answered with %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return idBlock{}, fmt.Errorf("allocate producer ids: %w", err)
	}
	if resp.ProducerIDStart < 0 || resp.ProducerIDLen <= 0 {
		return idBlock{}, fmt.Errorf("allocate producer ids: the controller allotted %d ids from %d on", resp.ProducerIDLen, resp.ProducerIDStart)
	}
	size := int64(resp.ProducerIDLen)
	return idBlock{next: resp.ProducerIDStart, end: resp.ProducerIDStart + size, size: size}, nil
}
