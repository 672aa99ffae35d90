package tenant

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Pattern says which resources an ACL is about.
type Pattern struct {
	Type kmsg.ACLResourceType
	Kind kmsg.ACLResourcePatternType
	Name string
}

// wildcard as the name of a literal pattern stands for all resources of a type. Of a tenant these are all with its prefix.
const wildcard = "*"

// patternIn is the pattern that stands for a tenant's own. Names of whatever type get the prefix, that of the cluster, too: a tenant's rules about the
// cluster are about what its clients may do in it.
func (x *Exchange) patternIn(p Pattern) Pattern {
	switch {
	case p.Name == "":
	case p.Name == wildcard && p.Kind == kmsg.ACLResourcePatternTypeLiteral:
		p.Kind, p.Name = kmsg.ACLResourcePatternTypePrefixed, x.prefix
	default:
		p.Name = x.Inner(p.Name)
	}
	return p
}

func (x *Exchange) patternOut(p Pattern) (Pattern, bool) {
	if p.Name == x.prefix && p.Kind == kmsg.ACLResourcePatternTypePrefixed {
		p.Kind, p.Name = kmsg.ACLResourcePatternTypeLiteral, wildcard
		return p, true
	}
	name, own := x.Plain(p.Name)
	p.Name = name
	return p, own && name != ""
}

// filterIn is the filter that chooses of the tenant's patterns those that the given one would choose. One without a name cannot be put so: it chooses
// those of others, too.
func (x *Exchange) filterIn(p Pattern) Pattern {
	if p.Name == wildcard && p.Kind != kmsg.ACLResourcePatternTypePrefixed {
		p.Kind = kmsg.ACLResourcePatternTypeLiteral
	}
	return x.patternIn(p)
}

func describeACLsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.DescribeACLsRequest)
	kind := rq.ResourcePatternType
	if rq.ResourceName != nil {
		p := x.filterIn(Pattern{rq.ResourceType, kind, *rq.ResourceName})
		rq.ResourcePatternType, rq.ResourceName = p.Kind, &p.Name
		return nil
	}
	if kind == kmsg.ACLResourcePatternTypeLiteral || kind == kmsg.ACLResourcePatternTypePrefixed {
		rq.ResourcePatternType = kmsg.ACLResourcePatternTypeAny // what is literal inside and outside is not the same
		x.after = append(x.after, func(resp kmsg.Response) {
			r := resp.(*kmsg.DescribeACLsResponse)
			r.Resources = slices.DeleteFunc(r.Resources, func(e kmsg.DescribeACLsResponseResource) bool { return e.ResourcePatternType != kind })
		})
	}
	return nil
}

func describeACLsOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.DescribeACLsResponse)
	var kept []kmsg.DescribeACLsResponseResource
	for _, r := range resp.Resources {
		p, own := x.patternOut(Pattern{r.ResourceType, r.ResourcePatternType, r.ResourceName})
		if own {
			r.ResourcePatternType, r.ResourceName = p.Kind, p.Name
			kept = append(kept, r)
		}
	}
	resp.Resources = kept
}

func createACLsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.CreateACLsRequest)
	for i := range rq.Creations {
		c := &rq.Creations[i]
		if len(c.ResourceName) > longestName {
			return fmt.Errorf("a name of %d characters: %w", len(c.ResourceName), ErrRequest)
		}
		p := x.patternIn(Pattern{c.ResourceType, c.ResourcePatternType, c.ResourceName})
		c.ResourcePatternType, c.ResourceName = p.Kind, p.Name
	}
	return nil
}

// deleteACLsIn puts one filter for each of the tenant's patterns in the place of one that has no name, and the answers together again.
func deleteACLsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.DeleteACLsRequest)
	asked := len(rq.Filters)
	var filters []kmsg.DeleteACLsRequestFilter
	var from []int // which of those asked for one stands for
	for i, f := range rq.Filters {
		patterns := []Pattern{x.filterIn(Pattern{f.ResourceType, f.ResourcePatternType, deref(f.ResourceName)})}
		if f.ResourceName == nil && known(f) {
			patterns = x.chosen(f)
		}
		for _, p := range patterns {
			if f.ResourceName != nil || known(f) {
				f.ResourcePatternType, f.ResourceName = p.Kind, &p.Name
			}
			filters, from = append(filters, f), append(from, i)
		}
	}
	rq.Filters = filters
	x.after = append(x.after, func(resp kmsg.Response) {
		r := resp.(*kmsg.DeleteACLsResponse)
		r.Results = together(r.Results, from, asked)
	})
	return nil
}

// known reports whether a filter has none of the numbers for which requests are not answered.
func known(f kmsg.DeleteACLsRequestFilter) bool {
	return f.ResourceType > 0 && f.ResourcePatternType > 0 && f.Operation > 0 && f.PermissionType > 0
}

// chosen are the tenant's patterns that a filter without a name chooses, in order.
func (x *Exchange) chosen(f kmsg.DeleteACLsRequestFilter) []Pattern {
	seen := map[Pattern]bool{}
	var out []Pattern
	x.cluster.Patterns(func(inner Pattern) bool {
		p, own := x.patternOut(inner)
		kind := f.ResourcePatternType
		any := kind == kmsg.ACLResourcePatternTypeAny || kind == kmsg.ACLResourcePatternTypeMatch
		if own && !seen[inner] && (any || kind == p.Kind) && (f.ResourceType == kmsg.ACLResourceTypeAny || f.ResourceType == p.Type) {
			seen[inner] = true
			out = append(out, inner)
		}
		return true
	})
	return out
}

// together joins the results of filters that stand for the same one.
func together(results []kmsg.DeleteACLsResponseResult, from []int, asked int) []kmsg.DeleteACLsResponseResult {
	out := make([]kmsg.DeleteACLsResponseResult, asked)
	for i := range out {
		out[i] = kmsg.NewDeleteACLsResponseResult()
	}
	for i, r := range results {
		if i >= len(from) {
			break
		}
		to := &out[from[i]]
		to.MatchingACLs = append(to.MatchingACLs, r.MatchingACLs...)
		if r.ErrorCode != 0 {
			to.ErrorCode, to.ErrorMessage = r.ErrorCode, r.ErrorMessage
		}
	}
	return out
}

func deleteACLsOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.DeleteACLsResponse)
	for i := range resp.Results {
		var kept []kmsg.DeleteACLsResponseResultMatchingACL
		for _, a := range resp.Results[i].MatchingACLs {
			p, own := x.patternOut(Pattern{a.ResourceType, a.ResourcePatternType, a.ResourceName})
			if own {
				a.ResourcePatternType, a.ResourceName = p.Kind, p.Name
				kept = append(kept, a)
			}
		}
		resp.Results[i].MatchingACLs = kept
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
