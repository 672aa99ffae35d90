package run

import (
	"errors"
	"fmt"
	"testing"
)

func TestWhatACommandEndsWith(t *testing.T) {
	gone := errors.New("gone")
	if Failed(nil) != nil {
		t.Error("nothing failed, and it is an error")
	}
	if err := Failed(gone); !IsFailed(err) || !errors.Is(err, gone) || err.Error() != "gone" {
		t.Errorf("%v: failed %v", err, IsFailed(err))
	}
	if !IsFailed(fmt.Errorf("orders: %w", Failed(gone))) {
		t.Error("a failure that was wrapped is none any more")
	}
	if IsFailed(gone) || IsFailed(nil) || IsFailed(Exit(3)) {
		t.Error("an error that nobody marked is a failure")
	}
}

func TestAHintStandsBehindOneMark(t *testing.T) {
	gone := errors.New("TOPIC_GONE: This server does not have it.")
	err := fmt.Errorf("topic orders: %w", Hint(gone, "leat topic list shows %s", "which there are"))
	if want := "topic orders: TOPIC_GONE: This server does not have it: leat topic list shows which there are"; err.Error() != want || !errors.Is(err, gone) {
		t.Errorf("%q, not %q", err, want)
	}
	if err := Hint(errors.New("connection refused"), "is it running?"); err.Error() != "connection refused: is it running?" {
		t.Error(err)
	}
}
