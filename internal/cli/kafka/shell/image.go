package shell

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/internal/cli/kafka/tool"
	"leat/internal/format"
	"leat/internal/metadata"
	"leat/internal/record"
)

// root is the tree of an image.
func root(im *metadata.Image) *node {
	return directory(map[string]func() *node{
		"image": func() *node { return image(im) },
		"local": func() *node {
			return directory(map[string]func() *node{
				"commitId": func() *node { return file("leat") },
				"version":  func() *node { return file(tool.Version) },
			})
		},
	})
}

func image(im *metadata.Image) *node {
	return directory(map[string]func() *node{
		"acls":            func() *node { return directory(map[string]func() *node{"byId": func() *node { return acls(im) }}) },
		"clientQuotas":    func() *node { return clientQuotas(im) },
		"cluster":         func() *node { return cluster(im) },
		"configs":         func() *node { return configs(im) },
		"delegationToken": func() *node { return tokens(im) },
		"features":        func() *node { return features(im) },
		"producerIds": func() *node {
			return directory(map[string]func() *node{"nextProducerId": func() *node { return filef("%d", nextProducerID(im)) }})
		},
		"provenance": func() *node { return provenance(im) },
		"scram":      func() *node { return scram(im) },
		"topics": func() *node {
			return directory(map[string]func() *node{"byId": func() *node { return topicsByID(im) }, "byName": func() *node { return topicsByName(im) }})
		},
	})
}

// nextProducerID is -1 as long as none was handed out.
func nextProducerID(im *metadata.Image) int64 {
	return cmp.Or(im.NextProducerID(), -1)
}

func provenance(im *metadata.Image) *node {
	at := time.UnixMilli(im.Timestamp).UTC()
	text := at.Format("2006-01-02T15:04:05")
	if ms := at.Nanosecond() / 1e6; ms != 0 {
		text += "." + strings.TrimRight(leading(ms), "0")
	}
	return filef("offset %d, epoch %d, time %sZ[UTC]", im.Offset, im.Epoch, text)
}

// leading are thousandths with three digits.
func leading(ms int) string { return strconv.Itoa(1000 + ms)[1:] }

func features(im *metadata.Image) *node {
	const prefix = "finalized_"
	entries := map[string]func() *node{"metadataVersion": func() *node {
		if level := im.Feature(metadata.FeatureMetadataVersion); level > 0 {
			name, _ := format.LevelName(level) // the log was read: the level is known
			return filef("Optional[%s]", name)
		}
		return file("Optional.empty")
	}}
	for name, level := range im.Features() {
		if name != metadata.FeatureMetadataVersion {
			entries[prefix+name] = func() *node { return filef("%d", level) }
		}
	}
	return directory(entries)
}

func cluster(im *metadata.Image) *node {
	return directory(map[string]func() *node{
		"brokers": func() *node {
			entries := make(map[string]func() *node)
			for _, b := range im.Brokers() {
				entries[strconv.Itoa(int(b.ID))] = func() *node { return file(broker(b)) }
			}
			return directory(entries)
		},
		"controllers": func() *node {
			entries := make(map[string]func() *node)
			for _, c := range im.Controllers() {
				entries[strconv.Itoa(int(c.ControllerID))] = func() *node { return file(controller(c)) }
			}
			return directory(entries)
		},
	})
}

func topicsByName(im *metadata.Image) *node {
	return &node{
		names: func() []string {
			names := make([]string, 0, im.TopicCount())
			for t := range im.Topics("") {
				names = append(names, t.Name)
			}
			return names
		},
		child: func(name string) *node {
			if t, ok := im.Topic(name); ok {
				return topic(t)
			}
			return nil
		},
	}
}

func topicsByID(im *metadata.Image) *node {
	return &node{
		names: func() []string {
			names := make([]string, 0, im.TopicCount())
			for t := range im.Topics("") {
				names = append(names, t.ID.String())
			}
			return names
		},
		child: func(name string) *node {
			id, err := record.ParseUUID(name)
			if t, ok := im.TopicByID(id); ok && err == nil {
				return topic(t)
			}
			return nil
		},
	}
}

func topic(t *metadata.Topic) *node {
	entries := map[string]func() *node{"id": func() *node { return file(t.ID.String()) }, "name": func() *node { return file(t.Name) }}
	for i, p := range t.Partitions {
		entries[strconv.Itoa(i)] = func() *node { return file(partition(p)) }
	}
	return directory(entries)
}

// resourceTypes are the names of what has configurations.
var resourceTypes = map[metadata.ResourceType]string{
	metadata.TopicResource: "TOPIC", metadata.BrokerResource: "BROKER", metadata.BrokerLoggerResource: "BROKER_LOGGER",
	metadata.ClientMetricsResource: "CLIENT_METRICS", metadata.GroupResource: "GROUP",
}

func configs(im *metadata.Image) *node {
	entries := make(map[string]func() *node)
	for kind, title := range resourceTypes {
		for _, name := range im.ConfigNames(kind) {
			values := im.Config(kind, name)
			entries[strings.TrimSuffix(title+":"+name, ":")] = func() *node { return settings(values) }
		}
	}
	return directory(entries)
}

func settings(values map[string]string) *node {
	return &node{
		names: func() []string { return slices.Collect(maps.Keys(values)) },
		child: func(name string) *node {
			if value, ok := values[name]; ok {
				return file(value)
			}
			return nil
		},
	}
}

func clientQuotas(im *metadata.Image) *node {
	entries := make(map[string]func() *node)
	im.Quotas(func(entity []metadata.QuotaEntityPart, values map[string]float64) bool {
		entries[quotaEntity(entity)] = func() *node {
			quotas := make(map[string]string, len(values))
			for name, value := range values {
				quotas[name] = tool.Double(value)
			}
			return settings(quotas)
		}
		return true
	})
	return directory(entries)
}

// quotaEntity is the name of whom a quota is for. The default of a kind has no name, and so stands under none.
func quotaEntity(entity []metadata.QuotaEntityPart) string {
	titles := map[string]string{metadata.QuotaClientID: "clientId", metadata.QuotaIP: "ip", metadata.QuotaUser: "user"}
	var parts []string
	for _, p := range entity {
		if p.EntityName != nil {
			parts = append(parts, titles[p.EntityType]+"("+strings.NewReplacer(`\`, `\\`, `(`, `\(`, `)`, `\)`).Replace(*p.EntityName)+")")
		}
	}
	return strings.Join(parts, "_")
}

func acls(im *metadata.Image) *node {
	entries := make(map[string]func() *node)
	for r := range im.ACLs() {
		entries[r.ID.String()] = func() *node { return file(rule(r)) }
	}
	return directory(entries)
}

// mechanisms are the names of those of SCRAM, by their numbers.
var mechanisms = map[int8]string{1: "SCRAM-SHA-256", 2: "SCRAM-SHA-512"}

func scram(im *metadata.Image) *node {
	entries := make(map[string]func() *node)
	for number, title := range mechanisms {
		users := make(map[string]string)
		im.ScramCredentials(func(r *metadata.UserScramCredentialRecord) bool {
			if r.Mechanism == number {
				users[r.Name] = credential(r)
			}
			return true
		})
		entries[title] = func() *node { return settings(users) }
	}
	return directory(entries)
}

func tokens(im *metadata.Image) *node {
	all := make(map[string]string)
	im.Tokens(func(r *metadata.DelegationTokenRecord) bool {
		all[r.TokenID] = token(r)
		return true
	})
	return settings(all)
}
