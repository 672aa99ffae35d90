package main

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/target"
)

// answerWithin bounds how long a broker may take over one request. Where it is known not to answer at all it is given silentFor, which is longer than an answer takes.
const (
	answerWithin = 60 * time.Second
	silentFor    = 5 * time.Second
)

// side is one of the two brokers with all that a scenario learns about it. A scenario runs on both sides at once, with the
// same steps; what it gets from its own broker (ids, member names) goes into its later requests.
type side struct {
	kind   target.Kind
	addr   string
	port   string
	dir    string
	ranges map[int16][2]int16 // versions per key that leat advertises

	controlAddr string // of the controller listener
	user        string // who logs in; empty: nobody

	conn        net.Conn
	correlation int32
	names       *names
	entries     []entry
	asked       int16         // the version that askAll is at
	within      time.Duration // how long the next answer may take; 0: answerWithin
}

// entry is what one recorded request led to.
type entry struct {
	step    string
	key     int16
	version int16
	lines   map[string]string
}

var errClosed = errors.New("connection closed")

func (s *side) dial() (net.Conn, error) {
	return net.DialTimeout("tcp", s.addr, answerWithin)
}

// do sends a request in one version and records the answer under the name of the step. If the broker closes the connection
// instead, that is recorded, and an empty response is returned.
func (s *side) do(step string, version int16, req kmsg.Request) kmsg.Response {
	began := time.Now()
	s.expect(kmsg.NameForKey(req.Key()), step)
	resp, extra, err := s.exchange(version, req)
	if took := time.Since(began); took > 3*time.Second {
		fmt.Printf("%s took %.1f s: %s v%d %s\n", s.kind, took.Seconds(), kmsg.NameForKey(req.Key()), version, step)
	}
	s.record(step, req, resp, extra, err)
	return resp
}

// expect says what the next request is, for one that Kafka is known not to answer.
func (s *side) expect(api, step string) {
	s.within = answerWithin
	if s.kind == target.Kafka && silent(api, step) {
		s.within = silentFor
	}
}

// quiet sends a request that only prepares something; its answer is not compared.
func (s *side) quiet(version int16, req kmsg.Request) kmsg.Response {
	resp, _, err := s.exchange(version, req)
	if err != nil {
		panic(fmt.Sprintf("%s: %s v%d: %v", s.kind, kmsg.NameForKey(req.Key()), version, err))
	}
	return resp
}

// later sends a request on a connection of its own, for answers that wait for something. What it returns waits for the
// answer and records it.
func (s *side) later(step string, version int16, req kmsg.Request) func() kmsg.Response {
	own := &side{kind: s.kind, addr: s.addr}
	type answer struct {
		resp  kmsg.Response
		extra int
		err   error
	}
	done := make(chan answer, 1)
	sent := make(chan struct{})
	go func() {
		var a answer
		a.resp, a.extra, a.err = own.exchangeTold(version, req, sent)
		own.hangUp()
		done <- a
	}()
	<-sent
	return func() kmsg.Response {
		a := <-done
		s.record(step, req, a.resp, a.extra, a.err)
		return a.resp
	}
}

func (s *side) record(step string, req kmsg.Request, resp kmsg.Response, extra int, err error) {
	e := entry{step: step, key: req.Key(), version: req.GetVersion()}
	if err != nil {
		e.lines = map[string]string{"connection": err.Error()}
	} else {
		e.lines = s.names.render(resp)
		if extra != 0 {
			e.lines["undecoded bytes"] = fmt.Sprint(extra)
		}
	}
	s.entries = append(s.entries, e)
}

// note records something that is not an answer to a request, under the name of the step.
func (s *side) note(step, what string) {
	s.entries = append(s.entries, entry{step: step, key: -1, lines: map[string]string{"saw": what}})
}

func (s *side) hangUp() {
	if s.conn != nil {
		s.conn.Close()
		s.conn = nil
	}
}

func (s *side) exchange(version int16, req kmsg.Request) (kmsg.Response, int, error) {
	return s.exchangeTold(version, req, make(chan struct{}))
}

