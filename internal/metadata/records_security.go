package metadata

import "leat/internal/record"

// AccessControlEntryRecord adds an ACL.
type AccessControlEntryRecord struct {
	ID             record.UUID
	ResourceType   int8
	ResourceName   string
	PatternType    int8
	Principal      string
	Host           string
	Operation      int8
	PermissionType int8
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *AccessControlEntryRecord) Key() int16                          { return 18 }
func (r *AccessControlEntryRecord) MaxVersion() int16                   { return 0 }
func (r *AccessControlEntryRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *AccessControlEntryRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *AccessControlEntryRecord) visit(c *cursor) {
	c.uuid(&r.ID)
	c.int8(&r.ResourceType)
	c.string(&r.ResourceName)
	c.int8(&r.PatternType)
	c.string(&r.Principal)
	c.string(&r.Host)
	c.int8(&r.Operation)
	c.int8(&r.PermissionType)
	c.tags()
}

// RemoveAccessControlEntryRecord removes an ACL.
type RemoveAccessControlEntryRecord struct {
	ID record.UUID
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RemoveAccessControlEntryRecord) Key() int16        { return 19 }
func (r *RemoveAccessControlEntryRecord) MaxVersion() int16 { return 0 }
func (r *RemoveAccessControlEntryRecord) AppendTo(dst []byte, v int16) []byte {
	return write(r, dst, v)
}
func (r *RemoveAccessControlEntryRecord) ReadFrom(src []byte, v int16) error { return read(r, src, v) }

func (r *RemoveAccessControlEntryRecord) visit(c *cursor) {
	c.uuid(&r.ID)
	c.tags()
}

// UserScramCredentialRecord sets a SCRAM credential.
type UserScramCredentialRecord struct {
	Name       string
	Mechanism  int8
	Salt       []byte
	StoredKey  []byte
	ServerKey  []byte
	Iterations int32
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *UserScramCredentialRecord) Key() int16                          { return 11 }
func (r *UserScramCredentialRecord) MaxVersion() int16                   { return 0 }
func (r *UserScramCredentialRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *UserScramCredentialRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *UserScramCredentialRecord) visit(c *cursor) {
	c.string(&r.Name)
	c.int8(&r.Mechanism)
	c.bytes(&r.Salt)
	c.bytes(&r.StoredKey)
	c.bytes(&r.ServerKey)
	c.int32(&r.Iterations)
	c.tags()
}

// RemoveUserScramCredentialRecord removes a SCRAM credential.
type RemoveUserScramCredentialRecord struct {
	Name      string
	Mechanism int8
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RemoveUserScramCredentialRecord) Key() int16        { return 22 }
func (r *RemoveUserScramCredentialRecord) MaxVersion() int16 { return 0 }
func (r *RemoveUserScramCredentialRecord) AppendTo(dst []byte, v int16) []byte {
	return write(r, dst, v)
}
func (r *RemoveUserScramCredentialRecord) ReadFrom(src []byte, v int16) error { return read(r, src, v) }

func (r *RemoveUserScramCredentialRecord) visit(c *cursor) {
	c.string(&r.Name)
	c.int8(&r.Mechanism)
	c.tags()
}

// DelegationTokenRecord creates or changes a delegation token.
type DelegationTokenRecord struct {
	Owner               string
	Requester           string
	Renewers            []string
	IssueTimestamp      int64
	MaxTimestamp        int64
	ExpirationTimestamp int64
	TokenID             string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *DelegationTokenRecord) Key() int16                          { return 10 }
func (r *DelegationTokenRecord) MaxVersion() int16                   { return 0 }
func (r *DelegationTokenRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *DelegationTokenRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *DelegationTokenRecord) visit(c *cursor) {
	c.string(&r.Owner)
	c.string(&r.Requester)
	c.strings(&r.Renewers)
	c.int64(&r.IssueTimestamp)
	c.int64(&r.MaxTimestamp)
	c.int64(&r.ExpirationTimestamp)
	c.string(&r.TokenID)
	c.tags()
}

// RemoveDelegationTokenRecord removes a delegation token.
type RemoveDelegationTokenRecord struct {
	TokenID string
}

// Key, MaxVersion, AppendTo and ReadFrom implement Record.
func (r *RemoveDelegationTokenRecord) Key() int16                          { return 26 }
func (r *RemoveDelegationTokenRecord) MaxVersion() int16                   { return 0 }
func (r *RemoveDelegationTokenRecord) AppendTo(dst []byte, v int16) []byte { return write(r, dst, v) }
func (r *RemoveDelegationTokenRecord) ReadFrom(src []byte, v int16) error  { return read(r, src, v) }

func (r *RemoveDelegationTokenRecord) visit(c *cursor) {
	c.string(&r.TokenID)
	c.tags()
}
