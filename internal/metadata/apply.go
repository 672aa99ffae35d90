package metadata

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"leat/internal/record"
)

// Replay applies one record. An error means the record contradicts the state (a bug, or a foreign log).
func (d *Delta) Replay(r Record) error {
	err := d.replay(r)
	if err != nil {
		return fmt.Errorf("%T: %w", r, err)
	}
	return nil
}

func (d *Delta) replay(r Record) error {
	switch r := r.(type) {
	case *RegisterBrokerRecord:
		d.setBroker(brokerFrom(r))
	case *UnregisterBrokerRecord:
		return d.removeBroker(r)
	case *FenceBrokerRecord:
		return d.changeBroker(r.ID, r.Epoch, func(b *Broker) { b.Fenced = true })
	case *UnfenceBrokerRecord:
		return d.changeBroker(r.ID, r.Epoch, func(b *Broker) { b.Fenced = false })
	case *BrokerRegistrationChangeRecord:
		return d.changeBroker(r.BrokerID, r.BrokerEpoch, func(b *Broker) { changeRegistration(b, r) })
	case *RegisterControllerRecord:
		d.setController(r)
	case *UnregisterControllerRecord:
		d.im.controllers = slices.DeleteFunc(slices.Clone(d.im.controllers),
			func(c *RegisterControllerRecord) bool { return c.ControllerID == r.ControllerID })
	case *TopicRecord:
		return d.createTopic(r)
	case *PartitionRecord:
		return d.createPartition(r)
	case *PartitionChangeRecord:
		return d.changePartition(r)
	case *RemoveTopicRecord:
		return d.removeTopic(r.TopicID)
	case *ClearElrRecord:
		return d.clearELR(r.TopicName)
	case *ConfigRecord:
		d.setConfig(r)
	case *FeatureLevelRecord:
		return d.setFeature(r.Name, r.FeatureLevel)
	case *ClientQuotaRecord:
		d.setQuota(r)
	case *ProducerIdsRecord:
		d.im.nextProducerID = r.NextProducerID
	case *AccessControlEntryRecord:
		d.addACL(r)
	case *RemoveAccessControlEntryRecord:
		d.removeACL(r.ID)
	case *UserScramCredentialRecord:
		d.im.scram.Set(scramKey(r.Name, r.Mechanism), r)
	case *RemoveUserScramCredentialRecord:
		d.im.scram.Delete(scramKey(r.Name, r.Mechanism))
	case *DelegationTokenRecord:
		d.im.tokens.Set(r.TokenID, r)
	case *RemoveDelegationTokenRecord:
		d.im.tokens.Delete(r.TokenID)
	case *BeginTransactionRecord:
		return d.begin()
	case *EndTransactionRecord:
		return d.end()
	case *AbortTransactionRecord:
		return d.abort()
	case *NoOpRecord, *ZkMigrationStateRecord:
	default:
		return fmt.Errorf("no rule to apply it")
	}
	return nil
}

// setSorted returns list with e in the place of the element that compares equal, or inserted. The list given is not modified.
func setSorted[T any](list []T, e T, compare func(a, b T) int) []T {
	i, found := slices.BinarySearchFunc(list, e, compare)
	out := slices.Clone(list)
	if found {
		out[i] = e
		return out
	}
	return slices.Insert(out, i, e)
}

func (d *Delta) setBroker(b *Broker) {
	d.im.brokers = setSorted(d.im.brokers, b, func(a, b *Broker) int { return cmp.Compare(a.ID, b.ID) })
	d.brokers = true
}

func (d *Delta) setController(r *RegisterControllerRecord) {
	d.im.controllers = setSorted(d.im.controllers, r, func(a, b *RegisterControllerRecord) int {
		return cmp.Compare(a.ControllerID, b.ControllerID)
	})
}

func (d *Delta) registration(id int32, epoch int64) (*Broker, error) {
	b, ok := d.im.Broker(id)
	if !ok {
		return nil, fmt.Errorf("broker %d is not registered", id)
	}
	if b.Epoch != epoch {
		return nil, fmt.Errorf("broker %d is registered at epoch %d, not %d", id, b.Epoch, epoch)
	}
	return b, nil
}

