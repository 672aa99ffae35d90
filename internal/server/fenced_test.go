package server

import (
	"log/slog"
	"strings"
	"testing"

	"leat/internal/controller"
)

// A broker that is fenced because it was told to stop is nothing to worry about; any other that is fenced is.
func TestAnOrderedStopIsNotWarnedOf(t *testing.T) {
	var out strings.Builder
	n := &node{}
	n.Logger = slog.New(slog.NewTextHandler(&out, nil))
	for level, notice := range map[string]controller.Notice{
		"level=INFO": {What: controller.BrokerFenced, InOrder: true, Why: "it stopped in order"},
		"level=WARN": {What: controller.BrokerFenced, Why: "no heartbeat for 9s", Expired: true},
	} {
		out.Reset()
		n.tell(notice)
		if !strings.Contains(out.String(), level) || !strings.Contains(out.String(), notice.Why) {
			t.Errorf("%s, want %s", out.String(), level)
		}
	}
}
