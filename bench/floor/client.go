package floor

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sys/unix"

	"leat/bench/load"
)

// client is one connection.
type client struct {
	floor *Floor
	conn  *load.Conn
	fd    int
	reply []byte
}

func (c *client) serve() error {
	for {
		frame, err := c.conn.Frame()
		if err != nil {
			return err
		}
		if len(frame) < 10 {
			return fmt.Errorf("request of %d bytes", len(frame))
		}
		key, version := binary.BigEndian.Uint16(frame), binary.BigEndian.Uint16(frame[2:])
		correlation := frame[4:8]
		idLength := int(binary.BigEndian.Uint16(frame[8:]))
		if len(frame) < 10+idLength+1 {
			return errors.New("request without a body")
		}
		body := frame[10+idLength+1:] // no tags
		switch {
		case key == uint16(kmsg.Produce) && version == load.ProduceVersion:
			err = c.produce(correlation, body)
		case key == uint16(kmsg.Fetch) && version == load.FetchVersion:
			err = c.fetch(correlation, body)
		default:
			err = fmt.Errorf("request %d in version %d: the floor knows produce %d and fetch %d", key, version, load.ProduceVersion, load.FetchVersion)
		}
		if err != nil {
			return err
		}
	}
}

// produce takes a request of one batch. It is read by hand and answered in one write.
func (c *client) produce(correlation, body []byte) error {
	// No transactional id, acks, timeout, one topic.
	topic, rest, ok := compact(skip(body, 1+2+4+1))
	if !ok || len(rest) < 5 {
		return errors.New("produce request without a topic")
	}
	partition := int32(binary.BigEndian.Uint32(rest[1:]))
	batch, _, ok := compact(rest[5:])
	if !ok {
		return errors.New("produce request without a batch")
	}
	f, err := c.floor.open(topic, partition)
	if err != nil {
		return err
	}
	base, err := f.append(batch)
	if err != nil {
		return err
	}
	b := append(c.reply[:0], 0, 0, 0, 0)
	b = append(b, correlation...)
	b = append(b, 0, 2) // tags, one topic
	b = binary.AppendUvarint(b, uint64(len(topic)+1))
	b = append(b, topic...)
	b = append(b, 2) // one partition
	b = binary.BigEndian.AppendUint32(b, uint32(partition))
	b = append(b, 0, 0) // no error
	b = binary.BigEndian.AppendUint64(b, uint64(base))
	b = binary.BigEndian.AppendUint64(b, ^uint64(0)) // no append time
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0)            // log start offset
	b = append(b, 1, 0, 0)                           // no record errors, no message, no tags
	b = append(b, 0, 0, 0, 0, 0, 0)                  // no tags, throttle time, no tags
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	c.reply = b
	return c.conn.Send(b)
}

func skip(b []byte, n int) []byte {
	return b[min(n, len(b)):]
}

// compact takes a length, one more than what follows, and that many bytes.
func compact(b []byte) (value, rest []byte, ok bool) {
	size, n := binary.Uvarint(b)
	if n <= 0 || size == 0 || size-1 > uint64(len(b)-n) {
		return nil, nil, false
	}
	end := n + int(size) - 1
	return b[n:end], b[end:], true
}

// part is what a partition gives to a response.
type part struct {
	f              *file
	position, size int64
}

// fetch answers with all partitions that were asked for, up to the bounds of the request.
func (c *client) fetch(correlation, body []byte) error {
	req := kmsg.NewPtrFetchRequest()
	req.Version = load.FetchVersion
	if err := req.ReadFrom(body); err != nil {
		return err
	}
	if len(req.Topics) != 1 {
		return fmt.Errorf("fetch of %d topics: the floor takes one", len(req.Topics))
	}
	t := req.Topics[0]
	parts := make([]part, len(t.Partitions))
	left := int64(req.MaxBytes)
	for i, p := range t.Partitions {
		f, err := c.floor.open([]byte(t.Topic), p.Partition)
		if err != nil {
			return err
		}
		parts[i].f = f
		if left <= 0 {
			continue
		}
		if parts[i].position, parts[i].size, err = f.slice(p.FetchOffset, min(int64(p.PartitionMaxBytes), left)); err != nil {
			return err
		}
		left -= parts[i].size
	}
	return c.sendParts(correlation, t, parts)
}

func (c *client) sendParts(correlation []byte, t kmsg.FetchRequestTopic, parts []part) error {
	b := append(c.reply[:0], 0, 0, 0, 0)
	b = append(b, correlation...)
	b = append(b, 0)                            // tags
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // throttle time, error, session
	b = append(b, 2)
	b = binary.AppendUvarint(b, uint64(len(t.Topic)+1))
	b = append(b, t.Topic...)
	b = binary.AppendUvarint(b, uint64(len(parts)+1))
	cuts := make([]int, len(parts)) // where the records of a partition go
	total := int64(0)
	for i, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(t.Partitions[i].Partition))
		b = append(b, 0, 0)
		b = append(b, make([]byte, 3*8)...)  // offsets that nobody looks at
		b = append(b, 0, 255, 255, 255, 255) // no aborted transactions, no preferred replica
		b = binary.AppendUvarint(b, uint64(p.size+1))
		cuts[i] = len(b)
		b = append(b, 0) // tags
		total += p.size
	}
	b = append(b, 0, 0) // tags of the topic and of the response
	binary.BigEndian.PutUint32(b, uint32(int64(len(b)-4)+total))
	c.reply = b
	from := 0
	for i, p := range parts {
		if err := c.more(b[from:cuts[i]]); err != nil {
			return err
		}
		from = cuts[i]
		if err := c.sendFile(p); err != nil {
			return err
		}
	}
	return c.conn.Send(b[from:])
}

// more writes bytes after which others follow at once.
func (c *client) more(b []byte) error {
	for len(b) > 0 {
		n, err := unix.SendmsgN(c.fd, b, nil, nil, msgMore)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("send: %w", err)
		}
		b = b[max(n, 0):]
	}
	return nil
}

func (c *client) sendFile(p part) error {
	for p.size > 0 {
		n, err := sendfile(c.fd, int(p.f.f.Fd()), &p.position, int(p.size))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("sendfile: %w", err)
		}
		p.size -= int64(max(n, 0))
	}
	return nil
}