// exchangeTold sends and reads; it closes sent when the request is out, or cannot go out.
func (s *side) exchangeTold(version int16, req kmsg.Request, sent chan struct{}) (kmsg.Response, int, error) {
	req.SetVersion(version)
	resp := req.ResponseKind()
	resp.SetVersion(version)
	within := cmp.Or(s.within, answerWithin)
	s.within = 0 // a login in between is another request
	s.correlation++
	correlation := s.correlation // a login in between counts on
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("differential")).AppendRequest(nil, req, correlation)
	err := s.send(frame)
	close(sent)
	if err != nil {
		return resp, 0, err
	}
	if p, ok := req.(*kmsg.ProduceRequest); ok && p.Acks == 0 {
		return resp, 0, nil
	}
	body, err := s.receive(within)
	if err != nil {
		s.hangUp()
		return resp, 0, err
	}
	extra, err := decode(resp, body, correlation)
	return resp, extra, err
}

// decode reads a response behind its header and tells how many bytes were left over (or missing) after the last field.
func decode(resp kmsg.Response, body []byte, correlation int32) (int, error) {
	if len(body) < 4 || int32(binary.BigEndian.Uint32(body)) != correlation {
		return 0, fmt.Errorf("answer with a wrong correlation id: %x", body)
	}
	body = body[4:]
	if resp.IsFlexible() && resp.Key() != int16(kmsg.ApiVersions) {
		if len(body) == 0 || body[0] != 0 {
			return 0, fmt.Errorf("answer without the empty tags of its header: %x", body)
		}
		body = body[1:]
	}
	if err := resp.ReadFrom(body); err != nil {
		// An unsupported version of ApiVersions is answered in version 0.
		if resp.Key() == int16(kmsg.ApiVersions) {
			resp.SetVersion(0)
			err = resp.ReadFrom(body)
		}
		if err != nil {
			return 0, fmt.Errorf("answer cannot be decoded: %v: %x", err, body)
		}
	}
	return len(body) - len(resp.AppendTo(nil)), nil
}

func (s *side) send(frame []byte) error {
	if s.conn == nil {
		conn, err := s.dial()
		if err != nil {
			return err
		}
		s.conn = conn
		if s.user != "" {
			if err := s.login(); err != nil {
				s.hangUp()
				return err
			}
		}
	}
	_, err := s.conn.Write(frame)
	return err
}

func (s *side) receive(within time.Duration) ([]byte, error) {
	if err := s.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		return nil, err
	}
	var length [4]byte
	if _, err := io.ReadFull(s.conn, length[:]); err != nil {
		return nil, unanswered(err)
	}
	size := binary.BigEndian.Uint32(length[:])
	if size > mostAnswer { // words instead of a frame: what matters is whether the connection ends
		_, err := io.Copy(io.Discard, s.conn)
		return nil, unanswered(err)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(s.conn, body); err != nil {
		return nil, unanswered(err)
	}
	return body, nil
}

// mostAnswer is more than any answer to what is asked here. To allocate what four bytes of text would claim takes longer than an answer may.
const mostAnswer = 64 << 20

// unanswered says in the same words for both sides why there is no answer.
func unanswered(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer, connection open")
	}
	return errClosed
}

// versions calls step for each version of an API that leat advertises, lowest first.
func (s *side) versions(key kmsg.Key, step func(v int16)) {
	r, ok := s.ranges[int16(key)]
	if !ok {
		return
	}
	for v := r[0]; v <= r[1]; v++ {
		step(v)
	}
}

// last is the highest version of an API.
func (s *side) last(key kmsg.Key) int16 { return s.ranges[int16(key)][1] }

// eventually repeats what prepares something until it worked.
func (s *side) eventually(what string, try func() bool) {
	deadline := time.Now().Add(2 * time.Minute)
	for !try() {
		if time.Now().After(deadline) {
			panic(fmt.Sprintf("%s: waited in vain for %s", s.kind, what))
		}
		time.Sleep(10 * time.Millisecond)
	}
}
