package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"leat/internal/wire"
)

const (
	headBytes  = 8       // length and correlation id
	aheadBytes = 4 << 10 // so that small answers take one call
)

// intake takes answers out of a stream. After an error that does not end the stream it goes on where it was.
type intake struct {
	ahead    [aheadBytes]byte
	from, to int // what of ahead is not used yet
	id       int32
	rest     *wire.Buffer // of the answer under way; nil: its head is not complete
	have     int          // bytes of rest
}

// next reads correlation id and the rest of an answer. Nothing is allocated for one that is longer than limit.
func (in *intake) next(r io.Reader, limit int) (id int32, rest *wire.Buffer, err error) {
	for in.rest == nil {
		if in.to-in.from >= headBytes {
			if err := in.begin(limit); err != nil {
				return 0, nil, err
			}
			break
		}
		in.to = copy(in.ahead[:], in.ahead[in.from:in.to])
		in.from = 0
		n, err := r.Read(in.ahead[in.to:])
		in.to += n
		if err != nil && in.to < headBytes {
			if in.to == 0 && errors.Is(err, io.EOF) {
				return 0, nil, ErrHungUp
			}
			return 0, nil, fmt.Errorf("read: %w", unexpected(err))
		}
	}
	for in.have < len(in.rest.B) {
		n, err := r.Read(in.rest.B[in.have:])
		in.have += n
		if err != nil && in.have < len(in.rest.B) {
			return 0, nil, fmt.Errorf("read an answer of %d bytes: %w", len(in.rest.B)+4, unexpected(err))
		}
	}
	rest, in.rest = in.rest, nil
	return in.id, rest, nil
}

// begin takes up an answer whose head is there.
func (in *intake) begin(limit int) error {
	head := in.ahead[in.from:in.to]
	size := int64(int32(binary.BigEndian.Uint32(head)))
	if size < 4 || size-4 > int64(limit) {
		return fmt.Errorf("answer of %d bytes, expected 4 to %d: %w", size, limit, ErrGarbage)
	}
	in.id = int32(binary.BigEndian.Uint32(head[4:]))
	in.rest = wire.NewBuffer(int(size) - 4)
	in.have = copy(in.rest.B, head[headBytes:])
	in.from += headBytes + in.have
	return nil
}

// unexpected is the end of a stream where an answer should go on.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
