package quota

import (
	"strings"
	"testing"
)

type table map[Entity]float64

func (l table) Limit(e Entity, key string) (float64, bool) {
	v, ok := l[e]
	return v, ok && key == Keys[Produce]
}

func TestMostParticularLimitCounts(t *testing.T) {
	u, c := Named("alice"), Named("app")
	levels := []struct {
		entity Entity
		who    Who
	}{
		{Entity{User: u, ClientID: c}, Who{OfUser: true, OfClient: true, User: "alice", ClientID: "app"}},
		{Entity{User: u, ClientID: Default}, Who{OfUser: true, OfClient: true, User: "alice", ClientID: "app"}},
		{Entity{User: u}, Who{OfUser: true, User: "alice"}},
		{Entity{User: Default, ClientID: c}, Who{OfUser: true, OfClient: true, User: "alice", ClientID: "app"}},
		{Entity{User: Default, ClientID: Default}, Who{OfUser: true, OfClient: true, User: "alice", ClientID: "app"}},
		{Entity{User: Default}, Who{OfUser: true, User: "alice"}},
		{Entity{ClientID: c}, Who{OfClient: true, ClientID: "app"}},
		{Entity{ClientID: Default}, Who{OfClient: true, ClientID: "app"}},
	}
	limits := table{{User: Named("bob")}: 1, {ClientID: Named("other")}: 1, {User: Named("bob"), ClientID: c}: 1}
	if _, _, ok := Find(limits, Produce, "alice", "app"); ok {
		t.Error("somebody else's limit counts")
	}
	for i := len(levels) - 1; i >= 0; i-- { // each is more particular than those set before
		limits[levels[i].entity] = float64(i + 10)
		who, limit, ok := Find(limits, Produce, "alice", "app")
		if !ok || limit != float64(i+10) || who != levels[i].who {
			t.Errorf("level %d: %+v, %g, %v", i+1, who, limit, ok)
		}
	}
	if _, _, ok := Find(limits, Fetch, "alice", "app"); ok {
		t.Error("a limit of another kind counts")
	}
	if who, limit, ok := Find(limits, Produce, "alice", ""); !ok || limit != 11 || who.ClientID != "" {
		t.Errorf("no client id: %+v, %g, %v, want alice's default", who, limit, ok)
	}
}

func TestWhomALimitIsCountedForIsKeptInLittleMemory(t *testing.T) {
	long := strings.Repeat("é", 16_000)
	a, b := Who{OfClient: true, ClientID: long + "a"}.Short(), Who{OfClient: true, ClientID: long + "b"}.Short()
	if a == b || len(a.ClientID) > longestKept || !a.OfClient || a != (Who{OfClient: true, ClientID: long + "a"}.Short()) {
		t.Errorf("%d bytes: %+v", len(a.ClientID), a)
	}
	if who := (Who{User: "alice", ClientID: strings.Repeat("x", longestKept)}); who.Short() != who {
		t.Errorf("a name that is not long is cut: %+v", who.Short())
	}
}
