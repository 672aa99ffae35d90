package controller

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// Kinds of feature update, with the protocol's numbers.
const (
	upgrade         = 1
	safeDowngrade   = 2
	unsafeDowngrade = 3
)

func (m *Machine) updateFeatures(r *kmsg.UpdateFeaturesRequest) answer {
	resp := r.ResponseKind().(*kmsg.UpdateFeaturesResponse)
	var records, safety []Record
	proposed := map[string]int16{}
	for name, level := range m.image().Features() {
		proposed[name] = level
	}
	for _, u := range r.FeatureUpdates {
		proposed[u.Feature] = u.MaxVersionLevel
	}
	for _, u := range r.FeatureUpdates {
		record, problem := m.updateFeature(r.Version, u, proposed)
		if problem != nil {
			return answer{response: failFeatures(resp, problem)}
		}
		if record != nil {
			records = append(records, record)
			if u.Feature == metadata.FeatureELRVersion && u.MaxVersionLevel > 0 {
				safety = m.elrSafety()
			}
		}
		result := kmsg.NewUpdateFeaturesResponseResult()
		result.Feature, result.ErrorMessage = u.Feature, new(string) // as in Kafka, an empty text and not null
		resp.Results = append(resp.Results, result)
	}
	if r.ValidateOnly {
		return answer{response: resp}
	}
	return answer{response: resp, records: append(safety, records...)}
}

// elrSafety makes min.insync.replicas the same for the whole cluster, before eligible leader replicas begin to count on it: a cluster-wide
// value is set if there is none, and brokers lose their own.
func (m *Machine) elrSafety() []Record {
	const key = "min.insync.replicas"
	var records []Record
	if _, ok := m.image().Config(metadata.BrokerResource, "")[key]; !ok {
		value, _, _ := m.cfg.Broker.Lookup(key)
		records = append(records, &metadata.ConfigRecord{ResourceType: int8(metadata.BrokerResource), Name: key, Value: &value})
	}
	for _, broker := range m.image().ConfigNames(metadata.BrokerResource) {
		if _, ok := m.image().Config(metadata.BrokerResource, broker)[key]; ok && broker != "" {
			records = append(records, &metadata.ConfigRecord{ResourceType: int8(metadata.BrokerResource), ResourceName: broker, Name: key})
		}
	}
	return records
}

// failFeatures refuses the whole request because of one feature: all change or none.
//
// Kafka 4.4 does so in every version, although the older ones have a result for each feature.
func failFeatures(resp *kmsg.UpdateFeaturesResponse, problem *refusal) *kmsg.UpdateFeaturesResponse {
	all := fmt.Sprintf("The update failed for all features since the following feature had an error: %s", problem.message)
	resp.Results = nil
	resp.ErrorCode, resp.ErrorMessage = problem.Code(), &all
	return resp
}

// updateFeature returns the record that finalises a level, nil if it is already so. Proposed is what the whole request leads to: a feature may
// be raised together with what it depends on.
func (m *Machine) updateFeature(version int16, u kmsg.UpdateFeaturesRequestFeatureUpdate, proposed map[string]int16) (Record, *refusal) {
	kind, level := u.UpgradeType, u.MaxVersionLevel
	if version == 0 {
		kind = upgrade
		if u.AllowDowngrade {
			kind = safeDowngrade
		}
	}
	invalid := func(why string) *refusal {
		return refuse(kerr.InvalidUpdateVersion, "Invalid update version %d for feature %s. %s", level, u.Feature, why)
	}
	if kind < upgrade || kind > unsafeDowngrade {
		return nil, invalid("The controller does not support the given upgrade type.")
	}
	if level < 0 {
		return nil, invalid("A feature version cannot be less than 0.")
	}
	if why := m.unsupported(u.Feature, level); why != "" {
		return nil, invalid(why)
	}
	current := m.image().Feature(u.Feature)
	if u.Feature == metadata.FeatureKRaftVersion {
		current = m.cfg.KRaftVersion
	}
	switch {
	case u.Feature == metadata.FeatureKRaftVersion && level < current:
		return nil, invalid("Can't downgrade the version of this feature.")
	case level < current && kind == upgrade:
		return nil, invalid("Can't downgrade the version of this feature without setting the upgrade type to either safe or unsafe downgrade.")
	case level > current && kind != upgrade:
		return nil, invalid("Can't downgrade to a newer version.")
	case level == current:
		return nil, nil
	case u.Feature == metadata.FeatureKRaftVersion: // it is the quorum's own control record, not the image's
		return nil, invalid("This controller cannot change the version of its quorum.")
	case u.Feature == metadata.FeatureMetadataVersion && level < current && metadata.MetadataChanged(current, level):
		return nil, refuseDowngrade(current, level, kind)
	case u.Feature == metadata.FeatureELRVersion && level >= 1 && proposed[metadata.FeatureMetadataVersion] < levelELR:
		return nil, invalid(fmt.Sprintf("%s could not be set to %d because it depends on %s level %d",
			u.Feature, level, metadata.FeatureMetadataVersion, levelELR))
	}
	return &metadata.FeatureLevelRecord{Name: u.Feature, FeatureLevel: level}, nil
}

