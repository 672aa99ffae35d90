package controller

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/security/acl"
)

// maxACLs is how many ACLs one request may make or remove, as in Kafka.
const maxACLs = 10_000

// levelCIDR is the level of metadata.version (4.4-IV1) from which on the host of an ACL may be a range of addresses.
const levelCIDR = 32

// createACLs makes those that are not there yet. Each is answered by itself.
func (m *Machine) createACLs(rq *kmsg.CreateACLsRequest) answer {
	resp := rq.ResponseKind().(*kmsg.CreateACLsResponse)
	var records []Record
	made, ids := map[acl.Rule]bool{}, map[record.UUID]bool{}
	for i := range rq.Creations {
		c := &rq.Creations[i]
		rule := acl.Rule{Type: security.ResourceType(c.ResourceType), Pattern: acl.PatternType(c.ResourcePatternType), Name: c.ResourceName,
			Principal: c.Principal, Host: c.Host, Operation: security.Operation(c.Operation), Permission: acl.Permission(c.PermissionType)}
		problem := m.checkRule(&rule)
		if problem == nil && !made[rule] && !m.image().Rules().Has(rule) {
			made[rule] = true
			records = append(records, &metadata.AccessControlEntryRecord{ID: m.newACLID(ids), ResourceType: int8(rule.Type), ResourceName: rule.Name,
				PatternType: int8(rule.Pattern), Principal: rule.Principal, Host: rule.Host, Operation: int8(rule.Operation), PermissionType: int8(rule.Permission)})
		}
		result := kmsg.NewCreateACLsResponseResult()
		result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
		if problem == nil {
			result.ErrorMessage = new(string) // Kafka says nothing, but not null
		}
		resp.Results = append(resp.Results, result)
	}
	if len(records) > maxACLs {
		for i := range resp.Results {
			refused := refuse(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")
			resp.Results[i].ErrorCode, resp.Results[i].ErrorMessage = refused.Code(), refused.Message()
		}
		records = nil
	}
	return answer{response: resp, records: records}
}

// newACLID draws an id that nothing has.
func (m *Machine) newACLID(drawn map[record.UUID]bool) record.UUID {
	for {
		if id := m.randomUUID(); !drawn[id] && !m.image().HasACL(id) {
			drawn[id] = true
			return id
		}
	}
}

// checkRule refuses a rule that cannot be kept.
func (m *Machine) checkRule(r *acl.Rule) *refusal {
	switch {
	case r.Type == security.ClusterResource && r.Name != acl.ClusterName && !ofTenant(r.Name):
		return refuse(kerr.InvalidRequest, "The only valid name for the CLUSTER resource is kafka-cluster")
	case r.Name == "":
		return refuse(kerr.InvalidRequest, "Invalid empty resource name")
	case r.Type < security.TopicResource || r.Type > security.UserResource:
		return refuse(kerr.InvalidRequest, "Invalid resourceType %s", anyOrUnknown(int8(r.Type)))
	case r.Pattern == acl.Match:
		return refuse(kerr.InvalidRequest, "Invalid patternType MATCH")
	case r.Pattern != acl.Literal && r.Pattern != acl.Prefixed:
		return refuse(kerr.InvalidRequest, "Invalid patternType %s", anyOrUnknown(int8(r.Pattern)))
	case r.Operation < security.OpAll || r.Operation > security.OpTwoPhaseCommit:
		return refuse(kerr.InvalidRequest, "Invalid operation %s", anyOrUnknown(int8(r.Operation)))
	case r.Permission != acl.Allow && r.Permission != acl.Deny:
		return refuse(kerr.InvalidRequest, "Invalid permissionType %s", anyOrUnknown(int8(r.Permission)))
	case !strings.Contains(r.Principal, ":"):
		return refuse(kerr.InvalidRequest, "Could not parse principal from `%s` (no colon is present separating the principal type from the principal name)", r.Principal)
	case r.Host == "":
		return refuse(kerr.InvalidRequest, "Host pattern cannot be null or empty")
	case !acl.IsRange(r.Host):
		return nil
	case m.image().Feature(metadata.FeatureMetadataVersion) < levelCIDR:
		return refuse(kerr.UnsupportedVersion, "CIDR-based ACL host patterns require metadata version 4.4-IV1 or higher.")
	}
	if err := acl.CheckRange(r.Host); err != nil {
		return refuse(kerr.InvalidRequest, "Invalid CIDR notation '%s': %s", r.Host, err.Error())
	}
	return nil
}

func anyOrUnknown(n int8) string {
	if n == acl.Any {
		return "ANY"
	}
	return "UNKNOWN"
}

// deleteACLs removes what filters choose. One that several choose is told with each and removed once.
func (m *Machine) deleteACLs(rq *kmsg.DeleteACLsRequest) answer {
	resp := rq.ResponseKind().(*kmsg.DeleteACLsResponse)
	var records []Record
	gone := map[record.UUID]bool{}
	for i := range rq.Filters {
		filter := FilterOf(&rq.Filters[i])
		result := kmsg.NewDeleteACLsResponseResult()
		result.ErrorMessage = new(string)
		if problem := checkFilter(&filter); problem != nil {
			result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
			resp.Results = append(resp.Results, result)
			continue
		}
		for r := range m.image().ACLs() {
			rule := r.Rule()
			if !filter.Matches(&rule) {
				continue
			}
			result.MatchingACLs = append(result.MatchingACLs, matching(&rule))
			if !gone[r.ID] {
				gone[r.ID] = true
				records = append(records, &metadata.RemoveAccessControlEntryRecord{ID: r.ID})
			}
		}
		if len(records) > maxACLs {
			return answer{response: refuseDeletes(rq)}
		}
		resp.Results = append(resp.Results, result)
	}
	return answer{response: resp, records: records}
}

// FilterOf is the filter of a request to remove ACLs.
func FilterOf(f *kmsg.DeleteACLsRequestFilter) acl.Filter {
	return acl.Filter{Type: security.ResourceType(f.ResourceType), Pattern: acl.PatternType(f.ResourcePatternType), Name: f.ResourceName,
		Principal: f.Principal, Host: f.Host, Operation: security.Operation(f.Operation), Permission: acl.Permission(f.PermissionType)}
}

func checkFilter(f *acl.Filter) *refusal {
	switch {
	case f.UnknownPattern():
		return refuse(kerr.InvalidRequest, "Unknown patternFilter.")
	case f.UnknownEntry():
		return refuse(kerr.InvalidRequest, "Unknown entryFilter.")
	}
	return nil
}

func refuseDeletes(rq *kmsg.DeleteACLsRequest) *kmsg.DeleteACLsResponse {
	resp := rq.ResponseKind().(*kmsg.DeleteACLsResponse)
	refused := refuse(kerr.InvalidRequest, "Cannot remove more than %d acls in a single delete operation.", maxACLs)
	for range rq.Filters {
		result := kmsg.NewDeleteACLsResponseResult()
		result.ErrorCode, result.ErrorMessage = refused.Code(), refused.Message()
		resp.Results = append(resp.Results, result)
	}
	return resp
}

func matching(r *acl.Rule) kmsg.DeleteACLsResponseResultMatchingACL {
	out := kmsg.NewDeleteACLsResponseResultMatchingACL()
	out.ResourceType, out.ResourceName, out.ResourcePatternType = kmsg.ACLResourceType(r.Type), r.Name, kmsg.ACLResourcePatternType(r.Pattern)
	out.Principal, out.Host = r.Principal, r.Host
	out.Operation, out.PermissionType = kmsg.ACLOperation(r.Operation), kmsg.ACLPermissionType(r.Permission)
	return out
}

// ofTenant reports whether a name is that of the cluster as a tenant has it (package tenant): its own rules about the cluster are about its part.
func ofTenant(name string) bool {
	tenant, rest, ok := strings.Cut(name, ".")
	return ok && rest == acl.ClusterName && config.CheckTenant(tenant) == nil
}
