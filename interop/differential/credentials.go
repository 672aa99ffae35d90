package main

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// authentication asks for it where nobody authenticates: at a broker and at a controller.
func authentication(s *side) {
	own := &side{kind: s.kind, addr: s.controllerAddress(), ranges: s.ranges, names: s.names}
	defer own.hangUp()
	for _, place := range []struct {
		name string
		at   *side
	}{{"broker", s}, {"controller", own}} {
		where, at := place.name, place.at
		at.versions(kmsg.SASLHandshake, func(v int16) {
			for _, mechanism := range []string{"PLAIN", "SCRAM-SHA-256", "NONE", ""} {
				at.do(where+": handshake "+mechanism, v, &kmsg.SASLHandshakeRequest{Mechanism: mechanism})
			}
		})
		at.versions(kmsg.SASLAuthenticate, func(v int16) {
			at.do(where+": a password", v, &kmsg.SASLAuthenticateRequest{SASLAuthBytes: []byte("\x00user\x00password")})
			at.do(where+": nothing", v, &kmsg.SASLAuthenticateRequest{SASLAuthBytes: []byte{}})
		})
		at.do(where+": still served", 3, kmsg.NewPtrApiVersionsRequest())
	}
	s.entries = append(s.entries, own.entries...)
}

const (
	sha256Mechanism = 1
	sha512Mechanism = 2
)

// upsertion sets a credential of a user that works.
func upsertion(user string, mechanism int8, change ...func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion)) kmsg.AlterUserSCRAMCredentialsRequestUpsertion {
	u := kmsg.AlterUserSCRAMCredentialsRequestUpsertion{
		Name: user, Mechanism: mechanism, Iterations: 4096, Salt: []byte("salt of " + user), SaltedPassword: []byte(strings.Repeat("p", 32*int(mechanism))),
	}
	for _, c := range change {
		c(&u)
	}
	return u
}

func iterated(n int32) func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {
	return func(u *kmsg.AlterUserSCRAMCredentialsRequestUpsertion) { u.Iterations = n }
}

func deletion(user string, mechanism int8) kmsg.AlterUserSCRAMCredentialsRequestDeletion {
	return kmsg.AlterUserSCRAMCredentialsRequestDeletion{Name: user, Mechanism: mechanism}
}

