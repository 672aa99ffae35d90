package controller

import (
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// The commands. Items of a request that has several are separated by "|"; "null" is null; "validate" at the end validates only.
//
//	register 1 [incarnation=N] [previous=N] [cluster=ID] [rack=R] [dirs=N,N] [metadata.version=LO-HI]
//	controller N [NAME=LO-HI]...
//	beat 1 [offset=N] [epoch=N] [fence] [shutdown] [offline=N,N] [cordoned=N,N|none]
//	unregister 1
//	unregister-controller 1
//	alter 1 [epoch=N] TOPIC PARTITION isr=1,2:EPOCH [leader-epoch=N] [partition-epoch=N] [recovering] [v2] | TOPIC...
//	reassign TOPIC PARTITION 1,2|cancel | ... [same-factor]
//	reassignments all | TOPIC PARTITION...
//	assign 1 [epoch=N] DIR TOPIC PARTITION | DIR...
//	create NAME [partitions=N] [factor=N] [assign=0:1,2/1:2,3] [KEY=VALUE]... | ...
//	delete NAME | id:NAME | none | both:NAME
//	grow NAME COUNT [assign=1,2/2,1] | ...
//	change TYPE NAME set:KEY=VALUE delete:KEY append:KEY=VALUE subtract:KEY=VALUE | ...
//	replace TYPE NAME KEY=VALUE... | ...
//	ids 1 [epoch=N]
//	features NAME LEVEL [kind=N] | ...
//	elect preferred|unclean|KIND all | TOPIC PARTITION... | ...
//	limit N (records that a step decides about)
//	wait DURATION
//	in-sync TOPIC PARTITION ID... (the log says so)
//	reload (another controller takes over)
func (s *story) request(words []string) kmsg.Request {
	validate := words[len(words)-1] == "validate"
	if validate {
		words = words[:len(words)-1]
	}
	items := items(words[1:])
	switch words[0] {
	case "register":
		return s.registerRequest(items[0])
	case "beat":
		return s.beatRequest(items[0])
	case "unregister":
		r := kmsg.NewPtrUnregisterBrokerRequest()
		r.BrokerID = number(words[1])
		return r
	case "unregister-controller":
		r := kmsg.NewPtrUnregisterControllerRequest()
		r.ControllerID = number(words[1])
		return r
	case "controller":
		return controllerRequest(items[0])
	case "alter":
		return s.alterRequest(items)
	case "reassign":
		return reassignRequest(items)
	case "reassignments":
		return reassignmentsRequest(items)
	case "assign":
		return s.assignRequest(items)
	case "create":
		return createRequest(items, validate)
	case "delete":
		return s.deleteRequest(items)
	case "grow":
		return growRequest(items, validate)
	case "change":
		return changeRequest(items, validate)
	case "replace":
		return replaceRequest(items, validate)
	case "ids":
		r := kmsg.NewPtrAllocateProducerIDsRequest()
		r.BrokerID = number(words[1])
		r.BrokerEpoch = s.epoch(r.BrokerID, options(words[2:]))
		return r
	case "features":
		return featuresRequest(items, validate)
	case "elect":
		return electRequest(items)
	}
	s.t.Fatalf("no command %q", words[0])
	return nil
}

func items(words []string) [][]string {
	out := [][]string{nil}
	for _, w := range words {
		if w == "|" {
			out = append(out, nil)
			continue
		}
		out[len(out)-1] = append(out[len(out)-1], w)
	}
	return out
}

func number(s string) int32 {
	n, err := strconv.ParseInt(s, 10, 32)
	if err != nil {
		panic(err)
	}
	return int32(n)
}

func options(words []string) map[string]string {
	out := map[string]string{}
	for _, w := range words {
		k, v, _ := strings.Cut(w, "=")
		out[k] = v
	}
	return out
}

func (s *story) epoch(broker int32, o map[string]string) int64 {
	if e, ok := o["epoch"]; ok {
		return int64(number(e))
	}
	if b, ok := s.driver.Machine.(*Machine).image().Broker(broker); ok {
		return b.Epoch
	}
	return -1
}

func (s *story) registerRequest(words []string) kmsg.Request {
	o := options(words[1:])
	r := kmsg.NewPtrBrokerRegistrationRequest()
	r.BrokerID, r.ClusterID, r.PreviousBrokerEpoch = number(words[0]), clusterID, -1
	r.IncarnationID = [16]byte{15: byte(100 + r.BrokerID)}
	if v, ok := o["incarnation"]; ok {
		r.IncarnationID[15] = byte(number(v))
	}
	if v, ok := o["previous"]; ok {
		r.PreviousBrokerEpoch = int64(number(v))
	}
	if v, ok := o["cluster"]; ok {
		r.ClusterID = v
	}
	if v, ok := o["rack"]; ok {
		r.Rack = &v
	}
	dirs, ok := o["dirs"]
	if !ok {
		dirs = strconv.Itoa(int(1000 + r.BrokerID))
	}
	for _, d := range strings.Split(dirs, ",") {
		if d != "" {
			n := number(d)
			r.LogDirs = append(r.LogDirs, [16]byte{0: byte(n >> 8), 15: byte(n)})
		}
	}
	levels, given := o["metadata.version"]
	for _, f := range metadata.SupportedFeatures() {
		rf := kmsg.BrokerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Range.Min, MaxSupportedVersion: f.Range.Max}
		if given && f.Name == metadata.FeatureMetadataVersion {
			lo, hi, ok := strings.Cut(levels, "-")
			if !ok {
				continue
			}
			rf.MinSupportedVersion, rf.MaxSupportedVersion = int16(number(lo)), int16(number(hi))
		}
		r.Features = append(r.Features, rf)
	}
	return r
}

