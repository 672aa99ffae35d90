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
