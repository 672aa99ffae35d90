package metadata

// ConfigRecord sets one config of a resource; a null value removes it.
type ConfigRecord struct {
	ResourceType int8
	ResourceName string
	Name         string
	Value        *string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *ConfigRecord) Key() int16                          { return 4 }
func (r *ConfigRecord) MaxVersion() int16                   { return 0 }
func (r *ConfigRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *ConfigRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *ConfigRecord) visit(c *cursor) {
	c.int8(&r.ResourceType)
	c.string(&r.ResourceName)
	c.string(&r.Name)
	c.nullString(&r.Value)
	c.tags()
}

// FeatureLevelRecord finalises a feature at a level; level 0 removes it.
type FeatureLevelRecord struct {
	Name         string
	FeatureLevel int16
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *FeatureLevelRecord) Key() int16                          { return 12 }
func (r *FeatureLevelRecord) MaxVersion() int16                   { return 0 }
func (r *FeatureLevelRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *FeatureLevelRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *FeatureLevelRecord) visit(c *cursor) {
	c.string(&r.Name)
	c.int16(&r.FeatureLevel)
	c.tags()
}

// ClientQuotaRecord sets or removes one quota of an entity.
type ClientQuotaRecord struct {
	Entity   []QuotaEntityPart
	QuotaKey string
	Value    float64
	Remove   bool
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *ClientQuotaRecord) Key() int16                          { return 14 }
func (r *ClientQuotaRecord) MaxVersion() int16                   { return 0 }
func (r *ClientQuotaRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *ClientQuotaRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *ClientQuotaRecord) visit(c *cursor) {
	array(c, &r.Entity, func(c *cursor, e *QuotaEntityPart) { e.visit(c) })
	c.string(&r.QuotaKey)
	c.float64(&r.Value)
	c.bool(&r.Remove)
	c.tags()
}

// QuotaEntityPart is one part of who a quota is for: entity type (user, client-id, ip) and name; null is the default entity.
type QuotaEntityPart struct {
	EntityType string
	EntityName *string
}

func (e *QuotaEntityPart) visit(c *cursor) {
	c.string(&e.EntityType)
	c.nullString(&e.EntityName)
	c.tags()
}

// ProducerIdsRecord hands a block of producer ids to a broker: all below NextProducerID are taken.
type ProducerIdsRecord struct {
	BrokerID       int32
	BrokerEpoch    int64
	NextProducerID int64
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *ProducerIdsRecord) Key() int16                          { return 15 }
func (r *ProducerIdsRecord) MaxVersion() int16                   { return 0 }
func (r *ProducerIdsRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *ProducerIdsRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *ProducerIdsRecord) visit(c *cursor) {
	c.int32(&r.BrokerID)
	c.int64(&r.BrokerEpoch)
	c.int64(&r.NextProducerID)
	c.tags()
}
