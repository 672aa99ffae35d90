package broker

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

var quotaRoutes = []route{
	{key: 48, handle: (*Handlers).describeQuotas},
	{key: 49, handle: (*Handlers).alterQuotas, waits: true},
}

// quotaFilter chooses entities.
type quotaFilter struct {
	exact     map[string]*string // nil: the default
	specified map[string]bool    // whatever the name
	strict    bool               // entities with other parts besides are not meant
}

// describeQuotas lists the quotas of the entities that a filter chooses, by entity.
func (h *Handlers) describeQuotas(c *Call) {
	rq := c.Body.(*kmsg.DescribeClientQuotasRequest)
	resp := kmsg.NewPtrDescribeClientQuotasResponse()
	filter, code, problem := readQuotaFilter(rq)
	if code != nil {
		resp.ErrorCode, resp.ErrorMessage = code.Code, &problem
		c.Respond(resp)
		return
	}
	resp.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	resp.ErrorMessage = new(string) // as in Kafka, where nothing is wrong
	c.Image.Quotas(func(entity []metadata.QuotaEntityPart, values map[string]float64) bool {
		if !filter.chooses(entity) {
			return true
		}
		e := kmsg.NewDescribeClientQuotasResponseEntry()
		for _, p := range entity {
			e.Entity = append(e.Entity, kmsg.DescribeClientQuotasResponseEntryEntity{Type: p.EntityType, Name: p.EntityName})
		}
		for key, value := range values {
			e.Values = append(e.Values, kmsg.DescribeClientQuotasResponseEntryValue{Key: key, Value: value})
		}
		slices.SortFunc(e.Values, func(a, b kmsg.DescribeClientQuotasResponseEntryValue) int { return strings.Compare(a.Key, b.Key) })
		resp.Entries = append(resp.Entries, e)
		return true
	})
	c.Respond(resp)
}

// The ways in which a filter names a part.
const (
	matchExact = iota
	matchDefault
	matchSpecified
)

func readQuotaFilter(rq *kmsg.DescribeClientQuotasRequest) (f quotaFilter, code *kerr.Error, problem string) {
	f = quotaFilter{exact: map[string]*string{}, specified: map[string]bool{}, strict: rq.Strict}
	for i := range rq.Components {
		component := &rq.Components[i]
		kind := component.EntityType
		if _, twice := f.exact[kind]; kind != "" && (twice || f.specified[kind]) {
			return f, kerr.InvalidRequest, "Entity type " + kind + " cannot appear more than once in the filter."
		}
		switch kind {
		case metadata.QuotaUser, metadata.QuotaClientID, metadata.QuotaIP:
		case "":
			return f, kerr.InvalidRequest, "Invalid empty entity type."
		default:
			return f, kerr.UnsupportedVersion, "Unsupported entity type " + kind
		}
		if problem := f.take(kind, int(component.MatchType), component.Match); problem != "" {
			return f, kerr.InvalidRequest, problem
		}
	}
	if f.names(metadata.QuotaIP) && (f.names(metadata.QuotaUser) || f.names(metadata.QuotaClientID)) {
		return f, kerr.InvalidRequest, "Invalid entity filter component combination. IP filter component should not be used with user or clientId filter component."
	}
	return f, nil, ""
}

func (f *quotaFilter) names(kind string) bool {
	_, exact := f.exact[kind]
	return exact || f.specified[kind]
}

// take adds a component and returns what is wrong with it.
func (f *quotaFilter) take(kind string, how int, name *string) string {
	switch {
	case how == matchExact && name == nil:
		return "Request specified MATCH_TYPE_EXACT, but set match string to null."
	case how == matchDefault && name != nil:
		return "Request specified MATCH_TYPE_DEFAULT, but also specified a match string."
	case how == matchSpecified && name != nil:
		return "Request specified MATCH_TYPE_SPECIFIED, but also specified a match string."
	case how == matchExact || how == matchDefault:
		f.exact[kind] = name
	case how == matchSpecified:
		f.specified[kind] = true
	default:
		return fmt.Sprintf("Unknown match type %d", how)
	}
	return ""
}

func (f *quotaFilter) chooses(entity []metadata.QuotaEntityPart) bool {
	matched := 0
	for _, p := range entity {
		want, exact := f.exact[p.EntityType]
		switch {
		case exact && (want == nil) == (p.EntityName == nil) && deref(want) == deref(p.EntityName), f.specified[p.EntityType]:
			matched++
		case exact:
			return false
		}
	}
	return matched == len(f.exact)+len(f.specified) && (!f.strict || matched == len(entity))
}

// alterQuotas hands the request to the controller, and waits until this node goes by the new quotas.
func (h *Handlers) alterQuotas(c *Call) {
	rq := c.Body.(*kmsg.AlterClientQuotasRequest)
	resp, ok := h.askController(c, int32(alterTimeout/time.Millisecond)).(*kmsg.AlterClientQuotasResponse)
	if !ok {
		return
	}
	if !rq.ValidateOnly {
		h.awaitImage(c, func(im *metadata.Image) bool { return quotasShow(im, rq, resp) })
	}
	c.Respond(resp)
}

// quotasShow reports whether an image has what was altered.
func quotasShow(im *metadata.Image, rq *kmsg.AlterClientQuotasRequest, resp *kmsg.AlterClientQuotasResponse) bool {
	for _, e := range rq.Entries {
		if !quotaAltered(resp, e.Entity) {
			continue
		}
		var parts []metadata.QuotaEntityPart
		for _, p := range e.Entity {
			parts = append(parts, metadata.QuotaEntityPart{EntityType: p.Type, EntityName: p.Name})
		}
		values := im.Quota(parts)
		for _, op := range e.Ops {
			if value, there := values[op.Key]; there == op.Remove || there && value != op.Value {
				return false
			}
		}
	}
	return true
}

// quotaAltered reports whether what was asked of an entity was done.
func quotaAltered(resp *kmsg.AlterClientQuotasResponse, entity []kmsg.AlterClientQuotasRequestEntryEntity) bool {
	return slices.ContainsFunc(resp.Entries, func(r kmsg.AlterClientQuotasResponseEntry) bool {
		if r.ErrorCode != 0 || len(r.Entity) != len(entity) {
			return false
		}
		for _, p := range r.Entity {
			if !slices.ContainsFunc(entity, func(e kmsg.AlterClientQuotasRequestEntryEntity) bool {
				return e.Type == p.Type && (e.Name == nil) == (p.Name == nil) && deref(e.Name) == deref(p.Name)
			}) {
				return false
			}
		}
		return true
	})
}
