package server

import (
	"strconv"
	"testing"
	"time"

	"leat/internal/quota"
)

func TestMutationsAreToldOfEachClientAndNoMoreThanThereIsRoomFor(t *testing.T) {
	var m mutationMeters
	w, at := quota.Window{Samples: 11, Millis: 1000}, time.UnixMilli(1_000_000)
	alice := quota.Who{Kind: quota.Mutation, User: "alice"}
	for range 5 {
		m.record(alice, w, 10, 300, at.UnixMilli())
	}
	uses := m.uses(at)
	if len(uses) != 1 || uses[0].User != "alice" || uses[0].Rate != 5 || uses[0].Waited != 1500*time.Millisecond {
		t.Fatalf("%+v", uses)
	}
	for i := range 3 * mostMutationMeters {
		m.record(quota.Who{Kind: quota.Mutation, ClientID: strconv.Itoa(i)}, w, 1, 0, at.UnixMilli())
	}
	if n := len(m.uses(at)); n != mostMutationMeters+1 {
		t.Errorf("%d names are counted", n)
	}
	later := at.Add(time.Hour)
	m.record(quota.Who{Kind: quota.Mutation, User: "bob"}, w, 1, 0, later.UnixMilli())
	if n := len(m.uses(later)); n != 1 {
		t.Errorf("%d names are counted after those that were idle have gone", n)
	}
}
