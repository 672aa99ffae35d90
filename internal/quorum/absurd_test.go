package quorum_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/quorum"
)

// What a change of the voters carries is read again by every controller, within bounds: what is beyond them is refused before it is in the log.
func TestAbsurdVotersAreRefused(t *testing.T) {
	for name, spoil := range map[string]func(*quorum.Member){
		"a host of 2000 characters":          func(m *quorum.Member) { m.Endpoints[0].Host = strings.Repeat("h", 2000) },
		"a listener name of 2000 characters": func(m *quorum.Member) { m.Endpoints[0].Name = strings.Repeat("n", 2000) },
		"200 endpoints": func(m *quorum.Member) {
			for len(m.Endpoints) < 200 {
				m.Endpoints = append(m.Endpoints, m.Endpoints[0])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t, quorum.LogSettings{})
				q := c.start(1, voters(1))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				for action, id := range map[quorum.Action]int32{quorum.AddVoter: 2, quorum.UpdateVoter: 1} {
					m := voters(id)[0]
					spoil(&m)
					if err := q.Change(ctx, quorum.Change{Action: action, Voter: m}); !errors.Is(err, kerr.InvalidRequest) {
						t.Errorf("action %d: %v", action, err)
					}
				}
				c.know(1, 0)
				c.stopAll()
			})
		})
	}
}

// A learner whose leader was lost before it had the log stays one, until it is added again or removed.
func TestALearnerThatWasLeftOverIsRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, quorum.LogSettings{})
		for id := int32(1); id <= 3; id++ {
			c.start(id, voters(1, 2, 3))
		}
		leader, q := c.leader()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		added := make(chan error, 1)
		go func() { added <- q.Change(ctx, quorum.Change{Action: quorum.AddVoter, Voter: voters(9)[0]}) }()
		time.Sleep(time.Second)
		c.stop(leader, false, nil)
		if err := <-added; !errors.Is(err, kerr.RequestTimedOut) {
			t.Errorf("added: %v", err)
		}
		_, q = c.leader()
		if m := q.Members(); len(m) != 4 || !m[3].Learner {
			t.Fatalf("members %+v", m)
		}
		if err := q.Change(ctx, quorum.Change{Action: quorum.RemoveVoter, Voter: voters(9)[0]}); err != nil {
			t.Errorf("removed: %v", err)
		}
		if m := q.Members(); len(m) != 3 {
			t.Errorf("members %+v", m)
		}
		c.start(leader, nil)
		c.agree()
		c.stopAll()
	})
}
