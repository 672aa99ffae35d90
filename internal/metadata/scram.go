package metadata

// ScramCredential is what is kept of a user's password for a mechanism of SCRAM (1: SHA-256, 2: SHA-512). The record must not be changed.
func (im *Image) ScramCredential(name string, mechanism int8) (*UserScramCredentialRecord, bool) {
	return im.scram.Get(scramKey(name, mechanism))
}

// ScramCredentials yields all of them, those of one user together.
func (im *Image) ScramCredentials(yield func(*UserScramCredentialRecord) bool) {
	im.scram.Scan(func(_ string, r *UserScramCredentialRecord) bool { return yield(r) })
}
