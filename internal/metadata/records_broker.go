package metadata

import "leat/internal/record"

// RegisterBrokerRecord is a broker that registered; it replaces an earlier registration of the same id.
type RegisterBrokerRecord struct {
	BrokerID             int32
	IsMigratingZkBroker  bool
	IncarnationID        record.UUID
	BrokerEpoch          int64
	EndPoints            []RecordEndpoint
	Features             []RecordFeature
	Rack                 *string
	Fenced               bool
	InControlledShutdown bool
	LogDirs              []record.UUID
	CordonedLogDirs      []record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RegisterBrokerRecord) Key() int16                          { return 0 }
func (r *RegisterBrokerRecord) MaxVersion() int16                   { return 4 }
func (r *RegisterBrokerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *RegisterBrokerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *RegisterBrokerRecord) visit(c *cursor) {
	c.int32(&r.BrokerID)
	if c.version >= 2 {
		c.bool(&r.IsMigratingZkBroker)
	}
	c.uuid(&r.IncarnationID)
	c.int64(&r.BrokerEpoch)
	array(c, &r.EndPoints, func(c *cursor, e *RecordEndpoint) { e.visit(c) })
	array(c, &r.Features, func(c *cursor, e *RecordFeature) { e.visit(c) })
	c.nullString(&r.Rack)
	c.bool(&r.Fenced)
	if c.version >= 1 {
		c.bool(&r.InControlledShutdown)
	}
	c.tags(
		tag{0, c.version >= 3 && len(r.LogDirs) > 0, func(c *cursor) { c.uuids(&r.LogDirs) }},
		tag{1, c.version >= 4 && r.CordonedLogDirs != nil, func(c *cursor) { c.nullUUIDs(&r.CordonedLogDirs) }},
	)
}

// RecordEndpoint is an advertised listener in a registration.
type RecordEndpoint struct {
	Name             string
	Host             string
	Port             uint16
	SecurityProtocol int16
}

func (e *RecordEndpoint) visit(c *cursor) {
	c.string(&e.Name)
	c.string(&e.Host)
	c.uint16(&e.Port)
	c.int16(&e.SecurityProtocol)
	c.tags()
}

// RecordFeature is the range of levels of a feature that a node supports.
type RecordFeature struct {
	Name                string
	MinSupportedVersion int16
	MaxSupportedVersion int16
}

func (e *RecordFeature) visit(c *cursor) {
	c.string(&e.Name)
	c.int16(&e.MinSupportedVersion)
	c.int16(&e.MaxSupportedVersion)
	c.tags()
}

// UnregisterBrokerRecord removes a registration for good.
type UnregisterBrokerRecord struct {
	BrokerID    int32
	BrokerEpoch int64
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *UnregisterBrokerRecord) Key() int16                          { return 1 }
func (r *UnregisterBrokerRecord) MaxVersion() int16                   { return 0 }
func (r *UnregisterBrokerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *UnregisterBrokerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *UnregisterBrokerRecord) visit(c *cursor) {
	c.int32(&r.BrokerID)
	c.int64(&r.BrokerEpoch)
	c.tags()
}

// FenceBrokerRecord fences a broker. Kafka writes BrokerRegistrationChangeRecord instead since 3.3.
type FenceBrokerRecord struct {
	ID    int32
	Epoch int64
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *FenceBrokerRecord) Key() int16                          { return 7 }
func (r *FenceBrokerRecord) MaxVersion() int16                   { return 0 }
func (r *FenceBrokerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *FenceBrokerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *FenceBrokerRecord) visit(c *cursor) {
	c.int32(&r.ID)
	c.int64(&r.Epoch)
	c.tags()
}

// UnfenceBrokerRecord unfences a broker. Kafka writes BrokerRegistrationChangeRecord instead since 3.3.
type UnfenceBrokerRecord struct {
	ID    int32
	Epoch int64
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *UnfenceBrokerRecord) Key() int16                          { return 8 }
func (r *UnfenceBrokerRecord) MaxVersion() int16                   { return 0 }
func (r *UnfenceBrokerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *UnfenceBrokerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *UnfenceBrokerRecord) visit(c *cursor) {
	c.int32(&r.ID)
	c.int64(&r.Epoch)
	c.tags()
}

// BrokerRegistrationChangeRecord changes fields of a registration: fenced and in controlled shutdown are 1 for yes, -1 for no (fenced only), 0 for no change.
type BrokerRegistrationChangeRecord struct {
	BrokerID             int32
	BrokerEpoch          int64
	Fenced               int8
	InControlledShutdown int8
	LogDirs              []record.UUID
	CordonedLogDirs      []record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *BrokerRegistrationChangeRecord) Key() int16        { return 17 }
func (r *BrokerRegistrationChangeRecord) MaxVersion() int16 { return 3 }
func (r *BrokerRegistrationChangeRecord) AppendTo(dst []byte, v int16) []byte {
	return write(r, dst, v)
}
func (r *BrokerRegistrationChangeRecord) ReadFrom(src []byte, v int16) error { return read(r, src, v) }

func (r *BrokerRegistrationChangeRecord) visit(c *cursor) {
	c.int32(&r.BrokerID)
	c.int64(&r.BrokerEpoch)
	c.tags(
		tag{0, r.Fenced != 0, func(c *cursor) { c.int8(&r.Fenced) }},
		tag{1, c.version >= 1 && r.InControlledShutdown != 0, func(c *cursor) { c.int8(&r.InControlledShutdown) }},
		tag{2, c.version >= 2 && len(r.LogDirs) > 0, func(c *cursor) { c.uuids(&r.LogDirs) }},
		tag{3, c.version >= 3 && r.CordonedLogDirs != nil, func(c *cursor) { c.nullUUIDs(&r.CordonedLogDirs) }},
	)
}

// RegisterControllerRecord is a controller that registered.
type RegisterControllerRecord struct {
	ControllerID     int32
	IncarnationID    record.UUID
	ZkMigrationReady bool
	EndPoints        []RecordEndpoint
	Features         []RecordFeature
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RegisterControllerRecord) Key() int16                          { return 27 }
func (r *RegisterControllerRecord) MaxVersion() int16                   { return 0 }
func (r *RegisterControllerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *RegisterControllerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *RegisterControllerRecord) visit(c *cursor) {
	c.int32(&r.ControllerID)
	c.uuid(&r.IncarnationID)
	c.bool(&r.ZkMigrationReady)
	array(c, &r.EndPoints, func(c *cursor, e *RecordEndpoint) { e.visit(c) })
	array(c, &r.Features, func(c *cursor, e *RecordFeature) { e.visit(c) })
	c.tags()
}

// UnregisterControllerRecord removes the registration of a controller.
type UnregisterControllerRecord struct {
	ControllerID int32
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *UnregisterControllerRecord) Key() int16                          { return 29 }
func (r *UnregisterControllerRecord) MaxVersion() int16                   { return 0 }
func (r *UnregisterControllerRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *UnregisterControllerRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *UnregisterControllerRecord) visit(c *cursor) {
	c.int32(&r.ControllerID)
	c.tags()
}
