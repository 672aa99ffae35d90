package broker

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/security/tokens"
)

var delegationRoutes = []route{
	{key: 38, handle: (*Handlers).createToken, waits: true},
	{key: 39, handle: (*Handlers).renewToken, waits: true},
	{key: 40, handle: (*Handlers).expireToken, waits: true},
	{key: 41, handle: (*Handlers).describeTokens, waits: true},
}

// delegationGuards are of requests about delegation tokens. Everybody may have tokens of his own, and change those that he owns, which the controller looks
// at; what the list has of others has rules, which its handler looks at.
var delegationGuards = map[int16]guard{38: (*Handlers).guardCreateToken}

// noTimestamp stands in refusals of the broker where times would be.
const noTimestamp = -1

// noTokensHere reports whether a connection is none over which tokens may be asked for: nobody knows who asks, everybody can read the answer, or it was a
// token that let him in, who would then live for ever.
//
// Of what comes in an envelope the broker that forwards it has looked at the connection.
func noTokensHere(c *Call) bool {
	conn := c.Conn
	return conn.TokenAuthenticated || c.envelope == nil && conn.Protocol == security.Plaintext || conn.Principal == security.Anonymous
}

// lacksGroups reports whether a token for somebody would be more than what let him in: it names no groups, so that what their roles deny would not be denied to him.
func lacksGroups(c *Call) bool { return c.Conn.Principal.Groups != "" }

// ownerOf is who is to own the token that a request asks for.
func ownerOf(c *Call, rq *kmsg.CreateDelegationTokenRequest) security.Principal {
	if rq.OwnerPrincipalName == nil || *rq.OwnerPrincipalName == "" {
		return c.Conn.Principal
	}
	owner := security.Principal{Type: "User", Name: *rq.OwnerPrincipalName}
	if rq.OwnerPrincipalType != nil {
		owner.Type = *rq.OwnerPrincipalType
	}
	return owner
}

// guardCreateToken looks whether somebody may ask for tokens of another owner.
func (h *Handlers) guardCreateToken(c *Call) bool {
	owner := ownerOf(c, c.Body.(*kmsg.CreateDelegationTokenRequest))
	if noTokensHere(c) || lacksGroups(c) || owner.Itself() == c.Conn.Principal.Itself() || h.may(c, security.OpCreateTokens, security.UserResource, owner.String()) {
		return true
	}
	c.Respond(refuseToken(c, kerr.DelegationTokenAuthorizationFailed.Code))
	return false
}

// refuseToken answers a request for one token.
func refuseToken(c *Call, code int16) kmsg.Response {
	switch rq := c.Body.(type) {
	case *kmsg.CreateDelegationTokenRequest:
		resp, owner := kmsg.NewPtrCreateDelegationTokenResponse(), ownerOf(c, rq)
		resp.ErrorCode, resp.PrincipalType, resp.PrincipalName = code, owner.Type, owner.Name
		resp.TokenRequesterPrincipalType, resp.TokenRequesterPrincipalName = c.Conn.Principal.Type, c.Conn.Principal.Name
		resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = noTimestamp, noTimestamp, noTimestamp
		return resp
	case *kmsg.RenewDelegationTokenRequest:
		resp := kmsg.NewPtrRenewDelegationTokenResponse()
		resp.ErrorCode, resp.ExpiryTimestamp = code, noTimestamp
		return resp
	case *kmsg.ExpireDelegationTokenRequest:
		resp := kmsg.NewPtrExpireDelegationTokenResponse()
		resp.ErrorCode, resp.ExpiryTimestamp = code, noTimestamp
		return resp
	}
	resp := kmsg.NewPtrDescribeDelegationTokenResponse()
	resp.ErrorCode = code
	return resp
}

// tokenFailure answers a request that the controller could not be asked.
func tokenFailure(body kmsg.Request, code int16) kmsg.Response {
	return refuseTop(body, kerr.TypedErrorForCode(code))
}

// createToken hands the request to the controller and waits until this node knows the token, so that it can be used at once.
func (h *Handlers) createToken(c *Call) {
	if noTokensHere(c) || lacksGroups(c) {
		c.Respond(refuseToken(c, kerr.DelegationTokenRequestNotAllowed.Code))
		return
	}
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.CreateDelegationTokenResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 {
		h.awaitImage(c, func(im *metadata.Image) bool { _, there := im.Token(resp.TokenID); return there })
	}
	c.Respond(resp)
}

