package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// saslRoutes are the requests by which clients authenticate. The listener takes those that come in their place; what gets here comes where nobody
// authenticates, or again, and is told so.
var saslRoutes = []route{
	{key: 17, handle: (*Handlers).saslHandshake},
	{key: 36, handle: (*Handlers).saslAuthenticate},
}

func (h *Handlers) saslHandshake(c *Call) {
	resp := kmsg.NewPtrSASLHandshakeResponse()
	resp.ErrorCode = kerr.IllegalSaslState.Code
	c.Respond(resp)
}

func (h *Handlers) saslAuthenticate(c *Call) {
	resp := kmsg.NewPtrSASLAuthenticateResponse()
	text := "SaslAuthenticate request received after successful authentication"
	resp.ErrorCode, resp.ErrorMessage, resp.SASLAuthBytes = kerr.IllegalSaslState.Code, &text, []byte{}
	c.Respond(resp)
}
