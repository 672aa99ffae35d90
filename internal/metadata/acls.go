package metadata

import (
	"iter"

	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/security/acl"
)

// Rule is the ACL that the record holds.
func (r *AccessControlEntryRecord) Rule() acl.Rule {
	return acl.Rule{
		Type: security.ResourceType(r.ResourceType), Pattern: acl.PatternType(r.PatternType), Name: r.ResourceName,
		Principal: r.Principal, Host: r.Host, Operation: security.Operation(r.Operation), Permission: acl.Permission(r.PermissionType),
	}
}

// Rules is the index of all ACLs: what decides who may do what.
func (im *Image) Rules() *acl.Index { return im.rules }

// ACLs yields the records of ACLs in order of their ids.
func (im *Image) ACLs() iter.Seq[*AccessControlEntryRecord] {
	return func(yield func(*AccessControlEntryRecord) bool) {
		im.acls.Scan(func(_ string, r *AccessControlEntryRecord) bool { return yield(r) })
	}
}

// HasACL reports whether an id is one of an ACL.
func (im *Image) HasACL(id record.UUID) bool {
	_, ok := im.acls.Get(string(id[:]))
	return ok
}

// addACL replaces what the id stood for before, if anything.
func (d *Delta) addACL(r *AccessControlEntryRecord) {
	if was, had := d.im.acls.Set(string(r.ID[:]), r); had {
		d.im.rules = d.im.rules.Without(was.Rule())
	}
	d.im.rules = d.im.rules.With(r.Rule())
}

func (d *Delta) removeACL(id record.UUID) {
	if was, had := d.im.acls.Delete(string(id[:])); had {
		d.im.rules = d.im.rules.Without(was.Rule())
	}
}
