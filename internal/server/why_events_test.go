package server

import (
	"testing"
	"time"

	"leat/internal/coordinator/group"
	"leat/internal/why"
	"leat/internal/why/recent"
)

// Who left a group, or fell silent in it, is remembered by the name and the host of its client, whatever the kind of the group.
func TestMembersThatGoAreRememberedByTheirClient(t *testing.T) {
	who := group.Notice{Group: "shop", Member: "till-4711", ClientID: "till", ClientHost: "/192.0.2.7"}
	for message, want := range map[[2]string]why.Event{
		{"member left group", "consumer poll timeout has expired."}: {Kind: why.Left, Detail: "consumer poll timeout has expired."},
		{"member left group", ""}:                                   {Kind: why.Left, Detail: "no reason given"},
		{"removed member whose session ended", ""}:                  {Kind: why.SessionEnded, Detail: "removed member whose session ended: till-4711"},
		{"member removed", "its session timed out"}:                 {Kind: why.SessionEnded, Detail: "member removed, its session timed out: till-4711"},
		{"streams member removed", "the member session expired"}:    {Kind: why.SessionEnded, Detail: "streams member removed, the member session expired: till-4711"},
	} {
		n := &node{recent: recent.New(func() time.Duration { return time.Minute }, time.Now)}
		who.Message, who.Reason = message[0], message[1]
		n.noticed(who)
		got, _ := n.recent.Events()
		if len(got) != 1 || got[0].Kind != want.Kind || got[0].Detail != want.Detail || got[0].ClientID != "till" || got[0].Host != "192.0.2.7" || got[0].Resource != "group:shop" {
			t.Errorf("%q: remembered as %+v, want %s of client till at 192.0.2.7: %s", message, got, want.Kind, want.Detail)
		}
	}
}
