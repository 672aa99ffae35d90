package kind

import "leat/internal/machine"

// ClassicGroup is a classic group on its way to another kind, or back.
type ClassicGroup struct {
	Group          string
	State          string // "Stable", ...
	ProtocolType   string
	Generation     int32
	Protocol       *string
	Leader         *string
	StateTimestamp int64 // ms
	Members        []ClassicMember
}

// ClassicMember is a member of a classic group.
type ClassicMember struct {
	ID               string
	InstanceID       *string
	ClientID         string
	ClientHost       string
	RebalanceTimeout int32 // ms
	SessionTimeout   int32 // ms
	Protocols        []Protocol
	Assignment       []byte
	Joining          machine.Ticket // 0: does not wait
	Syncing          machine.Ticket // 0: does not wait
}

// Protocol is one of the protocols that a classic member supports.
type Protocol struct {
	Name     string
	Metadata []byte
}
