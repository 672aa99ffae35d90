package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// connections looks at what the brokers do with bytes that are no proper request.
func connections(s *side) {
	for _, of := range []struct {
		step string
		sent []byte
	}{
		{"nothing but a length of zero", lengthed(nil)},
		{"negative length", []byte{0xff, 0xff, 0xff, 0xff}},
		{"oversized length", []byte{0x7f, 0xff, 0xff, 0xff}},
		{"just too long", binary.BigEndian.AppendUint32(nil, 2000001)},
		{"unknown api key", lengthed(header(999, 0, 1, nil))},
		{"negative api key", lengthed(header(-1, 0, 1, nil))},
		{"removed api key", lengthed(header(4, 0, 1, nil))},
		{"controller's api key", lengthed(header(62, 0, 1, nil))},
		{"version too high", lengthed(header(3, 99, 1, nil))},
		{"version too low", lengthed(header(0, 2, 1, nil))},
		{"metadata without a body", lengthed(header(3, 1, 1, nil))},
		{"metadata with bytes left over", lengthed(header(3, 0, 1, []byte{0, 0, 0, 0, 1, 2, 3}))},
		{"metadata of too many topics", lengthed(header(3, 0, 1, []byte{0x7f, 0xff, 0xff, 0xff}))},
		{"metadata of -2 topics", lengthed(header(3, 1, 1, []byte{0xff, 0xff, 0xff, 0xfe}))},
		{"topic name longer than the request", lengthed(header(3, 0, 1, []byte{0, 0, 0, 1, 0x7f, 0xff, 'a'}))},
		{"topic name of length -1 in version 0", lengthed(header(3, 0, 1, []byte{0, 0, 0, 1, 0xff, 0xff}))},
		{"flexible metadata with a length that never ends", lengthed(append(header(3, 9, 1, []byte{0}), slices.Repeat([]byte{0xff}, 12)...))},
		{"header alone", lengthed([]byte{0, 3, 0, 0})},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")},
		{"a TLS hello", append([]byte{0x16, 3, 1, 0, 5}, slices.Repeat([]byte{1}, 200)...)},
		{"half a frame", lengthed(header(3, 0, 1, []byte{0, 0, 0, 0}))[:10]},
		{"half a length", []byte{0, 0}},
		{"versions in a truncated flexible form", lengthed(header(18, 3, 1, []byte{0}))},
		{"client id of length -2", lengthed([]byte{0, 3, 0, 0, 0, 0, 0, 1, 0xff, 0xfe, 0, 0, 0, 0})},
		{"invalid UTF-8 in a topic name", lengthed(header(3, 0, 1, []byte{0, 0, 0, 1, 0, 2, 0xc3, 0x28}))},
		{"tag with a size beyond the request", lengthed(header(18, 3, 1, []byte{0, 2, 'a', 2, '1', 1, 0, 0x7f}))},
		{"unknown tag is skipped", lengthed(header(12, 4, 1, []byte{0, 2, 'g', 0, 0, 0, 1, 2, 'm', 0, 1, 99, 1, 7}))},
		{"the same tag twice", lengthed(header(12, 4, 1, []byte{0, 2, 'g', 0, 0, 0, 1, 2, 'm', 0, 2, 99, 1, 7, 99, 1, 7}))},
		{"SASL handshake on a plain listener", lengthed(header(17, 1, 1, []byte{0, 5, 'P', 'L', 'A', 'I', 'N'}))},
		{"SASL authenticate on a plain listener", lengthed(header(36, 0, 1, []byte{0, 0, 0, 1, 0}))},
	} {
		within := answerWithin
		if strings.HasPrefix(of.step, "half") { // more could come
			within = silentFor
		}
		s.note(of.step, s.reaction(of.sent, within))
	}
	s.pipelined()
}

// reaction sends bytes on a new connection and tells what comes back.
func (s *side) reaction(sent []byte, within time.Duration) string {
	s.hangUp()
	defer s.hangUp()
	if err := s.send(sent); err != nil {
		return err.Error()
	}
	body, err := s.receive(within)
	if err != nil {
		return err.Error()
	}
	// Metadata carries ports and names; that there is an answer is enough here.
	if len(body) > 40 {
		return "an answer"
	}
	port, err := strconv.ParseUint(s.port, 10, 16)
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(bytes.ReplaceAll(body, binary.BigEndian.AppendUint32(nil, uint32(port)), []byte("PORT")))
}

// pipelined sends many requests at once: the answers come in the order of the requests.
func (s *side) pipelined() {
	s.hangUp()
	var frames []byte
	for i := range int32(20) {
		req := kmsg.Request(kmsg.NewPtrApiVersionsRequest())
		if i%2 == 1 {
			req = kmsg.NewPtrListGroupsRequest()
		}
		req.SetVersion(0)
		frames = append(frames, kmsg.NewRequestFormatter().AppendRequest(nil, req, i)...)
	}
	if err := s.send(frames); err != nil {
		panic(err)
	}
	inOrder := true
	for i := range uint32(20) {
		body, err := s.receive(answerWithin)
		inOrder = inOrder && err == nil && binary.BigEndian.Uint32(body) == i
		if !inOrder {
			break
		}
	}
	s.note("pipelined requests are answered in order", map[bool]string{true: "yes", false: "no"}[inOrder])
	s.hangUp()
}

func lengthed(frame []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)
}

// header is a request header of version 1 with an empty client id, and a body.
func header(key, version int16, correlation int32, body []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, uint16(key))
	b = binary.BigEndian.AppendUint16(b, uint16(version))
	b = binary.BigEndian.AppendUint32(b, uint32(correlation))
	b = binary.BigEndian.AppendUint16(b, 0)
	return append(b, body...)
}
