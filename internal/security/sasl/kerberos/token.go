package kerberos

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jcmturner/gofork/encoding/asn1"
	"github.com/jcmturner/gokrb5/v8/asn1tools"
	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/gssapi"
	"github.com/jcmturner/gokrb5/v8/iana"
	"github.com/jcmturner/gokrb5/v8/iana/asnAppTag"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/iana/msgtype"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"
)

// The kinds of tokens before the context stands (RFC 4121, 4.1).
const (
	tokenRequest = 0x0100
	tokenReply   = 0x0200
)

// checksumGSS is the type of the checksum that carries the flags of a client (RFC 4121, 4.1.1), flagMutual the flag that asks for a proof of the server.
const (
	checksumGSS   = 0x8003
	flagMutual    = 2
	flagIntegrity = 32
	apMutual      = 2 // the bit of KRB_AP_REQ that says the same as flagMutual
)

// parseRequest reads a client's first token: 0x60, a length, the mechanism, the kind, and a KRB_AP_REQ.
func parseRequest(token []byte) (*messages.APReq, error) {
	var mechanism asn1.ObjectIdentifier
	rest, err := asn1.UnmarshalWithParams(token, &mechanism, "application,explicit,tag:0")
	switch {
	case err != nil:
		return nil, errors.New("the first message is no token of GSSAPI")
	case !mechanism.Equal(gssapi.OIDKRB5.OID()):
		return nil, fmt.Errorf("the client's mechanism is %v and not Kerberos 5", mechanism)
	case len(rest) < 2 || binary.BigEndian.Uint16(rest) != tokenRequest:
		return nil, errors.New("the first message is no KRB_AP_REQ")
	}
	rq := &messages.APReq{}
	if err := rq.Unmarshal(rest[2:]); err != nil {
		return nil, fmt.Errorf("KRB_AP_REQ: %w", err)
	}
	if len(rq.Ticket.SName.NameString) == 0 {
		return nil, errors.New("KRB_AP_REQ: the ticket names no service")
	}
	return rq, nil
}

// mutual reports whether a client wants a proof that the service has its key.
func mutual(a *types.Authenticator) bool {
	sum := a.Cksum.Checksum
	return a.Cksum.CksumType == checksumGSS && len(sum) >= 24 && binary.LittleEndian.Uint32(sum[20:])&flagMutual != 0
}

// proof is the part of a KRB_AP_REP that only who could read the request can write.
type proof struct {
	CTime    time.Time `asn1:"generalized,explicit,tag:0"`
	Cusec    int       `asn1:"explicit,tag:1"`
	Sequence int64     `asn1:"explicit,tag:3"`
}

// reply makes the token that proves the service: the client's time under the key of the session.
func reply(rq *messages.APReq, sequence int64) ([]byte, error) {
	plain, err := asn1.Marshal(proof{CTime: rq.Authenticator.CTime, Cusec: rq.Authenticator.Cusec, Sequence: sequence})
	if err != nil {
		return nil, err
	}
	sealed, err := crypto.GetEncryptedData(asn1tools.AddASNAppTag(plain, asnAppTag.EncAPRepPart), rq.Ticket.DecryptedEncPart.Key, keyusage.AP_REP_ENCPART, 0)
	if err != nil {
		return nil, err
	}
	rep, err := asn1.Marshal(messages.APRep{PVNO: iana.PVNO, MsgType: msgtype.KRB_AP_REP, EncPart: sealed})
	if err != nil {
		return nil, err
	}
	mechanism, err := asn1.Marshal(gssapi.OIDKRB5.OID())
	if err != nil {
		return nil, err
	}
	body := binary.BigEndian.AppendUint16(mechanism, tokenReply)
	return asn1tools.AddASNAppTag(append(body, asn1tools.AddASNAppTag(rep, asnAppTag.APREP)...), 0), nil
}

// Flags of a token that carries a message (RFC 4121, 4.2.2).
const (
	fromAcceptor   = 1
	sealedMessage  = 2
	acceptorSubkey = 4
)

// sender is one of the two sides: which flags its messages have, and for what use keys sign them.
type sender struct {
	flags byte
	usage uint32
}

var (
	ofAcceptor  = sender{fromAcceptor, keyusage.GSSAPI_ACCEPTOR_SEAL}
	ofInitiator = sender{0, keyusage.GSSAPI_INITIATOR_SEAL}
)

// wrap makes the token of a message, signed and not secret.
func wrap(message []byte, key types.EncryptionKey, sequence int64, from sender) ([]byte, error) {
	e, err := crypto.GetEtype(key.KeyType)
	if err != nil {
		return nil, err
	}
	t := gssapi.WrapToken{Flags: from.flags, EC: uint16(e.GetHMACBitLength() / 8), SndSeqNum: uint64(sequence), Payload: message}
	if err := t.SetCheckSum(key, from.usage); err != nil {
		return nil, err
	}
	return t.Marshal()
}

// unwrap checks a token of the other side and returns its message. The key of an acceptor may be one that it made itself.
func unwrap(token []byte, key types.EncryptionKey, from sender) ([]byte, error) {
	if len(token) < gssapi.HdrLen {
		return nil, fmt.Errorf("token of %d bytes", len(token))
	}
	if token[2]&sealedMessage != 0 || from.flags == 0 && token[2]&acceptorSubkey != 0 {
		return nil, fmt.Errorf("flags %#x: only signed tokens under the client's key are taken", token[2])
	}
	token = append([]byte(nil), token...)
	if body := token[gssapi.HdrLen:]; len(body) > 0 { // what stands behind the header may be turned to the right
		n := int(binary.BigEndian.Uint16(token[6:])) % len(body)
		turned := append(append([]byte(nil), body[n:]...), body[:n]...)
		copy(body, turned)
		token[6], token[7] = 0, 0
	}
	var t gssapi.WrapToken
	if err := t.Unmarshal(token, from.flags == fromAcceptor); err != nil {
		return nil, err
	}
	if ok, _ := t.Verify(key, from.usage); !ok {
		return nil, errors.New("its checksum is wrong")
	}
	return t.Payload, nil
}
