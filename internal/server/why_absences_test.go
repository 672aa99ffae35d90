package server

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/metadata"
	"leat/internal/why"
)

// seen is an image with one broker.
func seen(t *testing.T, epoch int64, fenced, stopping bool) *metadata.Image {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	if err := d.Replay(&metadata.RegisterBrokerRecord{BrokerID: 3, BrokerEpoch: epoch, Fenced: fenced, InControlledShutdown: stopping}); err != nil {
		t.Fatal(err)
	}
	return d.Image(1, 1, 1)
}

func TestOnlyARunningBrokerThatIsFencedAndComesBackWasAway(t *testing.T) {
	const there, fenced, stops = "there", "fenced", "stops"
	type look struct {
		epoch int64
		state string
	}
	for _, story := range []struct {
		what  string
		looks []look
		want  int
	}{
		{"it starts", []look{{1, fenced}, {1, there}}, 0},
		{"it was fenced and is back", []look{{1, there}, {1, fenced}, {1, there}}, 1},
		{"it is fenced", []look{{1, there}, {1, fenced}}, 0},
		{"it dies and starts again", []look{{1, there}, {1, fenced}, {2, fenced}, {2, there}}, 0},
		{"it stops in order", []look{{1, there}, {1, stops}, {1, fenced}, {2, fenced}, {2, there}}, 0},
		{"again and again", []look{{1, fenced}, {1, there}, {1, fenced}, {1, there}, {1, there}, {1, fenced}, {1, there}, {1, fenced}}, 2},
		{"fenced when this node saw it first", []look{{1, fenced}, {1, fenced}, {1, there}}, 0},
	} {
		var a absences
		now := time.Unix(1000, 0)
		for _, l := range story.looks {
			now = now.Add(10 * time.Second)
			a.publish(seen(t, l.epoch, l.state == fenced, l.state == stops), now, time.Time{})
		}
		got := 0
		for _, x := range a.facts(time.Time{}) {
			got += len(x.Past)
		}
		if got != story.want {
			t.Errorf("%s: away %d times, not %d", story.what, got, story.want)
		}
		if len(a.facts(now.Add(time.Second))) > 0 {
			t.Errorf("%s: not forgotten", story.what)
		}
	}
}

func TestAbsencesAreBounded(t *testing.T) {
	var a absences
	now := time.Unix(1000, 0)
	for i := range 200 {
		now = now.Add(time.Second)
		a.publish(seen(t, 1, i%2 == 1, false), now, time.Time{})
	}
	if all := a.facts(time.Time{}); len(all) != 1 || len(all[0].Past) != mostAbsences || !all[0].Past[mostAbsences-1].Ended.Equal(now.Add(-time.Second)) {
		t.Errorf("%+v", all)
	}
}

// A broker whose heartbeats stay away for longer than its session, again and again, is named as the cause of what follows; and no more a while after it came to rest.
func TestABrokerThatIsFencedAgainAndAgainIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("orders", 3, 3)
		c.inSync("orders", 3)
		away := (c.active() + 1) % 3
		asked := 3 - away - c.active()
		about := "node:" + string(rune('1'+away))
		cut := func() {
			for i := range c.hosts {
				if i != away {
					c.network.Cut(c.hosts[away], c.hosts[i])
				}
			}
			time.Sleep(20 * time.Second)
			for i := range c.hosts {
				if i != away {
					c.network.Heal(c.hosts[away], c.hosts[i])
				}
			}
			c.inSync("orders", 3)
		}
		for range 2 {
			cut()
		}
		time.Sleep(30 * time.Second)
		if r := c.whyOf(asked, ""); len(r.Findings) > 0 {
			t.Errorf("fenced twice, and told %+v", r.Findings)
		}
		cut()
		r := c.whyOf(asked, about)
		if len(r.Findings) == 0 || r.Findings[0].Cause != "broker-flapping" || !strings.Contains(r.Findings[0].Chain[0], "was fenced 3 times") {
			t.Fatalf("fenced three times, and told %+v", r.Findings)
		}
		time.Sleep(why.AbsenceWindows * time.Minute)
		if r := c.whyOf(asked, ""); len(r.Findings) > 0 {
			t.Errorf("at rest, and told %+v", r.Findings)
		}
	})
}
