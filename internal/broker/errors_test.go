package broker

import (
	"errors"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/replication"
	"leat/internal/storage"
)

func TestCodeOf(t *testing.T) {
	for _, tc := range []struct {
		err  error
		want int16
	}{
		{nil, 0},
		{fmt.Errorf("orders-0: %w", replication.ErrNotLeader), 6},
		{fmt.Errorf("orders-0: %w", storage.ErrOffsetOutOfRange), 1},
		{fmt.Errorf("append: %w: %w", storage.ErrDisk, errors.New("no space")), 56},
		{&storage.RecordErrors{Kind: storage.ErrInvalidTimestamp, Message: "too late"}, 32},
		{fmt.Errorf("delete: %w", kerr.PolicyViolation), 44},
		{fmt.Errorf("orders-0: %w", replication.ErrNotEnoughReplicas), 19},
		{afterAppend(fmt.Errorf("orders-0: %w", replication.ErrNotEnoughReplicas)), 20},
		{afterAppend(fmt.Errorf("orders-0: %w", replication.ErrTimedOut)), 7},
		{errors.New("nobody expected this"), -1},
	} {
		if got := codeOf(tc.err); got != tc.want {
			t.Errorf("%v: code %d, want %d", tc.err, got, tc.want)
		}
	}
}