// renewToken hands the request to the controller and waits until this node knows the token's new time.
func (h *Handlers) renewToken(c *Call) {
	if noTokensHere(c) {
		c.Respond(refuseToken(c, kerr.DelegationTokenRequestNotAllowed.Code))
		return
	}
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.RenewDelegationTokenResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 {
		h.awaitExpiry(c, c.Body.(*kmsg.RenewDelegationTokenRequest).HMAC, resp.ExpiryTimestamp)
	}
	c.Respond(resp)
}

// expireToken hands the request to the controller and waits until this node knows of it: a token that was revoked must not let anybody in here.
func (h *Handlers) expireToken(c *Call) {
	rq := c.Body.(*kmsg.ExpireDelegationTokenRequest)
	if noTokensHere(c) {
		c.Respond(refuseToken(c, kerr.DelegationTokenRequestNotAllowed.Code))
		return
	}
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.ExpireDelegationTokenResponse)
	if !ok {
		return
	}
	if resp.ErrorCode == 0 {
		h.awaitExpiry(c, rq.HMAC, resp.ExpiryTimestamp)
	}
	c.Respond(resp)
}

// awaitExpiry waits until a token that this node knows expires at a time, or is gone.
func (h *Handlers) awaitExpiry(c *Call, mac []byte, at int64) {
	secret := h.tokenSecret()
	for r := range c.Image.Tokens {
		if string(tokens.HMAC(secret, r.TokenID)) == string(mac) {
			h.awaitImage(c, func(im *metadata.Image) bool {
				now, there := im.Token(r.TokenID)
				return !there || now.ExpirationTimestamp == at
			})
			return
		}
	}
}

// tokenSecret is what HMACs are made with; "": this node has no tokens.
func (h *Handlers) tokenSecret() string { return h.Config().String("delegation.token.secret.key") }

// describeTokens lists the tokens that somebody may see: his own, those that rules let him see, and of these, those of the owners that he names.
func (h *Handlers) describeTokens(c *Call) {
	rq := c.Body.(*kmsg.DescribeDelegationTokenRequest)
	secret := h.tokenSecret()
	switch {
	case noTokensHere(c):
		c.Respond(refuseToken(c, kerr.DelegationTokenRequestNotAllowed.Code))
		return
	case secret == "":
		c.Respond(refuseToken(c, kerr.DelegationTokenAuthDisabled.Code))
		return
	}
	resp := kmsg.NewPtrDescribeDelegationTokenResponse()
	if rq.Owners == nil || len(rq.Owners) > 0 {
		asked := map[string]bool{}
		for _, o := range rq.Owners {
			asked[security.Principal{Type: o.PrincipalType, Name: o.PrincipalName}.String()] = true
		}
		for r := range c.Image.Tokens {
			if (rq.Owners == nil || includesAny(r.People(), asked)) && h.maySeeToken(c, r) {
				resp.TokenDetails = append(resp.TokenDetails, tokenDetail(secret, r))
			}
		}
	}
	c.Respond(resp)
}

func includesAny(p tokens.People, asked map[string]bool) bool {
	for who := range asked {
		if p.Include(who) {
			return true
		}
	}
	return false
}

// maySeeToken reports whether somebody may see a token, of which he then learns the password.
func (h *Handlers) maySeeToken(c *Call, r *metadata.DelegationTokenRecord) bool {
	return r.People().Include(c.Conn.Principal.String()) ||
		h.mayQuietly(c, security.OpDescribe, security.DelegationTokenResource, r.TokenID) ||
		h.mayQuietly(c, security.OpDescribeTokens, security.UserResource, r.Owner)
}

func tokenDetail(secret string, r *metadata.DelegationTokenRecord) kmsg.DescribeDelegationTokenResponseTokenDetail {
	d := kmsg.NewDescribeDelegationTokenResponseTokenDetail()
	owner, requester := tokens.Principal(r.Owner), tokens.Principal(r.Requester)
	d.PrincipalType, d.PrincipalName = owner.Type, owner.Name
	d.TokenRequesterPrincipalType, d.TokenRequesterPrincipalName = requester.Type, requester.Name
	d.IssueTimestamp, d.ExpiryTimestamp, d.MaxTimestamp = r.IssueTimestamp, r.ExpirationTimestamp, r.MaxTimestamp
	d.TokenID, d.HMAC = r.TokenID, tokens.HMAC(secret, r.TokenID)
	for _, text := range r.Renewers {
		p := tokens.Principal(text)
		d.Renewers = append(d.Renewers, kmsg.DescribeDelegationTokenResponseTokenDetailRenewer{PrincipalType: p.Type, PrincipalName: p.Name})
	}
	return d
}