func (s *story) beatRequest(words []string) kmsg.Request {
	o := options(words[1:])
	r := kmsg.NewPtrBrokerHeartbeatRequest()
	r.BrokerID, r.CurrentMetadataOffset = number(words[0]), 1000
	r.BrokerEpoch = s.epoch(r.BrokerID, o)
	if v, ok := o["offset"]; ok {
		r.CurrentMetadataOffset = int64(number(v))
	}
	r.OfflineLogDirs = dirs(o["offline"])
	if v, ok := o["cordoned"]; ok {
		r.CordonedLogDirs = dirs(v)
	}
	_, r.WantFence = o["fence"]
	_, r.WantShutdown = o["shutdown"]
	return r
}

func assignment(text string) (indexes []int32, lists [][]int32) {
	for _, part := range strings.Split(text, "/") {
		index, list, ok := strings.Cut(part, ":")
		if !ok {
			index, list = "0", part
		}
		indexes = append(indexes, number(index))
		ids := []int32{}
		for _, id := range strings.Split(list, ",") {
			if id != "" {
				ids = append(ids, number(id))
			}
		}
		lists = append(lists, ids)
	}
	return indexes, lists
}

func nullable(v string) *string {
	if v == "null" {
		return nil
	}
	return &v
}

// topicName spells names that a word cannot hold.
func topicName(w string) string {
	switch w {
	case `""`:
		return ""
	case "LONG":
		return strings.Repeat("a", 250)
	}
	return strings.ReplaceAll(w, "%20", " ")
}

