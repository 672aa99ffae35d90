package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// maxPartitionsPerRequest is Kafka's bound on what one request may create: its records are one atomic batch.
const maxPartitionsPerRequest = 10_000

// metadataTopic is the metadata log itself, which is no topic that anybody creates.
const metadataTopic = "__cluster_metadata"

// creation is one topic being created.
type creation struct {
	request    *kmsg.CreateTopicsRequestTopic
	configs    map[string]string
	partitions []*metadata.Partition
}

func (m *Machine) createTopics(r *kmsg.CreateTopicsRequest) answer {
	resp := r.ResponseKind().(*kmsg.CreateTopicsResponse)
	m.room = tenantRoom{}
	if m.tooManyPartitions(r) {
		problem := refuse(kerr.PolicyViolation, "Excessively large number of partitions per request.")
		for i := range r.Topics {
			resp.Topics = append(resp.Topics, refusedTopic(r.Topics[i].Topic, problem))
		}
		return answer{response: resp}
	}
	times := map[string]int{}
	for i := range r.Topics {
		times[r.Topics[i].Topic]++
	}
	var records []Record
	for i := range r.Topics {
		t := &r.Topics[i]
		if times[t.Topic] == 0 {
			continue // a duplicate that is answered already
		}
		if times[t.Topic] > 1 {
			times[t.Topic] = 0
			resp.Topics = append(resp.Topics, refusedTopic(t.Topic, refuse(kerr.InvalidRequest, "Duplicate topic name.")))
			continue
		}
		c := &creation{request: t}
		if problem := m.prepare(c); problem != nil {
			resp.Topics = append(resp.Topics, refusedTopic(t.Topic, problem))
			continue
		}
		if problem := m.takeTenantRoom(t.Topic, len(c.partitions)); problem != nil {
			resp.Topics = append(resp.Topics, refusedTopic(t.Topic, problem))
			continue
		}
		if problem := m.permit.take(len(c.partitions)); problem != nil {
			resp.Topics = append(resp.Topics, refusedTopic(t.Topic, problem))
			continue
		}
		result, created := m.create(c)
		resp.Topics, records = append(resp.Topics, result), append(records, created...)
	}
	if r.ValidateOnly {
		records = nil
	}
	return answer{response: resp, records: records}
}

func refusedTopic(name string, problem *refusal) kmsg.CreateTopicsResponseTopic {
	t := kmsg.NewCreateTopicsResponseTopic()
	t.Topic, t.ErrorCode, t.ErrorMessage = name, problem.Code(), problem.Message()
	t.NumPartitions, t.ReplicationFactor = -1, -1
	return t
}

func (m *Machine) tooManyPartitions(r *kmsg.CreateTopicsRequest) bool {
	sum := 0
	for i := range r.Topics {
		switch t := &r.Topics[i]; {
		case len(t.ReplicaAssignment) > 0:
			sum += len(t.ReplicaAssignment)
		case t.NumPartitions == -1:
			sum += m.cfg.Broker.Int("num.partitions")
		case t.NumPartitions > 0:
			sum += int(t.NumPartitions)
		}
	}
	return sum > maxPartitionsPerRequest
}

// prepare checks everything about a topic to be created and chooses its replicas.
func (m *Machine) prepare(c *creation) *refusal {
	name := c.request.Topic
	if problem := checkTopicName(name); problem != nil {
		return problem
	}
	if name == metadataTopic {
		return refuse(kerr.InvalidRequest, "Creation of internal topic %s is prohibited.", metadataTopic)
	}
	if other, ok := m.names.with(name); ok {
		return refuse(kerr.InvalidTopicException, "Topic '%s' collides with existing topic: %s", name, other)
	}
	if _, ok := m.image().Topic(name); ok {
		return refuse(kerr.TopicAlreadyExists, "Topic '%s' already exists.", name)
	}
	if problem := m.prepareConfigs(c); problem != nil {
		return problem
	}
	assign := m.assign
	if len(c.request.ReplicaAssignment) > 0 {
		assign = m.assignByHand
	}
	if problem := assign(c); problem != nil {
		return problem
	}
	return m.checkNewTopic(c)
}

