package consumer

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/group/kind"
)

// upgrade makes a classic group with members a group of the new protocol.
func (k *Kind) upgrade(_ kind.Desk, id string) (*group, *refusal) {
	return nil, refuse(kerr.GroupIDNotFound, fmt.Sprintf("Group %s is not a consumer group.", id))
}

// downgraded makes the group a classic one if no member of the new protocol would be left, and reports whether it did.
func (k *Kind) downgraded(_ kind.Desk, _ string, _ *group, _ []*member, _ *member) bool { return false }