func createRequest(items [][]string, validate bool) kmsg.Request {
	r := kmsg.NewPtrCreateTopicsRequest()
	r.Version, r.ValidateOnly = 7, validate
	for _, words := range items {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = topicName(words[0]), -1, -1
		for _, w := range words[1:] {
			k, v, _ := strings.Cut(w, "=")
			switch k {
			case "partitions":
				t.NumPartitions = number(v)
			case "factor":
				t.ReplicationFactor = int16(number(v))
			case "assign":
				indexes, lists := assignment(v)
				for i := range indexes {
					t.ReplicaAssignment = append(t.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: indexes[i], Replicas: lists[i]})
				}
			default:
				t.Configs = append(t.Configs, kmsg.CreateTopicsRequestTopicConfig{Name: k, Value: nullable(v)})
			}
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func (s *story) deleteRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrDeleteTopicsRequest()
	r.Version = 6
	for _, words := range items {
		t := kmsg.NewDeleteTopicsRequestTopic()
		kind, name, ok := strings.Cut(words[0], ":")
		id := record.UUID{99}
		if topic, found := s.driver.Machine.(*Machine).image().Topic(name); found {
			id = topic.ID
		}
		switch {
		case !ok && kind == "none":
		case !ok:
			t.Topic = &kind
		case kind == "id":
			t.TopicID = id
		default:
			t.Topic, t.TopicID = &name, id
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func growRequest(items [][]string, validate bool) kmsg.Request {
	r := kmsg.NewPtrCreatePartitionsRequest()
	r.ValidateOnly = validate
	for _, words := range items {
		t := kmsg.NewCreatePartitionsRequestTopic()
		t.Topic, t.Count = words[0], number(words[1])
		if v, ok := options(words[2:])["assign"]; ok {
			_, lists := assignment(v)
			for _, l := range lists {
				t.Assignment = append(t.Assignment, kmsg.CreatePartitionsRequestTopicAssignment{Replicas: l})
			}
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

var resourceTypes = map[string]kmsg.ConfigResourceType{"topic": 2, "broker": 4, "logger": 8, "metrics": 16, "group": 32, "what": 99}

func changeRequest(items [][]string, validate bool) kmsg.Request {
	r := kmsg.NewPtrIncrementalAlterConfigsRequest()
	r.ValidateOnly = validate
	ops := map[string]kmsg.IncrementalAlterConfigOp{"set": 0, "delete": 1, "append": 2, "subtract": 3, "what": 9}
	for _, words := range items {
		res := kmsg.NewIncrementalAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = resourceTypes[words[0]], topicName(words[1])
		for _, w := range words[2:] {
			op, rest, _ := strings.Cut(w, ":")
			k, v, ok := strings.Cut(rest, "=")
			c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
			c.Name, c.Op = k, ops[op]
			if ok {
				c.Value = nullable(v)
			}
			res.Configs = append(res.Configs, c)
		}
		r.Resources = append(r.Resources, res)
	}
	return r
}

func replaceRequest(items [][]string, validate bool) kmsg.Request {
	r := kmsg.NewPtrAlterConfigsRequest()
	r.ValidateOnly = validate
	for _, words := range items {
		res := kmsg.NewAlterConfigsRequestResource()
		res.ResourceType, res.ResourceName = resourceTypes[words[0]], topicName(words[1])
		for _, w := range words[2:] {
			k, v, _ := strings.Cut(w, "=")
			c := kmsg.NewAlterConfigsRequestResourceConfig()
			c.Name, c.Value = k, nullable(v)
			res.Configs = append(res.Configs, c)
		}
		r.Resources = append(r.Resources, res)
	}
	return r
}

func featuresRequest(items [][]string, validate bool) kmsg.Request {
	r := kmsg.NewPtrUpdateFeaturesRequest()
	r.Version, r.ValidateOnly = 2, validate
	for _, words := range items {
		u := kmsg.NewUpdateFeaturesRequestFeatureUpdate()
		u.Feature, u.MaxVersionLevel, u.UpgradeType = words[0], int16(number(words[1])), 1
		if v, ok := options(words[2:])["kind"]; ok {
			u.UpgradeType = int8(number(v))
		}
		r.FeatureUpdates = append(r.FeatureUpdates, u)
	}
	return r
}

func electRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrElectLeadersRequest()
	r.Version = 2
	kinds := map[string]int8{"preferred": 0, "unclean": 1, "what": 9}
	r.ElectionType = kinds[items[0][0]]
	items[0] = items[0][1:]
	if items[0][0] == "all" {
		return r
	}
	for _, words := range items {
		t := kmsg.NewElectLeadersRequestTopic()
		t.Topic = words[0]
		for _, w := range words[1:] {
			t.Partitions = append(t.Partitions, number(w))
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}
