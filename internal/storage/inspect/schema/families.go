package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"leat/internal/record"
)

// Family is a log whose records have keys and values of known types.
type Family string

// The families whose keys name the type of the record.
const (
	Groups       Family = "group"       // __consumer_offsets
	Transactions Family = "transaction" // __transaction_state
	ShareState   Family = "share"       // __share_group_state
)

// UnknownTypeError is the error for a key of a type that does not exist.
type UnknownTypeError struct{ Type int16 }

func (e UnknownTypeError) Error() string { return fmt.Sprintf("record type %d is not known", e.Type) }

var errNoKey = errors.New("record has no key")

// Coordinator decodes key and value of a record of a family. A null value, which deletes what the key names, gives a nil JSON.
func Coordinator(family Family, key, value []byte) (keyJSON, valueJSON []byte, err error) {
	if len(key) < 2 {
		return nil, nil, errNoKey
	}
	number := int16(binary.BigEndian.Uint16(key))
	keys := tables()[kind{string(family), "key", int32(number)}]
	values := tables()[kind{string(family), "value", int32(number)}]
	if keys == nil || values == nil {
		return nil, nil, UnknownTypeError{number}
	}
	keyJSON = append(keyJSON, `{"type":"`...)
	keyJSON = append(strconv.AppendInt(keyJSON, int64(number), 10), `","data":`...)
	if keyJSON, err = decode(keyJSON, keys, 0, key[2:]); err != nil {
		return nil, nil, err
	}
	keyJSON = append(keyJSON, '}')
	if value == nil {
		return keyJSON, nil, nil
	}
	if len(value) < 2 {
		return nil, nil, fmt.Errorf("value of %d bytes has no version", len(value))
	}
	version := int16(binary.BigEndian.Uint16(value))
	valueJSON = append(valueJSON, `{"version":"`...)
	valueJSON = append(strconv.AppendInt(valueJSON, int64(version), 10), `","data":`...)
	if valueJSON, err = decode(valueJSON, values, version, value[2:]); err != nil {
		return nil, nil, err
	}
	return keyJSON, append(valueJSON, '}'), nil
}

// Metadata decodes the value of a record of __cluster_metadata.
func Metadata(value []byte) ([]byte, error) { return framed("metadata", value) }

// RemoteLogMetadata decodes the value of a record of __remote_log_metadata.
func RemoteLogMetadata(value []byte) ([]byte, error) { return framed("remote", value) }

// framed decodes a value that begins with frame version, type and version, each a varint; remote metadata has no frame version.
func framed(family string, value []byte) ([]byte, error) {
	d := decoder{src: value}
	if family == "metadata" {
		if frame := d.uvarint(); d.err == nil && frame != 1 {
			return nil, fmt.Errorf("unknown frame version %d (only frame version 1 is supported)", frame)
		}
	}
	number, version := d.uvarint(), d.uvarint()
	if d.err != nil {
		return nil, fmt.Errorf("frame: %w", d.err)
	}
	m := tables()[kind{family, "value", int32(number)}]
	if m == nil {
		return nil, fmt.Errorf("record type %d is not known", number)
	}
	if version > 1<<15-1 {
		return nil, fmt.Errorf("%s has no version %d", m.name, version)
	}
	out := append([]byte(`{"type":"`), upperSnake(m.name)...)
	out = strconv.AppendInt(append(out, `","version":`...), version, 10)
	out, err := decode(append(out, `,"data":`...), m, int16(version), d.src)
	if err != nil {
		return nil, err
	}
	return append(out, '}'), nil
}

// upperSnake writes TopicRecord as TOPIC_RECORD.
func upperSnake(name string) string {
	var out strings.Builder
	for i, r := range name {
		if i > 0 && r >= 'A' && r <= 'Z' {
			out.WriteByte('_')
		}
		out.WriteRune(r)
	}
	return strings.ToUpper(out.String())
}

// Control decodes the value of a control record of the metadata log; ok is false for other types.
func Control(t record.ControlType, value []byte) (text []byte, ok bool, err error) {
	m := tables()[kind{"control", "value", int32(t)}]
	if m == nil {
		return nil, false, nil
	}
	if len(value) < 2 {
		return nil, true, fmt.Errorf("%s: %w", m.name, errShort)
	}
	// The version is the first field of these, too, and its own.
	text, err = decode(nil, m, int16(binary.BigEndian.Uint16(value)), value)
	return text, true, err
}
