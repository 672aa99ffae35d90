package consumer

import (
	"encoding/binary"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What members of classic groups tell each other is bytes to the protocol, so that nothing has looked at the counts in it before a group with members of both
// protocols reads it. The reader makes room for as many elements as a count claims, each some fifty bytes, if only as many bytes follow: a request of a hundred
// megabytes would take gigabytes.

var errCounts = errors.New("a count of more elements than there are bytes for")

// readSubscription reads what a member says of itself.
func readSubscription(b []byte, into *kmsg.ConsumerMemberMetadata) error {
	const (
		name  = 2     // bytes of the shortest name
		owned = 2 + 4 // and of a topic with no partitions
	)
	w := counted{b: b}
	version := int16(w.int16())
	w.list(name, w.text)
	w.bytes()
	if version >= 1 {
		w.list(owned, w.partitions)
	}
	if w.bad {
		return errCounts
	}
	return into.ReadFrom(b)
}

// readAssignment reads what a member was given.
func readAssignment(b []byte, into *kmsg.ConsumerMemberAssignment) error {
	const given = 2 + 4
	w := counted{b: b}
	w.int16()
	w.list(given, w.partitions)
	if w.bad {
		return errCounts
	}
	return into.ReadFrom(b)
}

// counted walks over bytes and looks at the counts in them.
type counted struct {
	b   []byte
	bad bool
}

func (w *counted) take(n int) []byte {
	if w.bad || n < 0 || n > len(w.b) {
		w.bad = true
		return nil
	}
	taken := w.b[:n]
	w.b = w.b[n:]
	return taken
}

func (w *counted) int16() uint16 {
	if b := w.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (w *counted) int32() int {
	if b := w.take(4); b != nil {
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}

// list walks over elements that have some bytes each at least; none if there are fewer than none.
func (w *counted) list(least int, element func()) {
	n := w.int32()
	if n > len(w.b)/least {
		w.bad = true
	}
	for ; n > 0 && !w.bad; n-- {
		element()
	}
}

func (w *counted) text() { w.take(int(int16(w.int16()))) }

func (w *counted) bytes() {
	if n := w.int32(); n > 0 {
		w.take(n)
	}
}

func (w *counted) partitions() {
	w.text()
	n := w.int32()
	if n > len(w.b)/4 {
		w.bad = true
	}
	w.take(4 * max(n, 0))
}
