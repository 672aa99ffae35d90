package storage

import (
	"errors"
	"testing"

	"leat/internal/fs"
)

// mustVerify is a client's append with the leave v.
func mustVerify(v *Verification) AppendOptions {
	opts := clientAppend
	opts.MustVerify, opts.Verification = true, v
	return opts
}

func TestATransactionBeginsOnlyWithLeave(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	if _, err := l.Append(producerBatch(t, 0, 0, 1, true), mustVerify(nil)); !errors.Is(err, ErrTxnState) {
		t.Fatalf("without leave: %v", err)
	}
	v := l.Verify(7, 0, 0)
	if _, err := l.Append(producerBatch(t, 0, 0, 1, true), mustVerify(v)); err != nil {
		t.Fatal(err)
	}
	v.End()
	if l.Verify(7, 0, 1) != nil {
		t.Error("the transaction is open, and was to be verified again")
	}
	if _, err := l.Append(producerBatch(t, 0, 1, 1, true), mustVerify(nil)); err != nil {
		t.Errorf("second batch: %v", err)
	}
	if len(l.verifying) != 0 {
		t.Errorf("%d verifications are left", len(l.verifying))
	}
}

func TestAMarkerTakesLeaveBack(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	late := l.Verify(7, 0, 0)
	if _, err := l.Append(marker(7, 0, false, 1), coordinatorAppend); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(producerBatch(t, 0, 0, 1, true), mustVerify(late)); !errors.Is(err, ErrTxnState) {
		t.Fatalf("after the marker: %v", err)
	}
	again := l.Verify(7, 0, 0) // the next transaction is not known to the leave of the one before
	if _, err := l.Append(producerBatch(t, 0, 0, 1, true), mustVerify(late)); !errors.Is(err, ErrTxnState) {
		t.Fatalf("with the leave of the transaction before: %v", err)
	}
	late.End()
	if _, err := l.Append(producerBatch(t, 0, 0, 1, true), mustVerify(again)); err != nil {
		t.Fatal(err)
	}
	again.End()
}

func TestLeaveIsForTheLowestSequence(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	first, second := l.Verify(7, 0, 0), l.Verify(7, 0, 1)
	if _, err := l.Append(producerBatch(t, 0, 1, 1, true), mustVerify(second)); !errors.Is(err, ErrOutOfOrder) {
		t.Fatalf("the second batch came first: %v", err)
	}
	for i, v := range []*Verification{first, second} {
		if _, err := l.Append(producerBatch(t, 0, int32(i), 1, true), mustVerify(v)); err != nil {
			t.Fatal(err)
		}
		v.End()
	}
	if len(l.verifying) != 0 {
		t.Errorf("%d verifications are left", len(l.verifying))
	}
}

func TestAFencedProducerHasNoLeave(t *testing.T) {
	l := openTestLog(t, fs.NewMem(), "/log", LogConfig{})
	now := l.Verify(7, 1, 0)
	old := l.Verify(7, 0, 5)
	if _, err := l.Append(producerBatch(t, 0, 5, 1, true), mustVerify(old)); !errors.Is(err, ErrTxnState) {
		t.Fatalf("the old epoch: %v", err)
	}
	old.End()
	if _, err := l.Append(producerBatch(t, 1, 0, 1, true), mustVerify(now)); err != nil {
		t.Fatal(err)
	}
	now.End()
	if _, err := l.Append(producerBatch(t, 0, 6, 1, true), mustVerify(nil)); !errors.Is(err, ErrProducerFenced) {
		t.Fatalf("the old epoch, once the new one is known: %v", err)
	}
}