func (d *Delta) removeBroker(r *UnregisterBrokerRecord) error {
	gone, err := d.registration(r.BrokerID, r.BrokerEpoch)
	if err != nil {
		return err
	}
	d.im.brokers = slices.DeleteFunc(slices.Clone(d.im.brokers), func(b *Broker) bool { return b == gone })
	d.brokers = true
	return nil
}

func (d *Delta) changeBroker(id int32, epoch int64, change func(*Broker)) error {
	b, err := d.registration(id, epoch)
	if err != nil {
		return err
	}
	next := *b
	change(&next)
	d.setBroker(&next)
	return nil
}

func changeRegistration(b *Broker, r *BrokerRegistrationChangeRecord) {
	switch r.Fenced {
	case 1:
		b.Fenced = true
	case -1:
		b.Fenced = false
	}
	if r.InControlledShutdown == 1 {
		b.InControlledShutdown = true
	}
	if len(r.LogDirs) > 0 {
		b.Dirs = sortedIDs(r.LogDirs)
	}
	if r.CordonedLogDirs != nil {
		b.CordonedDirs = sortedIDs(r.CordonedLogDirs)
	}
}

func (d *Delta) setConfig(r *ConfigRecord) {
	t := ResourceType(r.ResourceType)
	key := configKey(t, r.ResourceName)
	values, had := d.im.configs.Get(key)
	if _, own := d.ownedConfigs[key]; !own {
		values = maps.Clone(values)
		d.ownedConfigs[key] = struct{}{}
	}
	d.configs[ConfigKey{t, r.ResourceName}] = struct{}{}
	if r.Value != nil {
		if values == nil {
			values = map[string]string{}
		}
		values[r.Name] = *r.Value
		d.im.configs.Set(key, values)
		return
	}
	delete(values, r.Name)
	if len(values) > 0 {
		d.im.configs.Set(key, values)
	} else if had {
		d.im.configs.Delete(key)
		delete(d.ownedConfigs, key)
	}
}

// dropConfigs forgets all overrides of a resource.
func (d *Delta) dropConfigs(t ResourceType, name string) {
	key := configKey(t, name)
	if _, had := d.im.configs.Delete(key); had {
		d.configs[ConfigKey{t, name}] = struct{}{}
		delete(d.ownedConfigs, key)
	}
}

// setFeature refuses what this build does not understand: from such a record on it would misread the log.
func (d *Delta) setFeature(name string, level int16) error {
	if err := understood(name, level); err != nil {
		return err
	}
	d.feature = true
	if level != 0 {
		d.im.features = setSorted(d.im.features, finalized{name, level},
			func(a, b finalized) int { return cmp.Compare(a.name, b.name) })
	} else if i, ok := d.im.featureAt(name); ok {
		d.im.features = slices.Delete(slices.Clone(d.im.features), i, i+1)
	}
	return nil
}

func (d *Delta) setQuota(r *ClientQuotaRecord) {
	key, entity := quotaKey(r.Entity)
	q, ok := d.im.quotas.Get(key)
	switch {
	case ok:
		q = q.clone()
	case r.Remove:
		return
	default:
		q = &quotas{entity: entity, values: map[string]float64{}}
	}
	if !r.Remove {
		q.values[r.QuotaKey] = r.Value
	} else {
		delete(q.values, r.QuotaKey)
	}
	if len(q.values) == 0 {
		d.im.quotas.Delete(key)
		return
	}
	d.im.quotas.Set(key, q)
}

// checkDirs brings the directories of a partition to one per replica.
func checkDirs(dirs []record.UUID, replicas []int32) ([]record.UUID, error) {
	if len(dirs) == 0 {
		return make([]record.UUID, len(replicas)), nil // DirMigrating
	}
	if len(dirs) != len(replicas) {
		return nil, fmt.Errorf("%d directories for %d replicas", len(dirs), len(replicas))
	}
	return dirs, nil
}
