package record

import (
	"encoding/base64"
	"fmt"
	"strconv"
)

// UUID is Kafka's 128-bit identifier of topics, log directories and node incarnations.
//
// Its text form is base64url without padding (22 characters), not the hexadecimal form of RFC 9562.
type UUID [16]byte

// String returns Kafka's text form, for example "AAAAAAAAAAAAAAAAAAAAAA" for the zero UUID.
func (u UUID) String() string { return base64.RawURLEncoding.EncodeToString(u[:]) }

// IsZero reports whether u is the all-zero UUID, which on the wire means "no id".
func (u UUID) IsZero() bool { return u == UUID{} }

// ParseUUID reads Kafka's text form.
func ParseUUID(s string) (UUID, error) {
	var u UUID
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(u) {
		return u, fmt.Errorf("uuid %q: not 16 bytes in base64url without padding", s)
	}
	copy(u[:], b)
	return u, nil
}

// TopicPartition names one partition of one topic. The zero value names partition 0 of the topic "".
type TopicPartition struct {
	Topic     string
	Partition int32
}

// String returns the name Kafka uses for the partition's directory: "orders-3".
func (tp TopicPartition) String() string {
	return tp.Topic + "-" + strconv.FormatInt(int64(tp.Partition), 10)
}
