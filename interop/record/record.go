// Package record makes the records that the interop suite sends, from a seed, and judges what came back.
//
// A program under test only carries records: it reads lines that say what to send and prints lines that say what it was
// given. What is right is decided here, once for all languages.
package record

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Header is one header of a record; a nil Value is null.
type Header struct {
	Name  string
	Value []byte
}

// Record is what a client sends and gets; nil is null.
type Record struct {
	Codec      string
	Timestamp  int64 // milliseconds; 0 if the client cannot set it
	Key, Value []byte
	Headers    []Header
}

// Placed is a record as it was read: with its place in the topic.
type Placed struct {
	Record
	Partition int32
	Offset    int64
}

// Ack is the broker's answer for one sent record, as the client passed it on. Partition and Offset are -1 if the client
// does not tell.
type Ack struct {
	Partition int32
	Offset    int64
}

// InputLine is the form in which a program is told what to send.
func (r Record) InputLine() string {
	return strings.Join([]string{r.Codec, strconv.FormatInt(r.Timestamp, 10), hexOf(r.Key), hexOf(r.Value), headersOf(r.Headers)}, "\t")
}

// Content is everything that must arrive as it was sent. Two records of one run never have the same content.
func (r Record) Content() string {
	return strings.Join([]string{strconv.FormatInt(r.Timestamp, 10), hexOf(r.Key), hexOf(r.Value), headersOf(r.Headers)}, "\t")
}

// ParsePlaced reads the line that a program prints for a record it got.
func ParsePlaced(line string) (Placed, error) {
	f := strings.Split(line, "\t")
	if len(f) != 6 {
		return Placed{}, fmt.Errorf("%q: %d fields, not 6", line, len(f))
	}
	partition, err1 := strconv.ParseInt(f[0], 10, 32)
	offset, err2 := strconv.ParseInt(f[1], 10, 64)
	timestamp, err3 := strconv.ParseInt(f[2], 10, 64)
	key, err4 := bytesOf(f[3])
	value, err5 := bytesOf(f[4])
	p := Placed{Partition: int32(partition), Offset: offset, Record: Record{Timestamp: timestamp, Key: key, Value: value}}
	for _, err := range []error{err1, err2, err3, err4, err5} {
		if err != nil {
			return Placed{}, fmt.Errorf("%q: %w", line, err)
		}
	}
	for _, pair := range strings.Split(f[5], ",") {
		name, value, ok := strings.Cut(pair, ":")
		if !ok {
			continue
		}
		n, err1 := bytesOf(name)
		v, err2 := bytesOf(value)
		if err1 != nil || err2 != nil {
			return Placed{}, fmt.Errorf("%q: header %q is not hex", line, pair)
		}
		p.Headers = append(p.Headers, Header{Name: string(n), Value: v})
	}
	return p, nil
}

func hexOf(data []byte) string {
	if data == nil {
		return "-"
	}
	return hex.EncodeToString(data)
}

func bytesOf(text string) ([]byte, error) {
	if text == "-" {
		return nil, nil
	}
	data, err := hex.DecodeString(text)
	if data == nil {
		data = []byte{}
	}
	return data, err
}

func headersOf(headers []Header) string {
	pairs := make([]string, len(headers))
	for i, h := range headers {
		pairs[i] = hexOf([]byte(h.Name)) + ":" + hexOf(h.Value)
	}
	return strings.Join(pairs, ",")
}
