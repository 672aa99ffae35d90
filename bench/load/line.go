package load

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Line is a connection of one of many clients that wait at once, so that it is one of Go's network poller: on sockets that block, each would keep a
// thread of its own, and the threads would take more of the two processors than what is measured.
type Line struct {
	conn *net.TCPConn
	in   *bufio.Reader
	body []byte
}

// DialLine connects to a broker.
func DialLine(address string) (*Line, error) {
	to, err := net.ResolveTCPAddr("tcp4", address)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialTCP("tcp4", nil, to)
	if err != nil {
		return nil, err
	}
	return &Line{conn: conn, in: bufio.NewReaderSize(conn, 1024)}, nil
}

// Interrupt makes all that waits on the connection fail.
func (l *Line) Interrupt() {
	_ = l.conn.CloseRead() // the other side may have closed already
	_ = l.conn.CloseWrite()
}

// Close closes the connection, which nobody may use any more.
func (l *Line) Close() error { return l.conn.Close() }

// Send writes a frame.
func (l *Line) Send(frame []byte) error {
	_, err := l.conn.Write(frame)
	return err
}

// Next reads a response; its body is valid until the next call.
func (l *Line) Next() (correlation int32, body []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(l.in, head[:]); err != nil {
		return 0, nil, err
	}
	size := int(binary.BigEndian.Uint32(head[:])) - 4
	if size < 0 || size > 100<<20 {
		return 0, nil, fmt.Errorf("response of %d bytes", size)
	}
	if size > cap(l.body) {
		l.body = make([]byte, size)
	}
	l.body = l.body[:size]
	_, err = io.ReadFull(l.in, l.body)
	return int32(binary.BigEndian.Uint32(head[4:])), l.body, err
}

// Do sends a request and decodes its answer.
func (l *Line) Do(rq kmsg.Request) (kmsg.Response, error) {
	const correlation = 4711
	if err := l.Send(formatter.AppendRequest(nil, rq, correlation)); err != nil {
		return nil, err
	}
	got, body, err := l.Next()
	if err != nil {
		return nil, err
	}
	if got != correlation {
		return nil, fmt.Errorf("%s: answer to request %d instead of %d", kmsg.NameForKey(rq.Key()), got, correlation)
	}
	resp := rq.ResponseKind()
	if resp.IsFlexible() {
		if len(body) == 0 || body[0] != 0 {
			return nil, fmt.Errorf("%s: tags in the header of the answer", kmsg.NameForKey(rq.Key()))
		}
		body = body[1:]
	}
	return resp, resp.ReadFrom(body)
}
