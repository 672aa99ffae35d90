package wire

import (
	"errors"
	"testing"
)

func TestUnstableVersionsAreAnsweredWhenOffered(t *testing.T) {
	for _, c := range []struct {
		key      int16
		unstable bool
		want     int16
	}{{keyInitProducerID, false, 5}, {keyInitProducerID, true, 6}, {keyProduce, true, 13}} {
		api, _ := Lookup(c.key)
		if got := api.Newest(c.unstable); got != c.want {
			t.Errorf("%s, unstable versions offered %v: up to %d, want %d", api.Name, c.unstable, got, c.want)
		}
	}
}

func TestInitProducerIDOfTwoPhasesIsReadWhole(t *testing.T) {
	rq := &InitProducerIDRequest{Enable2PC: true}
	rq.TransactionalID, rq.TransactionTimeoutMillis, rq.ProducerID, rq.ProducerEpoch = new("id"), 3, 4, 5
	body := rq.AppendTo(nil)
	h := RequestHeader{Key: keyInitProducerID, Version: twoPhaseVersion}
	decoded, err := Decode(h, body)
	if err != nil {
		t.Fatal(err)
	}
	got, ok := decoded.(*InitProducerIDRequest)
	if !ok || *got.TransactionalID != "id" || got.ProducerID != 4 || got.ProducerEpoch != 5 || !got.Enable2PC || got.KeepPreparedTxn || got.Version != 6 || !got.IsFlexible() {
		t.Errorf("got %+v", decoded)
	}
	for n := range body {
		if _, err := Decode(h, body[:n:n]); !errors.Is(err, ErrMalformed) {
			t.Errorf("cut to %d of %d bytes: %v, want ErrMalformed", n, len(body), err)
		}
	}
	if _, err := Decode(RequestHeader{Key: keyInitProducerID, Version: 7}, body); !errors.Is(err, ErrMalformed) {
		t.Errorf("version 7: %v, want ErrMalformed", err)
	}
}
