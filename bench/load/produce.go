package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// ProduceSpec describes a load of produce requests. The topic must exist.
type ProduceSpec struct {
	Address     string
	Topic       string
	Partitions  int // of the topic; every connection goes round all of them
	Connections int
	Depth       int   // requests under way on each connection
	Acks        int16 // 1 or -1
	Batch       Batch
	RecordSize  int // bytes of values per record in the batch
	Duration    time.Duration
	MaxBytes    int64 // end earlier once this much was sent; 0: no bound
	PID         int   // of the broker, for its processor time; 0: unknown
	TLS         *tls.Config
}

// Totals is what went through in a load, and what it cost the broker.
type Totals struct {
	Requests int64
	Records  int64
	Bytes    int64 // of the values of records
	Wire     int64 // of frames (produce) or of fetched batches (consume)
	Seconds  float64
	CPU      float64 // of the broker
	// Latencies of requests, from sending to answer, in no order.
	Latencies []time.Duration
	// Ends has, for each partition, the offset behind the last acknowledged batch.
	Ends []int64
}

// MBPerSecond counts values of records, in 10^6 bytes.
func (t Totals) MBPerSecond() float64 { return float64(t.Bytes) / 1e6 / t.Seconds }

// CPUPerGB is the broker's processor seconds per 10^9 bytes of values.
func (t Totals) CPUPerGB() float64 { return t.CPU / (float64(t.Bytes) / 1e9) }

func (t *Totals) add(other Totals) {
	t.Requests += other.Requests
	t.Records += other.Records
	t.Bytes += other.Bytes
	t.Wire += other.Wire
	t.Latencies = append(t.Latencies, other.Latencies...)
	for i, end := range other.Ends {
		t.Ends[i] = max(t.Ends[i], end)
	}
}

// Produce runs the load. It returns after every request was answered.
func Produce(ctx context.Context, spec ProduceSpec) (Totals, error) {
	if spec.Acks == 0 {
		return Totals{}, errors.New("acks=0: nothing is answered, so nothing can be counted: use 1 or -1")
	}
	frames := make([][]byte, spec.Partitions)
	for i := range frames {
		frames[i] = ProduceFrame(spec.Topic, int32(i), spec.Acks, spec.Batch.Bytes)
	}
	c, err := dialAll(spec.Address, spec.Connections, spec.TLS)
	if err != nil {
		return Totals{}, err
	}
	producers := make([]*producer, len(c.conns))
	m, err := startMeter(spec.PID)
	if err != nil {
		return Totals{}, errors.Join(err, c.close())
	}
	for i, conn := range c.conns {
		p := &producer{spec: spec, conn: conn, frames: frames, next: i * spec.Partitions / spec.Connections, until: m.began.Add(spec.Duration)}
		p.totals.Ends = make([]int64, spec.Partitions)
		producers[i] = p
		c.start(p.run)
	}
	err = c.wait(ctx)
	total := Totals{Ends: make([]int64, spec.Partitions)}
	if err := errors.Join(err, m.stop(&total), c.close()); err != nil {
		return Totals{}, fmt.Errorf("produce to %s: %w", spec.Topic, err)
	}
	for _, p := range producers {
		total.add(p.totals)
	}
	return total, nil
}

// meter takes the time and the broker's processor time of a load.
type meter struct {
	pid   int
	began time.Time
	cpu   float64
}

func startMeter(pid int) (meter, error) {
	cpu, err := CPUSeconds(pid)
	return meter{pid, time.Now(), cpu}, err
}

func (m meter) stop(t *Totals) error {
	t.Seconds = time.Since(m.began).Seconds()
	cpu, err := CPUSeconds(m.pid)
	t.CPU = cpu - m.cpu
	return err
}

// producer is one connection of a load. It keeps as many requests under way as the depth says, and answers come in order.
type producer struct {
	spec   ProduceSpec
	conn   *Conn
	frames [][]byte
	next   int // partition of the next request
	until  time.Time
	totals Totals
}

// sent is a request under way.
type sent struct {
	partition int
	at        time.Time
}

func (p *producer) run() error {
	under := make([]sent, 0, p.spec.Depth)
	first := 0 // the oldest in the ring
	now := time.Now()
	for now.Before(p.until) && !p.full() {
		if len(under) < p.spec.Depth {
			under = append(under, sent{})
			if err := p.send(&under[len(under)-1], now); err != nil {
				return err
			}
			now = time.Now()
			continue
		}
		if err := p.receive(under[first]); err != nil {
			return err
		}
		now = time.Now()
		p.totals.Latencies = append(p.totals.Latencies, now.Sub(under[first].at))
		if err := p.send(&under[first], now); err != nil {
			return err
		}
		first = (first + 1) % p.spec.Depth
	}
	for i := range under {
		s := under[(first+i)%len(under)]
		if err := p.receive(s); err != nil {
			return err
		}
		p.totals.Latencies = append(p.totals.Latencies, time.Since(s.at))
	}
	return nil
}

func (p *producer) full() bool {
	return p.spec.MaxBytes > 0 && p.totals.Wire >= p.spec.MaxBytes/int64(p.spec.Connections)
}

func (p *producer) send(s *sent, now time.Time) error {
	*s = sent{p.next, now}
	frame := p.frames[p.next]
	p.next = (p.next + 1) % len(p.frames)
	p.totals.Wire += int64(len(frame))
	return p.conn.Send(frame)
}

func (p *producer) receive(s sent) error {
	base, err := receiveProduced(p.conn, p.spec.Topic, int32(s.partition))
	if err != nil {
		return err
	}
	records := int64(p.spec.Batch.Records)
	p.totals.Requests++
	p.totals.Records += records
	p.totals.Bytes += records * int64(p.spec.RecordSize)
	p.totals.Ends[s.partition] = max(p.totals.Ends[s.partition], base+records)
	return nil
}

// receiveProduced reads the answer to a request of ProduceFrame and returns the base offset of the batch.
func receiveProduced(c *Conn, topic string, partition int32) (base int64, err error) {
	correlation, err := c.Next()
	if err != nil {
		return 0, err
	}
	if correlation != partition {
		return 0, fmt.Errorf("answer to request %d instead of %d: answers are out of order", correlation, partition)
	}
	body, err := c.Rest()
	if err != nil {
		return 0, err
	}
	return parseProduced(body, topic, partition)
}

// parseProduced reads a response by hand, because kmsg would allocate a dozen times for each: one topic, one partition.
func parseProduced(body []byte, topic string, partition int32) (base int64, err error) {
	r := reader{b: body}
	r.tags()
	topics := r.uvarint()
	name := r.bytes(r.uvarint() - 1)
	partitions := r.uvarint()
	index, code := int32(r.number(4)), int16(r.number(2))
	base = int64(r.number(8))
	switch {
	case r.failed:
		return 0, fmt.Errorf("produce response: %d bytes that cannot be read: %x", len(body), body[:min(len(body), 64)])
	case topics != 2 || partitions != 2 || string(name) != topic || index != partition:
		return 0, fmt.Errorf("produce response: names %s-%d (%d topics), asked was for %s-%d", name, index, topics-1, topic, partition)
	case code != 0:
		return 0, fmt.Errorf("produce to %s-%d: %w", topic, partition, kerr.ErrorForCode(code))
	case base < 0:
		return 0, fmt.Errorf("produce to %s-%d: base offset %d", topic, partition, base)
	}
	return base, nil
}