func (m *Machine) prepareConfigs(c *creation) *refusal {
	c.configs = map[string]string{}
	var nulls []string
	for _, kv := range c.request.Configs {
		if kv.Value == nil {
			nulls = append(nulls, kv.Name)
			continue
		}
		c.configs[kv.Name] = *kv.Value
	}
	if len(nulls) > 0 {
		return nullConfigs("topic", nulls)
	}
	for _, kv := range c.request.Configs {
		if problem := checkTopicConfig(kv.Name, *kv.Value); problem != nil {
			return problem
		}
	}
	return m.checkTopicConfigs(c.configs)
}

func (m *Machine) assignByHand(c *creation) *refusal {
	t := c.request
	if t.ReplicationFactor != -1 {
		return refuse(kerr.InvalidRequest, "A manual partition assignment was specified, but replication factor was not set to -1.")
	}
	if t.NumPartitions != -1 {
		return refuse(kerr.InvalidRequest, "A manual partition assignment was specified, but numPartitions was not set to -1.")
	}
	byIndex := map[int32]*metadata.Partition{}
	factor := 0
	for _, a := range t.ReplicaAssignment {
		if byIndex[a.Partition] != nil {
			return refuse(kerr.InvalidReplicaAssignment, "Found multiple manual partition assignments for partition %d", a.Partition)
		}
		if problem := m.checkAssignment(a.Replicas, factor); problem != nil {
			return problem
		}
		factor = len(a.Replicas)
		p := m.newPartition(a.Replicas)
		if p == nil {
			return refuse(kerr.InvalidReplicaAssignment,
				"All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", a.Partition)
		}
		byIndex[a.Partition] = p
	}
	for i := range int32(len(byIndex)) {
		p := byIndex[i]
		if p == nil {
			return refuse(kerr.InvalidReplicaAssignment, "partitions should be a consecutive 0-based integer sequence")
		}
		c.partitions = append(c.partitions, p)
	}
	return nil
}

func (m *Machine) assign(c *creation) *refusal {
	n, factor := int(c.request.NumPartitions), int(c.request.ReplicationFactor)
	if factor < -1 || factor == 0 {
		return refuse(kerr.InvalidReplicationFactor, "Replication factor must be larger than 0, or -1 to use the default value.")
	}
	if n < -1 || n == 0 {
		return refuse(kerr.InvalidPartitions, "Number of partitions was set to an invalid non-positive value.")
	}
	if n == -1 {
		n = m.cfg.Broker.Int("num.partitions")
	}
	if factor == -1 {
		factor = m.cfg.Broker.Int("default.replication.factor")
	}
	placed, problem := m.place(n, factor)
	if problem != nil {
		return refuse(problem.code, "Unable to replicate the partition %d time(s): %s", factor, problem.message)
	}
	for _, replicas := range placed {
		p := m.newPartition(replicas)
		if p == nil {
			return refuse(kerr.InvalidReplicationFactor,
				"Unable to replicate the partition %d time(s): All brokers are currently fenced or in controlled shutdown.", factor)
		}
		c.partitions = append(c.partitions, p)
	}
	return nil
}

// create makes the records of a topic, in the order in which Kafka writes them: topic, configs, partitions.
func (m *Machine) create(c *creation) (kmsg.CreateTopicsResponseTopic, []Record) {
	id := m.newUUID()
	records := []Record{&metadata.TopicRecord{Name: c.request.Topic, TopicID: id}}
	for _, kv := range c.request.Configs {
		value := c.configs[kv.Name]
		records = append(records, &metadata.ConfigRecord{
			ResourceType: int8(metadata.TopicResource), ResourceName: c.request.Topic, Name: kv.Name, Value: &value})
	}
	for i, p := range c.partitions {
		records = append(records, p.Record(id, int32(i)))
	}
	t := kmsg.NewCreateTopicsResponseTopic()
	t.Topic, t.TopicID = c.request.Topic, id
	t.NumPartitions, t.ReplicationFactor = int32(len(c.partitions)), int16(len(c.partitions[0].Replicas))
	t.Configs = m.describeConfigs(c.configs)
	return t, records
}

