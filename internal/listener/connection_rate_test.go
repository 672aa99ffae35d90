package listener

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"leat/internal/quota"
)

func TestAddressesThatComeTooFastAreTurnedAway(t *testing.T) {
	var b begun
	here, there := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	r := &ConnectionRates{Window: quota.Usual, Address: func(a netip.Addr) (float64, bool) { return 2, a == here }}
	now, taken := int64(1_000_000), 0
	for range 100 {
		if b.from(r, "PLAIN", here, now) == 0 {
			taken++
		}
		if b.from(r, "PLAIN", there, now) != 0 {
			t.Fatal("an address without a quota is turned away")
		}
	}
	if taken != 20 { // two a second, of ten seconds
		t.Errorf("%d of 100 connections at once", taken)
	}
	if d := b.from(r, "PLAIN", here, now); d <= 0 || d > time.Second {
		t.Errorf("kept for %v", d)
	}
	for range 60 {
		now += 1000
		for range 5 {
			if b.from(r, "PLAIN", here, now) == 0 {
				taken++
			}
		}
	}
	if taken < 110 || taken > 142 {
		t.Errorf("%d connections in 60 seconds, want 120 to 140", taken)
	}
}

func TestManyAddressesAreCountedInLittleMemory(t *testing.T) {
	var b begun
	r := &ConnectionRates{Window: quota.Usual, Address: func(netip.Addr) (float64, bool) { return 1, true }}
	addr := netip.MustParseAddr("10.0.0.0")
	for i := range 5 * mostAddresses {
		addr = addr.Next()
		b.from(r, "PLAIN", addr, int64(1_000_000+i/100))
	}
	if n := len(b.addresses); n > mostAddresses {
		t.Errorf("%d addresses are counted", n)
	}
}

func TestConnectionsOverTheNodesRateWait(t *testing.T) {
	var b begun
	r := &ConnectionRates{Window: quota.Usual, Node: 10, Listener: 1000}
	now, began := int64(1_000_000), int64(0)
	for range 300 {
		began++
		now += int64(b.next(r, "PLAIN", now) / time.Millisecond)
	}
	if took := time.Duration(now-1_000_000) * time.Millisecond; took < 15*time.Second || took > 25*time.Second {
		t.Errorf("%d connections took %v, want 20 s after the first 100", began, took)
	}
}

// The answer leaves at once, and the next request waits, whoever made the client wait.
func TestMutedConnectionTakesNoRequest(t *testing.T) {
	answered := make(chan time.Time, 10)
	handle := func(r *Request) {
		r.Mute(3 * time.Second)
		go func() { // as a fetch that has waited
			r.Mute(5 * time.Second)
			answered <- time.Now()
			answerHeartbeat(r)
		}()
	}
	inBubble(t, Limits{}, handle, func(t *testing.T, _ *Server, ln *memListener, _ *logBook) {
		a, b := ln.dial(), ln.dial()
		defer a.Close()
		defer b.Close()
		began := time.Now()
		go a.Write(append(heartbeat(1), heartbeat(2)...))
		readReply(t, a)
		if took := time.Since(began); took > time.Second {
			t.Errorf("the first answer took %v", took)
		}
		b.Write(heartbeat(1))
		readReply(t, b)
		if took := time.Since(began); took > time.Second {
			t.Errorf("another client waited %v", took)
		}
		readReply(t, a)
		synctest.Wait()
		if took := time.Since(began); took < 4*time.Second || took > 6*time.Second {
			t.Errorf("the second answer came after %v, want 5 s", took)
		}
	})
}
