package broker

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/security"
	"leat/internal/wire"
)

// openEnvelope carries out what a broker forwards, as the principal that asked the broker (KIP-590).
func (h *Handlers) openEnvelope(c *Call) {
	inner, code, err := h.unwrap(c)
	if err == nil && !h.leads() {
		code, err = kerr.NotController.Code, errors.New("this is not the active controller")
	}
	if err != nil {
		h.Logger.Debug("envelope refused", "listener", c.Conn.Listener, "err", err)
		resp := kmsg.NewPtrEnvelopeResponse()
		resp.ErrorCode = code
		c.Respond(resp)
		return
	}
	h.auditRequest(inner)
	if !h.authorized(inner) {
		return
	}
	// A panic ends here in run, which hangs up the connection of the envelope.
	routes[inner.Header.Key].handle(h, inner)
}

// leads reports whether this node is the active controller, as far as it knows.
func (h *Handlers) leads() bool {
	if h.Voters == nil {
		return true // who is asked next will tell
	}
	leader, _, known := h.Voters.Active()
	return known && leader == h.NodeID
}

// unwrap reads the call in an envelope.
func (h *Handlers) unwrap(c *Call) (*Call, int16, error) {
	rq := c.Body.(*kmsg.EnvelopeRequest)
	principal, err := security.ParsePrincipal(rq.RequestPrincipal)
	if err != nil {
		return nil, kerr.PrincipalDeserializationFailure.Code, err
	}
	address, ok := netip.AddrFromSlice(rq.ClientHostAddress)
	if !ok {
		return nil, kerr.InvalidRequest.Code, fmt.Errorf("client address of %d bytes", len(rq.ClientHostAddress))
	}
	header, body, err := wire.ParseHeader(rq.RequestData)
	if err != nil {
		return nil, kerr.InvalidRequest.Code, err
	}
	api, ok := wire.Lookup(header.Key)
	if !ok || !api.Advertised || !api.Forwarded || !api.Controller {
		return nil, kerr.InvalidRequest.Code, fmt.Errorf("API key %d is not one that is forwarded", header.Key)
	}
	if header.Version < api.Min || header.Version > api.Max {
		return nil, kerr.UnsupportedVersion.Code, fmt.Errorf("%s version %d is not supported, only %d to %d", api.Name, header.Version, api.Min, api.Max)
	}
	request, err := wire.Decode(header, body)
	if err != nil {
		return nil, kerr.InvalidRequest.Code, err
	}
	conn := *c.Conn
	conn.Principal, conn.Remote, conn.Mechanism, conn.TokenAuthenticated = principal, netip.AddrPortFrom(address, 0), "", false
	return &Call{
		Request: &listener.Request{Conn: &conn, Header: header, Received: c.Received, Gone: c.Gone},
		Image:   c.Image, Body: request, metrics: c.metrics, envelope: c,
	}, 0, nil
}

// sealEnvelope wraps an answer. That this is not the active controller stands outside, so that the broker asks the one that is.
func sealEnvelope(h wire.RequestHeader, resp kmsg.Response) *kmsg.EnvelopeResponse {
	sealed := kmsg.NewPtrEnvelopeResponse()
	if topLevelError(resp) == kerr.NotController.Code {
		sealed.ErrorCode = kerr.NotController.Code
		return sealed
	}
	frame := wire.EncodeResponse(h, resp)
	defer frame.Release()
	const lengthPrefix = 4
	for _, p := range frame.Parts {
		sealed.ResponseData = append(sealed.ResponseData, p.Bytes...)
	}
	sealed.ResponseData = sealed.ResponseData[lengthPrefix:]
	return sealed
}
