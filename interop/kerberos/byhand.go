package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana/etypeID"
	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// byHand sends first messages that no client sends at once: libraries correct their clocks, and get a new ticket for one whose time is over.
func (s *suite) byHand() {
	ticket, key, err := s.fetch("kafka/localhost")
	if err != nil {
		s.told("a ticket for what is made by hand", err)
		return
	}
	var good []byte
	for _, c := range []struct {
		what, cause string
		message     func() ([]byte, error)
	}{
		{"by hand, a good ticket", "", func() ([]byte, error) { good, err = request(ticket, key, 0); return good, err }},
		{"by hand, the same message again", "this login was made before", func() ([]byte, error) { return good, nil }},
		{"by hand, a clock ten minutes ahead", "the clocks of this node and the client differ", func() ([]byte, error) { return request(ticket, key, 10*time.Minute) }},
		{"by hand, a clock ten minutes behind", "the clocks of this node and the client differ", func() ([]byte, error) { return request(ticket, key, -10*time.Minute) }},
		{"by hand, a ticket whose time is over", "it has expired", func() ([]byte, error) { return s.forged(-2*time.Hour, -time.Hour) }},
		{"by hand, a ticket whose time has not come", "it is not valid yet", func() ([]byte, error) { return s.forged(time.Hour, 2*time.Hour) }},
		{"by hand, no ticket", "the first message is no token of GSSAPI", func() ([]byte, error) { return []byte("hello"), nil }},
	} {
		before := s.logged()
		message, err := c.message()
		if err == nil {
			err = send(s.address, message)
		}
		switch {
		case c.cause == "":
		case err == nil:
			err = errors.New("it is taken")
		default:
			err = s.await(before, c.cause, 1)
		}
		s.told(c.what, err)
	}
}

// await waits until leat has logged words so many times behind something.
func (s *suite) await(before, words string, times int) error {
	for until := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		more := s.logged()[len(before):]
		found := strings.Count(more, words)
		if found >= times {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("leat's log says %d times of %d %q: %s", found, times, words, more)
		}
	}
}

// fetch gets a ticket for a service from the KDC.
func (s *suite) fetch(service string) (messages.Ticket, types.EncryptionKey, error) {
	conf, err := config.Load(s.kdc.path("krb5.conf"))
	if err != nil {
		return messages.Ticket{}, types.EncryptionKey{}, err
	}
	keys, err := keytab.Load(s.kdc.path("alice.keytab"))
	if err != nil {
		return messages.Ticket{}, types.EncryptionKey{}, err
	}
	cl := krb.NewWithKeytab("alice", realm, keys, conf, krb.DisablePAFXFAST(true))
	defer cl.Destroy()
	return cl.GetServiceTicket(service)
}

// request is the first message for a ticket, by a clock that is off.
func request(ticket messages.Ticket, key types.EncryptionKey, off time.Duration) ([]byte, error) {
	auth, err := types.NewAuthenticator(realm, types.NewPrincipalName(1, "alice"))
	if err != nil {
		return nil, err
	}
	auth.CTime = auth.CTime.Add(off)
	auth.Cksum = types.Checksum{CksumType: 0x8003, Checksum: make([]byte, 24)}
	rq, err := messages.NewAPReq(ticket, key, auth)
	if err != nil {
		return nil, err
	}
	body, err := rq.Marshal()
	if err != nil {
		return nil, err
	}
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	return asn1tools.AddASNAppTag(append(binary.BigEndian.AppendUint16(mechanism, 0x0100), body...), 0), nil
}

// forged is the first message for a ticket as the KDC would have made it for another time, which takes the service's key.
func (s *suite) forged(from, to time.Duration) ([]byte, error) {
	keys, err := keytab.Load(s.kdc.path("kafka.keytab"))
	if err != nil {
		return nil, err
	}
	version := 0
	for _, e := range keys.Entries {
		version = max(version, int(e.KVNO))
	}
	start, end := time.Now().Add(from), time.Now().Add(to)
	ticket, key, err := messages.NewTicket(types.NewPrincipalName(1, "alice"), realm, types.NewPrincipalName(2, "kafka/localhost"), realm, types.NewKrbFlags(), keys,
		etypeID.AES256_CTS_HMAC_SHA1_96, version, start, start, end, end)
	if err != nil {
		return nil, err
	}
	return request(ticket, key, 0)
}

// send makes a message the first one of a login. It is taken if there is an answer to it.
func send(address string, message []byte) error {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	hello, step := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
	hello.Version, hello.Mechanism, step.Version, step.SASLAuthBytes = 1, "GSSAPI", 1, message
	for i, rq := range []kmsg.Request{hello, step} {
		frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("by hand")).AppendRequest(nil, rq, int32(i))
		if _, err := nc.Write(frame); err != nil {
			return err
		}
		var size [4]byte
		if _, err := io.ReadFull(nc, size[:]); err != nil {
			return err
		}
		body := make([]byte, min(binary.BigEndian.Uint32(size[:]), 1<<20))
		if _, err := io.ReadFull(nc, body); err != nil {
			return err
		}
		resp := rq.ResponseKind()
		resp.SetVersion(1)
		if err := resp.ReadFrom(body[4:]); err != nil {
			return err
		}
		if a, ok := resp.(*kmsg.SASLAuthenticateResponse); ok && a.ErrorCode != 0 {
			return fmt.Errorf("error %d", a.ErrorCode)
		}
	}
	return nil
}
