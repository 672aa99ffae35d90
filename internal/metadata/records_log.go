package metadata

// NoOpRecord does nothing; the active controller writes it to show that it lives.
type NoOpRecord struct {
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *NoOpRecord) Key() int16                          { return 20 }
func (r *NoOpRecord) MaxVersion() int16                   { return 0 }
func (r *NoOpRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *NoOpRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *NoOpRecord) visit(c *cursor) {
	c.tags()
}

// ZkMigrationStateRecord is left from ZooKeeper times and ignored.
type ZkMigrationStateRecord struct {
	ZkMigrationState int8
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *ZkMigrationStateRecord) Key() int16                          { return 21 }
func (r *ZkMigrationStateRecord) MaxVersion() int16                   { return 0 }
func (r *ZkMigrationStateRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *ZkMigrationStateRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *ZkMigrationStateRecord) visit(c *cursor) {
	c.int8(&r.ZkMigrationState)
	c.tags()
}

// BeginTransactionRecord begins a group of records that count only once EndTransactionRecord was read.
type BeginTransactionRecord struct {
	Name *string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *BeginTransactionRecord) Key() int16                          { return 23 }
func (r *BeginTransactionRecord) MaxVersion() int16                   { return 0 }
func (r *BeginTransactionRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *BeginTransactionRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *BeginTransactionRecord) visit(c *cursor) {
	c.tags(
		tag{0, r.Name != nil, func(c *cursor) { c.nullString(&r.Name) }},
	)
}

// EndTransactionRecord ends a metadata transaction.
type EndTransactionRecord struct {
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *EndTransactionRecord) Key() int16                          { return 24 }
func (r *EndTransactionRecord) MaxVersion() int16                   { return 0 }
func (r *EndTransactionRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *EndTransactionRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *EndTransactionRecord) visit(c *cursor) {
	c.tags()
}

// AbortTransactionRecord drops everything since BeginTransactionRecord.
type AbortTransactionRecord struct {
	Reason *string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *AbortTransactionRecord) Key() int16                          { return 25 }
func (r *AbortTransactionRecord) MaxVersion() int16                   { return 0 }
func (r *AbortTransactionRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *AbortTransactionRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *AbortTransactionRecord) visit(c *cursor) {
	c.tags(
		tag{0, r.Reason != nil, func(c *cursor) { c.nullString(&r.Reason) }},
	)
}
