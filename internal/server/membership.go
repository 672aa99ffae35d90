package server

import (
	"context"
	"time"

	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/uplink"
)

// leaveWait bounds how long a shutdown waits for the controller to move leaderships away.
const leaveWait = 5 * time.Second

// openUplink makes this broker's line to the controller.
func (n *node) openUplink() {
	v := n.Values
	rack, _, _ := v.Lookup("broker.rack")
	n.uplink = uplink.New(uplink.Config{
		NodeID: n.id, ClusterID: n.clusterID, Rack: rack, Endpoints: n.endpoints,
		DirIDs: n.dirIDs(online), OfflineDirs: func() []record.UUID { return n.dirIDs(offline) },
		PreviousBrokerEpoch: n.store.PreviousBrokerEpoch(),
		HeartbeatInterval:   v.Millis("broker.heartbeat.interval.ms"),
		RegistrationTimeout: v.Millis("initial.broker.registration.timeout.ms"),
		Controller:          n.controller(),
		Logger:              n.Logger,
	})
	n.onClose("uplink", func() error { n.uplink.Close(); return nil })
}

// leave hands leadership over before anything is closed. That it did not work is told and no reason not to stop.
func (n *node) leave() error {
	n.ops.state.Store(stateShuttingDown)
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	if err := n.uplink.Leave(ctx); err != nil {
		n.Logger.Warn("shutting down without handing leadership over", "err", err)
	}
	return nil
}

// dirState selects log directories.
type dirState bool

const (
	online  dirState = true
	offline dirState = false
)

func (n *node) dirIDs(state dirState) []record.UUID {
	var ids []record.UUID
	for _, d := range n.store.Dirs() {
		if (d.Offline == nil) == bool(state) && !d.ID.IsZero() {
			ids = append(ids, d.ID)
		}
	}
	return ids
}

// dirID is the id of the log directory with the given path, zero if it holds no partitions.
func (n *node) dirID(path string) record.UUID {
	for _, d := range n.store.Dirs() {
		if sameDir(d.Path, path) {
			return d.ID
		}
	}
	return record.UUID{}
}

func (n *node) describeQuorum() quorum.Description { return n.quorum.Describe(time.Now()) }

// publish hands a committed image to every room in order; only then do handlers see it. Called from one goroutine.
func (n *node) publish(im *metadata.Image, delta *metadata.Delta) {
	if delta == nil || brokerConfigChanged(delta) {
		n.settings.publish(im)
	}
	if err := n.replicas.Publish(im, delta); err != nil {
		n.Logger.Error("replicas could not follow the metadata", "offset", im.Offset, "err", err)
	}
	n.groups.Publish(im, delta)
	if delta != nil {
		for _, t := range delta.DeletedTopics() {
			n.ops.metrics.Forget(t.Name)
		}
	}
	n.images.publish(im)
	n.uplink.Publish(im)
}

func brokerConfigChanged(delta *metadata.Delta) bool {
	for _, key := range delta.ChangedConfigs() {
		if key.Type == metadata.BrokerResource {
			return true
		}
	}
	return false
}
