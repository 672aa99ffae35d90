package broker

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

var scramRoutes = []route{
	{key: 50, handle: (*Handlers).describeSCRAM},
	{key: 51, handle: (*Handlers).alterSCRAM, waits: true},
}

// describeSCRAM says for which mechanisms users have credentials, and nothing that helps to find their passwords.
func (h *Handlers) describeSCRAM(c *Call) {
	rq := c.Body.(*kmsg.DescribeUserSCRAMCredentialsRequest)
	resp := kmsg.NewPtrDescribeUserSCRAMCredentialsResponse()
	resp.ErrorMessage = new(string) // Kafka's answers have an empty text where nothing is wrong
	found := map[string][]kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo{}
	var names []string
	for r := range c.Image.ScramCredentials {
		if _, seen := found[r.Name]; !seen {
			names = append(names, r.Name)
		}
		info := kmsg.NewDescribeUserSCRAMCredentialsResponseResultCredentialInfo()
		info.Mechanism, info.Iterations = r.Mechanism, r.Iterations
		found[r.Name] = append(found[r.Name], info)
	}
	asked := map[string]int{}
	if len(rq.Users) > 0 {
		names = nil
		for _, u := range rq.Users {
			if asked[u.Name]++; asked[u.Name] == 1 {
				names = append(names, u.Name)
			}
		}
	}
	slices.Sort(names)
	for _, name := range names {
		result := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
		result.User, result.ErrorMessage = name, new(string)
		switch infos := found[name]; {
		case asked[name] > 1:
			text := "Cannot describe SCRAM credentials for the same user twice in a single request: " + name
			result.ErrorCode, result.ErrorMessage = kerr.DuplicateResource.Code, &text
		case infos == nil:
			text := "Attempt to describe a user credential that does not exist: " + name
			result.ErrorCode, result.ErrorMessage = kerr.ResourceNotFound.Code, &text
		default:
			result.CredentialInfos = infos
		}
		resp.Results = append(resp.Results, result)
	}
	c.Respond(resp)
}

// alterSCRAM hands the request to the controller, and waits until this node knows the new credentials.
func (h *Handlers) alterSCRAM(c *Call) {
	rq := c.Body.(*kmsg.AlterUserSCRAMCredentialsRequest)
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.AlterUserSCRAMCredentialsResponse)
	if !ok {
		return
	}
	h.awaitImage(c, func(im *metadata.Image) bool {
		for _, d := range rq.Deletions {
			if _, there := im.ScramCredential(d.Name, d.Mechanism); there && altered(resp, d.Name) {
				return false
			}
		}
		for _, u := range rq.Upsertions {
			r, there := im.ScramCredential(u.Name, u.Mechanism)
			if altered(resp, u.Name) && (!there || !bytes.Equal(r.Salt, u.Salt)) {
				return false
			}
		}
		return true
	})
	c.Respond(resp)
}

// altered reports whether what was asked of a user was done.
func altered(resp *kmsg.AlterUserSCRAMCredentialsResponse, name string) bool {
	return slices.ContainsFunc(resp.Results, func(r kmsg.AlterUserSCRAMCredentialsResponseResult) bool { return r.User == name && r.ErrorCode == 0 })
}

// scramFailure answers a request that the controller could not be asked.
func scramFailure(rq *kmsg.AlterUserSCRAMCredentialsRequest, code int16, text string) kmsg.Response {
	resp := kmsg.NewPtrAlterUserSCRAMCredentialsResponse()
	told := map[string]bool{}
	add := func(name string) {
		if told[name] {
			return
		}
		told[name] = true
		result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		result.User, result.ErrorCode = name, code
		if text != "" {
			result.ErrorMessage = &text
		}
		resp.Results = append(resp.Results, result)
	}
	for _, d := range rq.Deletions {
		add(d.Name)
	}
	for _, u := range rq.Upsertions {
		add(u.Name)
	}
	return resp
}
