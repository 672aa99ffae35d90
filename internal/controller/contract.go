// Package controller is the machine that owns the cluster's state: brokers, topics, partitions, configs, features, producer ids.
// It is a pure core: requests go in as events, metadata records and replies come out, and metadata.Delta applies the records.
package controller

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/security"
)

// Event is one request to the controller. Its reply (a machine.Reply to Ticket) is a kmsg.Response of the matching kind.
type Event struct {
	Ticket    machine.Ticket
	Request   kmsg.Request // CreateTopics, DeleteTopics, CreatePartitions, *AlterConfigs, BrokerRegistration, ...
	Principal security.Principal
}

// Record is the machine's record type.
type Record = metadata.Record
