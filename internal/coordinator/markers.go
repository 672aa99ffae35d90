package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/txn"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// markers carries out what transaction machines decided: it writes the end of transactions into every partition that has part in them, wherever its
// leader is, until it is there.
//
// What is to be written lies in one list per destination for all transactions together, so that a request to a node holds what has gathered
// while the last one was under way. What could not be written is tried again after a pause, by one timer for all; what has no leader to go to
// waits for an image that has one, however much it is. A decision counts for the leader epoch under which it was made: when this node ceases
// to lead that partition, all of it is dropped, and the next leader's machine asks for it again.
type markers struct {
	self    int32
	image   func() *metadata.Image
	local   func(record.TopicPartition, machine.Control, func(error))
	written func(led Led, w txn.MarkersWritten, done func(error)) // tells the machine; done: whether it heard
	logger  *slog.Logger
	box     outbox[*marker]

	mu      sync.Mutex
	led     map[int32]int32 // leader epochs, by partition of the transaction topic
	pending map[transactionKey]*ending
	again   []*marker // to be tried when the timer fires
	timer   *time.Timer
	waits   markerWaits
	telling int // times that a machine is to be told once more, since its log refused what followed
	closed  bool
}

// transactionKey names a transactional id that a partition of this node coordinates.
type transactionKey struct {
	partition int32
	id        string
}

// ending is a transaction whose markers are being written.
type ending struct {
	led   Led
	order txn.WriteMarkers
	// What follows is guarded by markers.mu.
	left    int                     // partitions without their marker
	unknown int                     // those of left that do not seem to exist
	done    []record.TopicPartition // those with their marker of which the machine was not told
	gone    bool                    // nobody wants it any more
}

// marker is one transaction's end in one partition.
type marker struct {
	ending  *ending
	tp      record.TopicPartition
	unknown time.Time // since when there is no such partition
}

const (
	markerRetry    = 100 * time.Millisecond // pause before a marker is tried again
	markerRequests = 5000                   // markers in one request
	// unknownMax is how long a partition may be unknown here until nobody tries any more. The machine gives up what is deleted by itself.
	unknownMax = time.Minute
)

func newMarkers(self int32, connect func(int32) Line, logger *slog.Logger) *markers {
	m := &markers{self: self, logger: logger, led: make(map[int32]int32), pending: make(map[transactionKey]*ending)}
	m.box.connect, m.box.max, m.box.send = connect, markerRequests, m.send
	return m
}

// leading notes from when to when decisions of a partition count.
func (m *markers) leading(partition, leaderEpoch int32, leading bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ended := false
	for key, e := range m.pending {
		if key.partition == partition {
			e.gone, ended = true, true
			delete(m.pending, key)
		}
	}
	if ended {
		m.waits.forget(func(k *marker) bool { return k.ending.gone })
	}
	delete(m.led, partition)
	if leading {
		m.led[partition] = leaderEpoch
	}
}

// end begins to write the markers of a transaction. It does not wait. A machine that was loaded anew asks again for what is under way: the later
// order takes the place of the one before, and writing a marker twice does no harm.
func (m *markers) end(led Led, order txn.WriteMarkers) {
	e := &ending{led: led, order: order, left: len(order.Partitions)}
	key := transactionKey{led.Partition, order.TransactionalID}
	m.mu.Lock()
	if epoch, ok := m.led[led.Partition]; !ok || epoch != led.LeaderEpoch || m.closed {
		m.mu.Unlock()
		return
	}
	if old := m.pending[key]; old != nil {
		old.gone = true
	}
	m.pending[key] = e
	m.mu.Unlock()
	if e.left == 0 {
		m.tell(e, nil)
		return
	}
	im := m.image()
	for _, tp := range order.Partitions {
		m.route(im, &marker{ending: e, tp: tp})
	}
}

// route puts a marker where it goes now.
func (m *markers) route(im *metadata.Image, k *marker) {
	topic, ok := im.Topic(k.tp.Topic)
	if !ok || int(k.tp.Partition) >= len(topic.Partitions) || k.tp.Partition < 0 {
		if now := time.Now(); k.unknown.IsZero() {
			k.unknown = now
			m.missing(k.ending, 1)
		} else if now.Sub(k.unknown) >= unknownMax {
			m.logger.Info("end of a transaction not written: there is no such partition", "transactional_id", k.ending.order.TransactionalID,
				"topic", k.tp.Topic, "partition", k.tp.Partition)
			m.missing(k.ending, -1)
			m.settled(k)
			return
		}
		m.wait(k)
		return
	}
	if !k.unknown.IsZero() {
		k.unknown = time.Time{}
		m.missing(k.ending, -1)
	}
	if leader := topic.Partitions[k.tp.Partition].Leader; leader < 0 {
		m.wait(k)
	} else if !m.box.put(leader, k) {
		m.later(k)
	}
}

// moved reports whether another node leads the partition by now, or none.
func moved(im *metadata.Image, k *marker, nodeID int32) bool {
	topic, ok := im.Topic(k.tp.Topic)
	return !ok || int(k.tp.Partition) >= len(topic.Partitions) || topic.Partitions[k.tp.Partition].Leader != nodeID
}

// later tries a marker again after a pause.
func (m *markers) later(k *marker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || k.ending.gone {
		return
	}
	m.again = append(m.again, k)
	if len(m.again) == 1 {
		m.arm()
	}
}

// arm sets the timer. mu is held.
func (m *markers) arm() {
	if m.timer == nil {
		m.timer = time.AfterFunc(markerRetry, m.retry)
		return
	}
	m.timer.Reset(markerRetry)
}