// credentials sets, changes, describes and deletes what users prove themselves with.
func credentials(s *side) {
	own := &side{kind: s.kind, addr: s.controllerAddress(), ranges: s.ranges, names: s.names}
	defer own.hangUp()
	v := s.last(kmsg.AlterUserSCRAMCredentials)
	described := func(when string, users ...string) {
		s.versions(kmsg.DescribeUserSCRAMCredentials, func(v int16) {
			req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
			for _, name := range users {
				req.Users = append(req.Users, kmsg.DescribeUserSCRAMCredentialsRequestUser{Name: name})
			}
			if users == nil {
				req.Users = nil
			}
			s.do(when, v, req)
		})
	}
	var last string // who got a credential
	up := func(step string, all ...kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {
		resp := s.do(step, v, &kmsg.AlterUserSCRAMCredentialsRequest{Upsertions: all}).(*kmsg.AlterUserSCRAMCredentialsResponse)
		for _, r := range resp.Results {
			if r.ErrorCode == 0 {
				last = r.User
			}
		}
	}
	down := func(step string, all ...kmsg.AlterUserSCRAMCredentialsRequestDeletion) {
		s.do(step, v, &kmsg.AlterUserSCRAMCredentialsRequest{Deletions: all})
	}
	described("before, all")
	described("before, one", "ann")
	described("before, nobody", "")
	up("nothing")
	up("one", upsertion("ann", sha256Mechanism))
	s.credentialsSettle("ann", 1)
	up("another mechanism", upsertion("ann", sha512Mechanism, iterated(16384)))
	s.credentialsSettle("ann", 2)
	described("two mechanisms", "ann")
	up("changed", upsertion("ann", sha256Mechanism, iterated(8192)))
	up("two users", upsertion("bob", sha256Mechanism), upsertion("eve", sha512Mechanism))
	s.credentialsSettle("eve", 1)
	described("all")
	described("some", "bob", "nobody", "eve")
	described("twice", "ann", "bob", "ann")
	described("unknown twice", "nobody", "nobody")
	up("twice the same", upsertion("ann", sha256Mechanism), upsertion("ann", sha256Mechanism, iterated(5000)))
	up("twice with two mechanisms", upsertion("ann", sha256Mechanism), upsertion("ann", sha512Mechanism))
	up("three times", upsertion("ann", sha256Mechanism), upsertion("ann", sha512Mechanism), upsertion("ann", sha256Mechanism))
	down("deleted twice", deletion("ann", sha256Mechanism), deletion("ann", sha256Mechanism))
	s.do("set and deleted", v, &kmsg.AlterUserSCRAMCredentialsRequest{
		Deletions: []kmsg.AlterUserSCRAMCredentialsRequestDeletion{deletion("bob", sha256Mechanism)}, Upsertions: []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{upsertion("bob", sha512Mechanism)},
	})
	s.do("some of it bad", v, &kmsg.AlterUserSCRAMCredentialsRequest{
		Deletions:  []kmsg.AlterUserSCRAMCredentialsRequestDeletion{deletion("nobody", sha256Mechanism)},
		Upsertions: []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{upsertion("joe", sha256Mechanism), upsertion("bad", sha256Mechanism, iterated(1))},
	})
	s.credentialsSettle("joe", 1)
	s.refusedCredentials(up, down)
	s.credentialsSettle(last, 1) // not all of them were refused
	described("after all refusals")
	own.do("at a controller", v, &kmsg.AlterUserSCRAMCredentialsRequest{Upsertions: []kmsg.AlterUserSCRAMCredentialsRequestUpsertion{upsertion("kim", sha256Mechanism)}})
	own.do("described at a controller", 0, kmsg.NewPtrDescribeUserSCRAMCredentialsRequest())
	s.entries = append(s.entries, own.entries...)
	s.credentialsSettle("kim", 1)
	s.deletedCredentials(described, down)
}

// credentialsSettle waits until the broker knows of so many credentials of a user: what a controller has decided is known to it a moment later.
func (s *side) credentialsSettle(user string, mechanisms int) {
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	req.Users = []kmsg.DescribeUserSCRAMCredentialsRequestUser{{Name: user}}
	s.eventually("credentials of "+user, func() bool {
		return len(s.quiet(0, req).(*kmsg.DescribeUserSCRAMCredentialsResponse).Results[0].CredentialInfos) == mechanisms
	})
}

// deletedCredentials deletes what there is.
func (s *side) deletedCredentials(described func(string, ...string), down func(string, ...kmsg.AlterUserSCRAMCredentialsRequestDeletion)) {
	down("deleted", deletion("ann", sha256Mechanism))
	s.credentialsSettle("ann", 1)
	described("one mechanism left", "ann")
	down("deleted again", deletion("ann", sha256Mechanism))
	down("deleted with several", deletion("ann", sha512Mechanism), deletion("bob", sha256Mechanism), deletion("joe", sha256Mechanism), deletion("kim", sha256Mechanism))
	s.credentialsSettle("joe", 0)
	described("nearly nobody")
	down("the last", deletion("eve", sha512Mechanism))
	s.credentialsSettle("eve", 0)
	described("nobody at all")
}

// refusedCredentials asks for what is wrong in itself.
func (s *side) refusedCredentials(up func(string, ...kmsg.AlterUserSCRAMCredentialsRequestUpsertion), down func(string, ...kmsg.AlterUserSCRAMCredentialsRequestDeletion)) {
	for _, c := range []struct {
		step      string
		user      string
		mechanism int8
		change    func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion)
	}{
		{"no mechanism", "dan", 0, func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {}},
		{"an unknown mechanism", "dan", 3, func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {}},
		{"too few iterations", "dan", 1, iterated(4095)},
		{"too few iterations for the other", "dan", 2, iterated(4095)},
		{"no iterations", "dan", 1, iterated(0)},
		{"negative iterations", "dan", 1, iterated(-1)},
		{"too many iterations", "dan", 1, iterated(16385)},
		{"no name", "", 1, func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {}},
		{"no name and no mechanism", "", 0, func(*kmsg.AlterUserSCRAMCredentialsRequestUpsertion) {}},
		{"no name and too few iterations", "", 1, iterated(1)},
		{"no mechanism and too few iterations", "dan", 0, iterated(1)},
	} {
		up(c.step, upsertion(c.user, max(c.mechanism, 1), func(u *kmsg.AlterUserSCRAMCredentialsRequestUpsertion) { u.Mechanism = c.mechanism }, c.change))
	}
	down("delete of nobody", deletion("nobody", 1))
	down("delete of no mechanism", deletion("bob", 0))
	down("delete of an unknown mechanism", deletion("bob", 3))
	down("delete of another mechanism", deletion("bob", 2))
	down("delete without a name", deletion("", 1))
	down("delete without a name and mechanism", deletion("", 0))
	down("two of nobody", deletion("nobody", 1), deletion("nobody", 2))
	up("without salt", upsertion("gus", 1, func(u *kmsg.AlterUserSCRAMCredentialsRequestUpsertion) { u.Salt = []byte{} }))
	up("with a strange name", upsertion("a,b=c ü", 1))
	up("with a long name", upsertion(strings.Repeat("n", 300), 1))
}
