package record

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// What is compressed costs whoever sends it little and whoever reads it much. So decompressing is bounded over the whole process, in two classes.
//
// A batch that expands as batches do is read at once with few others, so that a processor is left for what else there is to do. One that turns out to
// expand more than ordinaryRatio times goes to the lane: there is one at a time, it rests for a multiple of the time that it works, and who waits for it holds no
// decoder. It begins anew there, which costs at most what was free. Who sends bombs so gets a fixed share of the processors for all of them together.
//
// A decoder is held while the caller looks at records, so callers neither wait for anything else meanwhile nor open another.
const (
	freeBytes     = 64 << 10 // every batch may expand to as much
	ordinaryRatio = 32       // and to so many times its size, ordinarily

	chunkBytes = 128 << 10 // decompressed at once; in between others have their turn
	laneWork   = time.Millisecond
	laneShare  = 8 // of all processors the lane gets one in so many
	laneRests  = 100 * time.Millisecond
	laneQueue  = 16 // batches of clients that may wait for the lane
)

// ErrBusy says that too many batches wait that expand very much: the client may try again.
var ErrBusy = errors.New("too many batches wait that expand more than 32 times: send the batch again, or compress less in one")

// errHeavy is what a decoder says that may not give as much as its input holds.
var errHeavy = errors.New("expands more than is ordinary")

var (
	ordinary = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1))
	heavy    lane
)

// lane is where batches are read that expand very much.
type lane struct {
	mu      sync.Mutex // held by the batch that is read
	waiting atomic.Int32
	rested  time.Time // when the last rest was over
}

// enter waits for the lane; with impatient, unless too many do already.
func (l *lane) enter(impatient bool) error {
	if n := l.waiting.Add(1); impatient && n > laneQueue {
		l.waiting.Add(-1)
		return ErrBusy
	}
	l.mu.Lock()
	l.waiting.Add(-1)
	l.rested = time.Now()
	return nil
}

// pace rests if the batch that is read has worked for long enough, its reader's work included. What is left of the share when a batch leaves is lost to the
// lane: pace is called then too.
func (l *lane) pace(least time.Duration) {
	worked := time.Since(l.rested)
	if worked < least {
		return
	}
	if factor := laneShare/runtime.GOMAXPROCS(0) - 1; factor > 0 {
		time.Sleep(min(time.Duration(factor)*worked, laneRests))
	}
	l.rested = time.Now()
}

func (l *lane) leave() {
	l.pace(0)
	l.mu.Unlock()
}

// metered is a decoder that is held to its class.
type metered struct {
	codec     Codec
	src       []byte
	inner     decoder
	out       int // bytes that were given
	free      int // bytes that may be given outside of the lane
	slow      bool
	impatient bool
}

var meters = sync.Pool{New: func() any { return new(metered) }}

// openDecoder starts to decompress src. The caller releases the decoder. impatient: the error may be ErrBusy, now or when it is read.
func openDecoder(c Codec, src []byte, impatient bool) (*metered, error) {
	if c <= Uncompressed || int(c) >= len(decoders) {
		return nil, invalidf("decompress: %s: only 1 to 4 are compressed", c)
	}
	m := meters.Get().(*metered)
	*m = metered{codec: c, src: src, free: freeBytes + ordinaryRatio*len(src), impatient: impatient}
	ordinary <- struct{}{}
	m.inner = decoders[c].Get().(decoder)
	err := m.inner.reset(src, m.free)
	if errors.Is(err, errHeavy) {
		err = m.slowDown()
	}
	if err != nil {
		m.release()
		if errors.Is(err, ErrBusy) {
			return nil, err
		}
		return nil, invalidf("decompress %s: %w", c, err)
	}
	return m, nil
}

// slowDown moves to the lane, without a decoder while it waits, and comes back to where it was.
func (m *metered) slowDown() error {
	m.inner.release()
	m.inner = nil
	<-ordinary
	m.slow = true
	if err := heavy.enter(m.impatient); err != nil {
		m.slow = false
		ordinary <- struct{}{} // as release expects
		return err
	}
	m.inner = decoders[m.codec].Get().(decoder)
	if err := m.inner.reset(m.src, maxInt); err != nil {
		return err
	}
	return m.skip(m.out)
}

// skip reads over what was given already.
func (m *metered) skip(n int) error {
	skipped := skips.Get().(*[chunkBytes]byte)
	defer skips.Put(skipped)
	for n > 0 {
		heavy.pace(laneWork)
		got, err := readSome(m.inner, skipped[:min(n, len(skipped))])
		if n -= got; err != nil && n > 0 {
			return fmt.Errorf("the second time: %w", err)
		}
	}
	return nil
}

var skips = sync.Pool{New: func() any { return new([chunkBytes]byte) }}

const maxInt = int(^uint(0) >> 1)

// due reports whether nothing more is given outside of the lane.
func (m *metered) due() bool { return !m.slow && m.out == m.free }

func (m *metered) Read(p []byte) (int, error) {
	if m.due() {
		if err := m.slowDown(); err != nil {
			return 0, err
		}
	}
	p = p[:min(len(p), chunkBytes)]
	if m.slow {
		heavy.pace(laneWork)
	} else {
		p = p[:min(len(p), m.free-m.out)]
	}
	n, err := m.inner.Read(p)
	if errors.Is(err, errHeavy) && !m.slow {
		if err = m.slowDown(); err == nil {
			n, err = m.inner.Read(p)
		}
	}
	if (m.out+n)/chunkBytes > m.out/chunkBytes {
		runtime.Gosched()
	}
	m.out += n
	return n, err
}

// release gives the decoder back, and the place that it had.
func (m *metered) release() {
	if m.inner != nil {
		m.inner.release()
	}
	if m.slow {
		heavy.leave()
	} else {
		<-ordinary
	}
	*m = metered{}
	meters.Put(m)
}