// retry is the timer's call.
func (m *markers) retry() {
	m.mu.Lock()
	again := m.again
	m.again = nil
	m.mu.Unlock()
	im := m.image()
	for _, k := range again {
		if m.wanted(k) {
			m.route(im, k)
		}
	}
}

// wanted reports whether the decision behind a marker still counts.
func (m *markers) wanted(k *marker) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !k.ending.gone && !m.closed
}

// outcome takes the end of an attempt.
func (m *markers) outcome(k *marker, err error) {
	switch {
	case err == nil:
		m.settled(k)
	case errors.Is(err, storage.ErrProducerFenced), errors.Is(err, kerr.InvalidProducerEpoch), errors.Is(err, kerr.ProducerFenced),
		errors.Is(err, storage.ErrStaleCoordinator), errors.Is(err, kerr.TransactionCoordinatorFenced):
		m.fenced(k, err)
	case errors.Is(err, kerr.UnsupportedForMessageFormat), errors.Is(err, kerr.UnsupportedVersion):
		m.settled(k) // there can be no records of the transaction
	default:
		m.logger.Debug("end of a transaction not written yet", "topic", k.tp.Topic, "partition", k.tp.Partition, "err", err)
		m.later(k)
	}
}

// fenced is what a partition says that has heard of a later epoch. If that is the producer's, the transaction has its end there already.
// If it is the coordinator's, another node leads the transaction's partition, and this one is about to hear of it.
func (m *markers) fenced(k *marker, err error) {
	m.logger.Info("end of a transaction refused", "transactional_id", k.ending.order.TransactionalID, "producer_id", k.ending.order.ProducerID,
		"topic", k.tp.Topic, "partition", k.tp.Partition, "err", err)
	if errors.Is(err, storage.ErrProducerFenced) || errors.Is(err, kerr.InvalidProducerEpoch) || errors.Is(err, kerr.ProducerFenced) {
		m.settled(k)
		return
	}
	m.mu.Lock()
	m.forget(k.ending)
	m.mu.Unlock()
}

// missing counts the partitions that do not seem to exist: the machine gives them up, and waits for the others only.
func (m *markers) missing(e *ending, by int) {
	m.mu.Lock()
	e.unknown += by
	m.mu.Unlock()
	m.tellIfAll(e)
}

// settled counts a partition that needs no marker any more.
func (m *markers) settled(k *marker) {
	m.mu.Lock()
	k.ending.left--
	k.ending.done = append(k.ending.done, k.tp)
	m.mu.Unlock()
	m.tellIfAll(k.ending)
}

// tellIfAll lets the machine know what is written, once there is nothing left to be written.
func (m *markers) tellIfAll(e *ending) {
	m.mu.Lock()
	var done []record.TopicPartition
	if e.left == e.unknown && !e.gone {
		done, e.done = e.done, nil
	}
	m.mu.Unlock()
	if len(done) > 0 {
		m.tell(e, done)
	}
}

// tell lets the machine know what is written, until it has heard or is there no more: then it asks for the markers again when it is loaded.
func (m *markers) tell(e *ending, done []record.TopicPartition) {
	w := txn.MarkersWritten{TransactionalID: e.order.TransactionalID, Token: e.order.Token, Partitions: done}
	m.written(e.led, w, func(err error) {
		if errors.Is(err, machine.ErrRefused) {
			m.mu.Lock()
			m.telling++
			m.mu.Unlock()
			time.AfterFunc(markerRetry, func() {
				m.mu.Lock()
				gone := e.gone || m.closed
				m.telling--
				m.mu.Unlock()
				if !gone {
					m.tell(e, done)
				}
			})
			return
		}
		m.mu.Lock()
		if e.left == 0 || err != nil {
			m.forget(e)
		}
		m.mu.Unlock()
	})
}

// forget drops an ending. mu is held.
func (m *markers) forget(e *ending) {
	e.gone = true
	key := transactionKey{e.led.Partition, e.order.TransactionalID}
	if m.pending[key] == e {
		delete(m.pending, key)
	}
}

// send writes markers to a node's partitions. Those whose leader changed while they lay here, behind a request to a node that hangs perhaps, go elsewhere.
func (m *markers) send(ctx context.Context, nodeID int32, line Line, items []*marker) {
	im, wanted := m.image(), items[:0]
	for _, k := range items {
		switch {
		case !m.wanted(k):
		case moved(im, k, nodeID):
			m.route(im, k)
		default:
			wanted = append(wanted, k)
		}
	}
	if nodeID == m.self {
		for _, k := range wanted {
			m.local(k.tp, k.ending.control(), func(err error) { m.outcome(k, err) })
		}
		return
	}
	for len(wanted) > 0 {
		var now, later []*marker
		now, later = onePerProducer(wanted)
		m.sendRemote(ctx, line, now)
		wanted = later
	}
}

// control is the marker as a log has it.
func (e *ending) control() machine.Control {
	c := machine.Control{Producer: machine.Producer{ID: e.order.ProducerID, Epoch: e.order.ProducerEpoch}, Marker: machine.AbortMarker,
		CoordinatorEpoch: e.order.CoordinatorEpoch, TransactionVersion: e.order.TransactionVersion}
	if e.order.Commit {
		c.Marker = machine.CommitMarker
	}
	return c
}

// close drops everything and waits for what is under way.
func (m *markers) close() {
	m.mu.Lock()
	m.closed = true
	if m.timer != nil {
		m.timer.Stop()
	}
	m.waits.stop()
	m.mu.Unlock()
	m.box.close()
}
