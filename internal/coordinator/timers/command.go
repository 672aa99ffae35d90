package timers

import (
	"errors"

	"leat/internal/coordinator/field"
	"leat/internal/record"
)

// Command is what the leader of a target asks: to take the delayed records of one batch (Entries), or, without entries, how far the account
// of a producer is.
type Command struct {
	// To is the incarnation of the node that is asked. Only nodes of the cluster know it: no API of clients tells it.
	To       record.UUID
	Target   Target
	Producer Producer
	// MaxPending bounds the bytes that may wait for the target, those of the command included; 0 or less: nothing does.
	MaxPending int64
	Entries    []Entry
}

// Producer is who sent a batch, and with which sequences.
type Producer struct {
	ID    int64 // -1: not idempotent
	Epoch int16
	Range Range
	// LogEpoch and LogLast are the producer's last epoch and sequence in the target's log; -1: its log does not know the producer.
	LogEpoch int16
	LogLast  int32
}

// Entry is a record that waits, or (Payload nil) the order to forget the one with the ID.
type Entry struct {
	Due     int64
	ID      string
	Payload []byte
}

// Outcome is the answer to a command.
type Outcome struct {
	Code int16
	// Epoch and Last are the producer's account after the command; Last -1: none.
	Epoch int16
	Last  int32
}

const (
	commandVersion int8 = 0
	entryBytes          = 8 + 4 + 4
)

// Encode writes a command for another node.
func (c *Command) Encode() []byte {
	size := 80
	for i := range c.Entries {
		size += entryBytes + len(c.Entries[i].ID) + len(c.Entries[i].Payload)
	}
	w := field.Writer{B: make([]byte, 0, size)}
	w.Int8(commandVersion)
	w.UUID(c.To)
	w.UUID(c.Target.TopicID)
	w.Int32(c.Target.Partition)
	w.Int64(c.Producer.ID)
	w.Int16(c.Producer.Epoch)
	w.Int32(c.Producer.Range.First)
	w.Int32(c.Producer.Range.Last)
	w.Int16(c.Producer.LogEpoch)
	w.Int32(c.Producer.LogLast)
	w.Int64(c.MaxPending)
	w.Int32(int32(len(c.Entries)))
	for i := range c.Entries {
		w.Int64(c.Entries[i].Due)
		appendBytes(&w, []byte(c.Entries[i].ID))
		appendBytes(&w, c.Entries[i].Payload)
	}
	return w.B
}

var errNegative = errors.New("number is negative")

// DecodeCommand reads a command. Its payloads belong to b.
func DecodeCommand(b []byte) (*Command, error) {
	r := field.Reader{B: b}
	if r.Int8() != commandVersion {
		r.Fail(errVersion)
	}
	c := &Command{To: r.UUID()}
	c.Target = Target{r.UUID(), r.Int32()}
	c.Producer = Producer{ID: r.Int64(), Epoch: r.Int16(), Range: Range{r.Int32(), r.Int32()}, LogEpoch: r.Int16(), LogLast: r.Int32()}
	if p := &c.Producer; c.Target.Partition < 0 || p.ID >= 0 && (p.Epoch < 0 || p.Range.First < 0 || p.Range.Last < 0) {
		r.Fail(errNegative)
	}
	c.MaxPending = r.Int64()
	for range bounded(&r, entryBytes) {
		e := Entry{Due: r.Int64(), ID: string(readBytes(&r)), Payload: readBytes(&r)}
		if e.Due < 0 {
			r.Fail(errNegative)
		}
		c.Entries = append(c.Entries, e)
	}
	return c, r.Done("command about timers")
}