func (m *Machine) createPartitions(r *kmsg.CreatePartitionsRequest) answer {
	resp := r.ResponseKind().(*kmsg.CreatePartitionsResponse)
	m.room = tenantRoom{}
	problems, records := m.addPartitions(r)
	answered := make(map[string]bool, len(r.Topics))
	for i := range r.Topics {
		t := kmsg.NewCreatePartitionsResponseTopic()
		t.Topic = r.Topics[i].Topic
		if answered[t.Topic] {
			continue
		}
		answered[t.Topic] = true
		t.ErrorCode, t.ErrorMessage = problems[i].Code(), problems[i].Message()
		resp.Topics = append(resp.Topics, t)
	}
	if r.ValidateOnly {
		records = nil
	}
	return answer{response: resp, records: records}
}

// addPartitions decides about each topic of the request; the problems are in the order of the topics.
func (m *Machine) addPartitions(r *kmsg.CreatePartitionsRequest) ([]*refusal, []Record) {
	problems := make([]*refusal, len(r.Topics))
	times, added := map[string]int{}, 0
	for i := range r.Topics {
		t := &r.Topics[i]
		times[t.Topic]++
		if had, ok := m.image().Topic(t.Topic); ok {
			added += max(0, int(t.Count)-len(had.Partitions))
		}
	}
	var records []Record
	for i := range r.Topics {
		t := &r.Topics[i]
		switch {
		case added > maxPartitionsPerRequest:
			problems[i] = refuse(kerr.PolicyViolation, "Excessively large number of additional partitions per request.")
		case times[t.Topic] > 1:
			problems[i] = refuse(kerr.InvalidRequest, "Duplicate topic name.")
		default:
			var more []Record
			more, problems[i] = m.grow(t)
			records = append(records, more...)
		}
	}
	return problems, records
}

// grow makes the records that bring a topic to the number of partitions asked for.
func (m *Machine) grow(r *kmsg.CreatePartitionsRequestTopic) ([]Record, *refusal) {
	t, ok := m.image().Topic(r.Topic)
	if !ok {
		return nil, refuse(kerr.UnknownTopicOrPartition, "")
	}
	have := len(t.Partitions)
	switch more := int(r.Count) - have; {
	case more == 0:
		return nil, refuse(kerr.InvalidPartitions, "Topic already has %d partition(s).", have)
	case more < 0:
		return nil, refuse(kerr.InvalidPartitions, "The topic %s currently has %d partition(s); %d would not be an increase.", r.Topic, have, r.Count)
	case r.Assignment != nil && len(r.Assignment) != more:
		return nil, refuse(kerr.InvalidReplicaAssignment,
			"Attempted to add %d additional partition(s), but only %d assignment(s) were specified.", more, len(r.Assignment))
	}
	if have == 0 {
		return nil, refuse(kerr.UnknownServerError, "Invalid state: topic %s appears to have no partitions.", r.Topic)
	}
	if problem := m.checkMorePartitions(r.Topic, r.Count); problem != nil {
		return nil, problem
	}
	if problem := m.takeTenantRoom(r.Topic, int(r.Count)-have); problem != nil {
		return nil, problem
	}
	if problem := m.permit.take(int(r.Count) - have); problem != nil {
		return nil, problem
	}
	placed, problem := m.growOn(r, len(t.Partitions[0].Replicas), int(r.Count)-have)
	if problem != nil {
		return nil, problem
	}
	var records []Record
	for i, p := range placed {
		records = append(records, p.Record(t.ID, int32(have+i)))
	}
	return records, nil
}

func (m *Machine) growOn(r *kmsg.CreatePartitionsRequestTopic, factor, n int) ([]*metadata.Partition, *refusal) {
	var lists [][]int32
	if r.Assignment != nil {
		for _, a := range r.Assignment {
			if problem := m.checkAssignment(a.Replicas, factor); problem != nil {
				return nil, problem
			}
			lists = append(lists, a.Replicas)
		}
	} else {
		var problem *refusal
		if lists, problem = m.place(n, factor); problem != nil {
			return nil, problem
		}
	}
	var out []*metadata.Partition
	for i, replicas := range lists {
		p := m.newPartition(replicas)
		switch {
		case p != nil:
			out = append(out, p)
		case r.Assignment != nil:
			return nil, refuse(kerr.InvalidReplicaAssignment,
				"All brokers specified in the manual partition assignment for partition %d are fenced or in controlled shutdown.", i)
		default:
			return nil, refuse(kerr.InvalidReplicationFactor,
				"Unable to replicate the partition %d time(s): All brokers are currently fenced or in controlled shutdown.", factor)
		}
	}
	return out, nil
}
