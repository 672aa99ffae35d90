package controller

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

const (
	// levelSCRAM is the level of metadata.version (3.5-IV2) from which credentials stand in the metadata log.
	levelSCRAM          = 11
	leastIterations     = 4096
	mostIterations      = 16384
	twiceInOneRequest   = "A user credential cannot be altered twice in the same request"
	withoutSCRAM        = "The current metadata.version does not support SCRAM"
	unknownSCRAM        = "Unknown SCRAM mechanism"
	userWithoutName     = "Username must not be empty"
	noCredentialToErase = "Attempt to delete a user credential that does not exist"
)

// scramHashes are those of the mechanisms, by the protocol's numbers.
var scramHashes = map[int8]func() hash.Hash{1: sha256.New, 2: sha512.New}

// alterSCRAM sets and removes credentials. A request may name a user once.
func (m *Machine) alterSCRAM(rq *kmsg.AlterUserSCRAMCredentialsRequest) answer {
	resp := rq.ResponseKind().(*kmsg.AlterUserSCRAMCredentialsResponse)
	changes, problems := map[string]Record{}, map[string]*refusal{}
	take := func(name string, problem *refusal, change func() Record) {
		switch _, twice := changes[name]; {
		case problems[name] != nil:
		case twice:
			delete(changes, name)
			problems[name] = refuse(kerr.DuplicateResource, twiceInOneRequest)
		case m.image().Feature(metadata.FeatureMetadataVersion) < levelSCRAM:
			problems[name] = refuse(kerr.UnsupportedVersion, withoutSCRAM)
		case problem != nil:
			problems[name] = problem
		default:
			changes[name] = change()
		}
	}
	for _, d := range rq.Deletions {
		take(d.Name, m.checkErasure(d), func() Record { return &metadata.RemoveUserScramCredentialRecord{Name: d.Name, Mechanism: d.Mechanism} })
	}
	for _, u := range rq.Upsertions {
		take(u.Name, checkCredential(u), func() Record { return credentialOf(u) })
	}
	var records []Record
	for _, name := range sortedKeys(changes) {
		records = append(records, changes[name])
		resp.Results = append(resp.Results, scramResult(name, nil))
	}
	for _, name := range sortedKeys(problems) {
		resp.Results = append(resp.Results, scramResult(name, problems[name]))
	}
	return answer{response: resp, records: records}
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func scramResult(name string, problem *refusal) kmsg.AlterUserSCRAMCredentialsResponseResult {
	result := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
	result.User, result.ErrorCode, result.ErrorMessage = name, problem.Code(), problem.Message()
	return result
}

func checkUser(name string, mechanism int8) *refusal {
	switch {
	case name == "":
		return refuse(kerr.UnacceptableCredential, userWithoutName)
	case scramHashes[mechanism] == nil:
		return refuse(kerr.UnsupportedSaslMechanism, unknownSCRAM)
	}
	return nil
}

func (m *Machine) checkErasure(d kmsg.AlterUserSCRAMCredentialsRequestDeletion) *refusal {
	if problem := checkUser(d.Name, d.Mechanism); problem != nil {
		return problem
	}
	if _, there := m.image().ScramCredential(d.Name, d.Mechanism); !there {
		return refuse(kerr.ResourceNotFound, noCredentialToErase)
	}
	return nil
}

func checkCredential(u kmsg.AlterUserSCRAMCredentialsRequestUpsertion) *refusal {
	if problem := checkUser(u.Name, u.Mechanism); problem != nil {
		return problem
	}
	switch {
	case u.Iterations < leastIterations:
		return refuse(kerr.UnacceptableCredential, "Too few iterations")
	case u.Iterations > mostIterations:
		return refuse(kerr.UnacceptableCredential, "Too many iterations")
	}
	return nil
}

// credentialOf makes of a salted password what is kept of it (RFC 5802, 3). The salted password itself would let anybody in.
func credentialOf(u kmsg.AlterUserSCRAMCredentialsRequestUpsertion) Record {
	newHash := scramHashes[u.Mechanism]
	sign := func(text string) []byte {
		h := hmac.New(newHash, u.SaltedPassword)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	stored := newHash()
	stored.Write(sign("Client Key"))
	return &metadata.UserScramCredentialRecord{
		Name: u.Name, Mechanism: u.Mechanism, Salt: u.Salt, StoredKey: stored.Sum(nil), ServerKey: sign("Server Key"), Iterations: u.Iterations,
	}
}
