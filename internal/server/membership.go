package server

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/storage"
	"leat/internal/telemetry"
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
		Logger:              n.logger(telemetry.LogUplink),
	})
	n.onClose("uplink", func() error { n.uplink.Close(); return nil })
	n.placements = newPlacements(placementsConfig{
		NodeID: n.id, Epoch: n.uplink.Epoch, Logger: n.logger(telemetry.LogUplink),
		Where: func(tp record.TopicPartition) (record.UUID, bool) {
			l, ok := n.store.Log(tp)
			if !ok {
				return record.UUID{}, false
			}
			return l.Dir(), true
		},
		Ask: func(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
			return n.controller().Do(ctx, security.Self, rq)
		},
	})
	n.onClose("placements", func() error { n.placements.Close(); return nil })
}

// leave hands leadership over before anything is closed: of partitions first, which the controllers decide about, and then that of the
// controllers. That it did not work is told and no reason not to stop.
func (n *node) leave() error {
	n.ops.state.Store(stateShuttingDown)
	ctx, cancel := context.WithTimeout(context.Background(), leaveWait)
	defer cancel()
	ctx, decided := n.whileDecided(ctx)
	defer decided()
	if n.uplink != nil {
		if err := n.uplink.Leave(ctx); errors.Is(context.Cause(ctx), errNoMajority) {
			n.Logger.Info("shutting down without handing leadership over", "err", errNoMajority)
		} else if err != nil {
			n.Logger.Warn("shutting down without handing leadership over", "err", err)
		}
	}
	if n.quorum != nil {
		n.quorum.Resign(ctx)
	}
	return nil
}

// openRegistration has this controller registered with the active one.
func (n *node) openRegistration() {
	if n.quorum == nil {
		return
	}
	n.registration = uplink.RegisterController(uplink.RegistrationConfig{
		NodeID: n.id, Endpoints: n.controllerEndpoints(), Controller: n.controller(), Logger: n.logger(telemetry.LogUplink),
	})
	n.onClose("registration", func() error { n.registration.Close(); return nil })
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

// dirID is the id of the log directory with the given path, zero if it is none of this node.
func (n *node) dirID(path string) record.UUID {
	for _, d := range n.store.Dirs() {
		if sameDir(d.Path, path) {
			return d.ID
		}
	}
	if sameDir(n.Values.MetadataLogDir(), path) {
		return n.metadataDir
	}
	return record.UUID{}
}

// openMetadataDir takes the directory of the metadata log if it holds nothing else, as it takes those with partitions: nobody else may use it, it
// belongs to this node, and by its id a controller votes.
func (n *node) openMetadataDir() error {
	own := n.Values.MetadataLogDir()
	if slices.ContainsFunc(n.Values.LogDirs(), func(dir string) bool { return sameDir(dir, own) }) {
		return nil
	}
	id, lock, err := storage.ClaimDir(n.FS, own, storage.Identity{ClusterID: n.clusterID, NodeID: n.id, DirID: n.dirToBe}, n.logger(telemetry.LogStorage))
	if err != nil {
		return err
	}
	n.metadataDir = id
	n.onClose("directory of the metadata log", lock.Close)
	return nil
}

func (n *node) describeQuorum() quorum.Description { return n.quorum.Describe(time.Now()) }

// publish hands a committed image to every room in order; only then do handlers see it. Called from one goroutine.
func (n *node) publish(im *metadata.Image, delta *metadata.Delta) {
	if delta == nil || brokerConfigChanged(delta) {
		n.settings.publish(im)
		n.renewSecurity()
		n.renewAudit()
		n.renewRoles()
	}
	if n.quorum != nil {
		n.knowControllers(im)
		n.registration.Publish(im)
		n.suspicion.publish(im)
	}
	if n.uplink != nil {
		n.publishReplicas(im, delta)
	}
	if delta == nil || delta.BrokersChanged() {
		n.standings.absences.publish(im, time.Now(), n.absencesFrom())
	}
	n.images.publish(im)
	if n.uplink != nil {
		n.uplink.Publish(im)
	}
}

// publishReplicas hands an image to the rooms that hold partitions, from the first on that shows this broker as it is registered now.
//
// What images before that say of this broker is about the process before it. If the power was lost, its logs were longer: to lead by such an image
// is to lead in sync with replicas that have records which this one lost, and what they have would be cut off.
func (n *node) publishReplicas(im *metadata.Image, delta *metadata.Delta) {
	if !n.joined {
		if !n.uplink.Registered(im) {
			return
		}
		n.joined, delta = true, nil
	}
	if err := n.replicas.Publish(im, delta); err != nil {
		n.counts.metadataErrors.Add(1)
		n.Logger.Error("replicas could not follow the metadata", "offset", im.Offset, "err", err)
	}
	n.placements.publish(im, delta)
	n.coordinators.publish(im, delta)
	if delta != nil {
		for _, t := range delta.DeletedTopics() {
			n.ops.metrics.Forget(t.Name)
		}
	}
}

func brokerConfigChanged(delta *metadata.Delta) bool {
	for _, key := range delta.ChangedConfigs() {
		if key.Type == metadata.BrokerResource {
			return true
		}
	}
	return false
}
