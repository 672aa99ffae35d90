package listener

import (
	"encoding/binary"
	"hash/crc32"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// sized is a request whose frame is about size bytes long and unlike others.
func sized(correlationID int32, size int) []byte {
	req := kmsg.NewPtrHeartbeatRequest()
	req.Version = 4
	req.Group = strings.Repeat(string('a'+correlationID%26), size)
	return wire.AppendRequest(nil, correlationID, "test", req)
}

// answerSum replies with the checksum of the body, so that a byte out of place shows.
func answerSum(r *Request) {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.ThrottleMillis = int32(crc32.ChecksumIEEE(r.Body))
	r.Reply(wire.EncodeResponse(r.Header, resp))
}

// sendInPieces writes requests of the given sizes, cut into pieces wherever chance has it.
func sendInPieces(t *testing.T, c net.Conn, rng *rand.Rand, sizes []int) (sums []uint32) {
	var all []byte
	for i, size := range sizes {
		frame := sized(int32(i), size)
		_, body, err := wire.ParseHeader(frame[prefix:])
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, crc32.ChecksumIEEE(body))
		all = append(all, frame...)
	}
	go func() {
		for len(all) > 0 {
			n := min(len(all), 1+rng.IntN(1<<(1+rng.IntN(19))))
			if _, err := c.Write(all[:n]); err != nil {
				return // the reader of replies tells
			}
			all = all[n:]
		}
	}()
	return sums
}

func TestRequestsArriveWholeHoweverTheyAreCut(t *testing.T) {
	s, book := start(t, Limits{}, answerSum)
	rng := rand.New(rand.NewPCG(3, 4))
	for round := range 30 {
		sizes := make([]int, 60)
		equal := 1 + rng.IntN(100<<10)
		for i := range sizes {
			switch round % 3 {
			case 0:
				sizes[i] = equal // the third one is expected
			case 1:
				sizes[i] = 1 + rng.IntN(1<<(1+rng.IntN(11))) // many at a time
			default:
				sizes[i] = 1 + rng.IntN(1<<(1+rng.IntN(18)))
			}
		}
		c := dial(t, s)
		for i, sum := range sendInPieces(t, c, rng, sizes) {
			id, body := readReply(t, c)
			if id != int32(i) || binary.BigEndian.Uint32(body[1:]) != sum {
				t.Fatalf("round %d: reply %d to request %d of %d bytes: its body arrived changed", round, id, i, sizes[i])
			}
		}
		c.Close()
		book.awaitClosed(t, 1)
	}
	if n := s.cfg.Shared.RequestBytes(); n != 0 {
		t.Errorf("%d request bytes are still counted", n)
	}
}

func TestConnectionThatWaitsHoldsNoBuffer(t *testing.T) {
	var c *conn
	s, _ := start(t, Limits{}, func(r *Request) {
		c = r.conn
		answerHeartbeat(r)
	})
	client := dial(t, s)
	for _, size := range []int{10, 10_000, 10_000, 10_000, 200_000, 10} {
		client.Write(sized(1, size))
		readReply(t, client)
	}
	s.Close() // the reader has ended: what it holds may be looked at
	if c.in.buffer != nil || c.in.fresh != nil || len(c.in.ahead) != 0 {
		t.Fatalf("the intake holds %+v", c.in)
	}
}

// raceDetector is true when tests run with it.
var raceDetector bool

func TestSmallRequestAllocatesItsRequestOnly(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector pools drop some of what they are given")
	}
	s, _ := start(t, Limits{}, func(r *Request) { r.Reply(wire.UnsupportedVersion(r.Header)) })
	answer := testing.AllocsPerRun(200, func() { wire.UnsupportedVersion(wire.RequestHeader{}).Release() })
	c := dial(t, s)
	request, reply := heartbeat(1), make([]byte, 4+4+2+4+6) // ApiVersions v0 with one key
	exchange := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for have := 0; have < len(reply); {
			n, err := c.Read(reply[have:])
			if err != nil {
				t.Fatal(err)
			}
			have += n
		}
	}
	exchange()
	if got := testing.AllocsPerRun(500, exchange); got > answer+1 {
		t.Fatalf("%v allocations per request, of which the answer makes %v: want one besides", got, answer)
	}
}
