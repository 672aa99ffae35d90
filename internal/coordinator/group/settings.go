package group

import (
	"time"

	"leat/internal/coordinator/group/kind"
)

// Settings are the configs that the machine follows.
type Settings = kind.Settings

// DefaultSettings are Kafka's defaults.
var DefaultSettings = kind.DefaultSettings

// newMemberTimeout is how long a member may wait in its first JoinGroup before it is taken for gone: it cannot heartbeat yet.
const newMemberTimeout = 5 * time.Minute
