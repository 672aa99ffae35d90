package tenant

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// deadLetterTopic is the only config whose value is the name of a topic.
const deadLetterTopic = "errors.deadletterqueue.topic.name"

// ofTenants reports whether resources of a type belong to tenants. Brokers, their loggers and client metrics are the cluster's.
func ofTenants(t kmsg.ConfigResourceType) bool {
	return t == kmsg.ConfigResourceTypeTopic || t == kmsg.ConfigResourceTypeGroupConfig
}

// resourceIn is the resource by its inner name; false: it is the cluster's.
func (x *Exchange) resourceIn(t kmsg.ConfigResourceType, name string) (string, bool) {
	if !ofTenants(t) {
		return name, false
	}
	if name == "" {
		return name, true // refused, as it is without tenants
	}
	return x.Inner(name), true
}

func (x *Exchange) resourceOut(t kmsg.ConfigResourceType, name string) string {
	if !ofTenants(t) || name == "" {
		return ""
	}
	name, _ = x.Plain(name)
	return name
}

// valueIn is the value of a config, which may name a topic.
func (x *Exchange) valueIn(name string, value *string) *string {
	if name != deadLetterTopic || value == nil || *value == "" {
		return value
	}
	inner := x.Inner(*value)
	return &inner
}

func (x *Exchange) valueOut(name string, value *string) *string {
	if name != deadLetterTopic || value == nil || *value == "" {
		return value
	}
	plain, own := x.Plain(*value)
	if !own {
		return nil
	}
	return &plain
}

// refusal is why a resource of the cluster is refused.
const refusal = "Cluster authorization failed: a tenant has topics and groups only."

func describeConfigsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.DescribeConfigsRequest)
	kept, refused := splitResources(rq.Resources, func(r *kmsg.DescribeConfigsRequestResource) (own bool) {
		r.ResourceName, own = x.resourceIn(r.ResourceType, r.ResourceName)
		return own
	})
	rq.Resources = kept
	x.after = append(x.after, func(resp kmsg.Response) {
		r := resp.(*kmsg.DescribeConfigsResponse)
		for _, of := range refused {
			e := kmsg.NewDescribeConfigsResponseResource()
			e.ResourceType, e.ResourceName, e.ErrorCode, e.ErrorMessage = of.ResourceType, of.ResourceName, kerr.ClusterAuthorizationFailed.Code, new(refusal)
			r.Resources = append(r.Resources, e)
		}
	})
	return nil
}

// splitResources parts what is the tenant's from what is the cluster's.
func splitResources[T any](all []T, own func(*T) bool) (kept, refused []T) {
	for _, r := range all {
		if own(&r) {
			kept = append(kept, r)
		} else {
			refused = append(refused, r)
		}
	}
	return kept, refused
}

func describeConfigsOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.DescribeConfigsResponse)
	for i := range resp.Resources {
		r := &resp.Resources[i]
		r.ResourceName = x.resourceOut(r.ResourceType, r.ResourceName)
		for j := range r.Configs {
			c := &r.Configs[j]
			c.Value = x.valueOut(c.Name, c.Value)
			for k := range c.ConfigSynonyms {
				s := &c.ConfigSynonyms[k]
				s.Value = x.valueOut(s.Name, s.Value)
			}
		}
	}
}

func alterConfigsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.AlterConfigsRequest)
	kept, refused := splitResources(rq.Resources, func(r *kmsg.AlterConfigsRequestResource) (own bool) {
		r.ResourceName, own = x.resourceIn(r.ResourceType, r.ResourceName)
		for i := range r.Configs {
			r.Configs[i].Value = x.valueIn(r.Configs[i].Name, r.Configs[i].Value)
		}
		return own
	})
	rq.Resources = kept
	x.after = append(x.after, func(resp kmsg.Response) {
		r := resp.(*kmsg.AlterConfigsResponse)
		for _, of := range refused {
			e := kmsg.NewAlterConfigsResponseResource()
			e.ResourceType, e.ResourceName, e.ErrorCode, e.ErrorMessage = of.ResourceType, of.ResourceName, kerr.ClusterAuthorizationFailed.Code, new(refusal)
			r.Resources = append(r.Resources, e)
		}
	})
	return nil
}

func alterConfigsOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.AlterConfigsResponse)
	for i := range resp.Resources {
		resp.Resources[i].ResourceName = x.resourceOut(resp.Resources[i].ResourceType, resp.Resources[i].ResourceName)
	}
}

func incrementalAlterConfigsIn(x *Exchange, request kmsg.Request) error {
	rq := request.(*kmsg.IncrementalAlterConfigsRequest)
	kept, refused := splitResources(rq.Resources, func(r *kmsg.IncrementalAlterConfigsRequestResource) (own bool) {
		r.ResourceName, own = x.resourceIn(r.ResourceType, r.ResourceName)
		for i := range r.Configs {
			r.Configs[i].Value = x.valueIn(r.Configs[i].Name, r.Configs[i].Value)
		}
		return own
	})
	rq.Resources = kept
	x.after = append(x.after, func(resp kmsg.Response) {
		r := resp.(*kmsg.IncrementalAlterConfigsResponse)
		for _, of := range refused {
			e := kmsg.NewIncrementalAlterConfigsResponseResource()
			e.ResourceType, e.ResourceName, e.ErrorCode, e.ErrorMessage = of.ResourceType, of.ResourceName, kerr.ClusterAuthorizationFailed.Code, new(refusal)
			r.Resources = append(r.Resources, e)
		}
	})
	return nil
}

func incrementalAlterConfigsOut(x *Exchange, response kmsg.Response) {
	resp := response.(*kmsg.IncrementalAlterConfigsResponse)
	for i := range resp.Resources {
		resp.Resources[i].ResourceName = x.resourceOut(resp.Resources[i].ResourceType, resp.Resources[i].ResourceName)
	}
}