// levelELR is the level of metadata.version from which partitions can say who is eligible to lead (4.0-IV1).
const levelELR = 23

// refuseDowngrade refuses a level below which records that are in the log already could not be read by the nodes that the downgrade is for.
func refuseDowngrade(current, level int16, kind int8) *refusal {
	why := "Refusing to perform the requested downgrade because it might delete metadata information."
	if kind == unsafeDowngrade {
		why = "Unsafe metadata downgrade is not supported in this version."
	}
	return refuse(kerr.InvalidUpdateVersion, "Unsupported metadata.version downgrade from %d to %d. %s", current, level, why)
}

// unsupported says who does not understand a level, "" if everybody does.
func (m *Machine) unsupported(name string, level int16) string {
	supports := func(who string, has metadata.FeatureRange, ok bool) string {
		switch {
		case level == 0 && !ok:
			return ""
		case !ok:
			return who + " does not support this feature."
		case level < has.Min || level > has.Max:
			return fmt.Sprintf("%s only supports versions %d-%d", who, has.Min, has.Max)
		}
		return ""
	}
	own, known := metadata.FeatureRange{}, false
	for _, f := range metadata.SupportedFeatures() {
		if f.Name == name {
			own, known = f.Range, true
		}
	}
	if why := supports(fmt.Sprintf("Local controller %d", m.cfg.NodeID), own, known); why != "" {
		return why
	}
	for _, b := range m.image().Brokers() {
		has, ok := b.Features[name]
		if why := supports(fmt.Sprintf("Broker %d", b.ID), has, ok); why != "" {
			return why
		}
	}
	for _, c := range m.image().Controllers() {
		if c.ControllerID == m.cfg.NodeID {
			continue
		}
		i := slices.IndexFunc(c.Features, func(f metadata.RecordFeature) bool { return f.Name == name })
		if i >= 0 {
			own = metadata.FeatureRange{Min: c.Features[i].MinSupportedVersion, Max: c.Features[i].MaxSupportedVersion}
		}
		if why := supports(fmt.Sprintf("Controller %d", c.ControllerID), own, i >= 0); why != "" {
			return why
		}
	}
	return ""
}

// producerIDBlock is how many producer ids a broker gets at once.
const producerIDBlock = 1000

func (m *Machine) allocateProducerIDs(r *kmsg.AllocateProducerIDsRequest) answer {
	resp := r.ResponseKind().(*kmsg.AllocateProducerIDsResponse)
	if _, problem := m.checkBrokerEpoch(r.BrokerID, r.BrokerEpoch); problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	first := m.image().NextProducerID()
	if first > 1<<63-1-producerIDBlock {
		resp.ErrorCode = kerr.UnknownServerError.Code
		return answer{response: resp}
	}
	resp.ProducerIDStart, resp.ProducerIDLen = first, producerIDBlock
	return answer{response: resp, records: []Record{&metadata.ProducerIdsRecord{
		BrokerID: r.BrokerID, BrokerEpoch: r.BrokerEpoch, NextProducerID: first + producerIDBlock}}}
}

// Bootstrap returns the records that a new log begins with: one metadata transaction with the features that were chosen when the directory
// was formatted, or if found is nil, the levels that this release chooses; and min.insync.replicas as a cluster-wide config, because
// eligible leaders must not depend on what each node's file says.
func Bootstrap(found []Record, minISR string) []Record {
	if found == nil {
		for _, f := range bootstrapFeatures() {
			found = append(found, &f)
		}
	}
	records := append([]Record{&metadata.BeginTransactionRecord{Name: new("Bootstrap records")}}, found...)
	elr := false
	for _, r := range found {
		switch r := r.(type) {
		case *metadata.FeatureLevelRecord:
			elr = elr || r.Name == metadata.FeatureELRVersion && r.FeatureLevel >= 1
		case *metadata.ConfigRecord:
			if r.ResourceType == int8(metadata.BrokerResource) && r.ResourceName == "" && r.Name == "min.insync.replicas" {
				minISR = ""
			}
		}
	}
	if elr && minISR != "" {
		records = append(records, &metadata.ConfigRecord{ResourceType: int8(metadata.BrokerResource), Name: "min.insync.replicas", Value: &minISR})
	}
	return append(records, &metadata.EndTransactionRecord{})
}

// bootstrapFeatures lists what is finalised in a new cluster: metadata.version first, then the others by name.
func bootstrapFeatures() []metadata.FeatureLevelRecord {
	var first, rest []metadata.FeatureLevelRecord
	for _, f := range metadata.SupportedFeatures() {
		r := metadata.FeatureLevelRecord{Name: f.Name, FeatureLevel: f.Default}
		switch {
		case f.Name == metadata.FeatureMetadataVersion:
			first = append(first, r)
		case f.Name != metadata.FeatureKRaftVersion && f.Default > 0: // kraft.version is the quorum's own control record
			rest = append(rest, r)
		}
	}
	return append(first, rest...)
}
