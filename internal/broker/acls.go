package broker

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/security/acl"
)

var aclRoutes = []route{
	{key: 29, handle: (*Handlers).describeACLs, waits: true},
	{key: 30, handle: (*Handlers).createACLs, waits: true},
	{key: 31, handle: (*Handlers).deleteACLs, waits: true},
}

// unknown reports whether a filter has the number that means "unknown": nobody sends that, and like Kafka we end the connection. Other numbers that mean
// nothing choose nothing, or are refused with words.
func unknown(f acl.Filter) bool {
	return f.Type == 0 || f.Pattern == 0 || f.Operation == 0 || f.Permission == 0
}

// describeACLs lists the ACLs that a filter chooses, by resource.
func (h *Handlers) describeACLs(c *Call) {
	rq := c.Body.(*kmsg.DescribeACLsRequest)
	filter := acl.Filter{Type: security.ResourceType(rq.ResourceType), Pattern: acl.PatternType(rq.ResourcePatternType), Name: rq.ResourceName,
		Principal: rq.Principal, Host: rq.Host, Operation: security.Operation(rq.Operation), Permission: acl.Permission(rq.PermissionType)}
	if unknown(filter) {
		c.Hangup("DescribeAclsRequest contains UNKNOWN elements")
		return
	}
	resp := kmsg.NewPtrDescribeACLsResponse()
	if h.Authorizer == nil {
		text := "No Authorizer is configured on the broker"
		resp.ErrorCode, resp.ErrorMessage = kerr.SecurityDisabled.Code, &text
		c.Respond(resp)
		return
	}
	resp.ErrorMessage = new(string)
	var chosen []acl.Rule
	for r := range c.Image.ACLs() {
		if rule := r.Rule(); filter.Matches(&rule) {
			chosen = append(chosen, rule)
		}
	}
	slices.SortFunc(chosen, func(a, b acl.Rule) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name), cmp.Compare(a.Pattern, b.Pattern), strings.Compare(a.Principal, b.Principal),
			cmp.Compare(a.Operation, b.Operation), strings.Compare(a.Host, b.Host), cmp.Compare(a.Permission, b.Permission))
	})
	for i, rule := range chosen {
		if i == 0 || rule.Type != chosen[i-1].Type || rule.Name != chosen[i-1].Name || rule.Pattern != chosen[i-1].Pattern {
			r := kmsg.NewDescribeACLsResponseResource()
			r.ResourceType, r.ResourceName, r.ResourcePatternType = kmsg.ACLResourceType(rule.Type), rule.Name, kmsg.ACLResourcePatternType(rule.Pattern)
			resp.Resources = append(resp.Resources, r)
		}
		last := &resp.Resources[len(resp.Resources)-1]
		a := kmsg.NewDescribeACLsResponseResourceACL()
		a.Principal, a.Host, a.Operation, a.PermissionType = rule.Principal, rule.Host, kmsg.ACLOperation(rule.Operation), kmsg.ACLPermissionType(rule.Permission)
		last.ACLs = append(last.ACLs, a)
	}
	c.Respond(resp)
}

// noAuthorizer is Kafka's text where ACLs would mean nothing.
const noAuthorizer = "No Authorizer is configured."

// createACLs hands the request to the controller and waits until this node decides by the new ACLs.
func (h *Handlers) createACLs(c *Call) {
	rq := c.Body.(*kmsg.CreateACLsRequest)
	for _, a := range rq.Creations {
		if a.ResourceType == 0 || a.ResourcePatternType == 0 || a.Operation == 0 || a.PermissionType == 0 {
			c.Hangup("CreatableAcls contain unknown elements")
			return
		}
	}
	if h.Authorizer == nil {
		c.Respond(refuseHandedOn(rq, kerr.SecurityDisabled.Code, noAuthorizer))
		return
	}
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.CreateACLsResponse)
	if !ok {
		return
	}
	h.awaitImage(c, func(im *metadata.Image) bool {
		for i, a := range rq.Creations {
			rule := acl.Rule{Type: security.ResourceType(a.ResourceType), Pattern: acl.PatternType(a.ResourcePatternType), Name: a.ResourceName, Principal: a.Principal,
				Host: a.Host, Operation: security.Operation(a.Operation), Permission: acl.Permission(a.PermissionType)}
			if i < len(resp.Results) && resp.Results[i].ErrorCode == 0 && !im.Rules().Has(rule) {
				return false
			}
		}
		return true
	})
	c.Respond(resp)
}

// deleteACLs hands the request to the controller and waits until this node decides without the ACLs.
func (h *Handlers) deleteACLs(c *Call) {
	rq := c.Body.(*kmsg.DeleteACLsRequest)
	for i := range rq.Filters {
		f := &rq.Filters[i]
		if filter := (acl.Filter{Type: security.ResourceType(f.ResourceType), Pattern: acl.PatternType(f.ResourcePatternType),
			Operation: security.Operation(f.Operation), Permission: acl.Permission(f.PermissionType)}); unknown(filter) {
			c.Hangup("Filters contain UNKNOWN elements")
			return
		}
	}
	if h.Authorizer == nil {
		c.Respond(refuseHandedOn(rq, kerr.SecurityDisabled.Code, noAuthorizer))
		return
	}
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.DeleteACLsResponse)
	if !ok {
		return
	}
	h.awaitImage(c, func(im *metadata.Image) bool {
		for _, result := range resp.Results {
			for _, a := range result.MatchingACLs {
				if a.ErrorCode == 0 && im.Rules().Has(acl.Rule{Type: security.ResourceType(a.ResourceType), Pattern: acl.PatternType(a.ResourcePatternType),
					Name: a.ResourceName, Principal: a.Principal, Host: a.Host, Operation: security.Operation(a.Operation), Permission: acl.Permission(a.PermissionType)}) {
					return false
				}
			}
		}
		return true
	})
	c.Respond(resp)
}

// refuseACLs is refuseAll for these requests; nil for others.
func refuseACLs(body kmsg.Request, code int16, message string) kmsg.Response {
	switch rq := body.(type) {
	case *kmsg.CreateACLsRequest:
		resp := kmsg.NewPtrCreateACLsResponse()
		for range rq.Creations {
			result := kmsg.NewCreateACLsResponseResult()
			result.ErrorCode, result.ErrorMessage = code, &message
			resp.Results = append(resp.Results, result)
		}
		return resp
	case *kmsg.DeleteACLsRequest:
		resp := kmsg.NewPtrDeleteACLsResponse()
		for range rq.Filters {
			result := kmsg.NewDeleteACLsResponseResult()
			result.ErrorCode, result.ErrorMessage = code, &message
			resp.Results = append(resp.Results, result)
		}
		return resp
	}
	return nil
}
