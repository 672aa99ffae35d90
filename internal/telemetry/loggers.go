package telemetry

import (
	"fmt"
	"log/slog"
)

// Logger describes one logger, for whoever wants to hear more or less of a part of the node.
type Logger struct{ Name, Doc string }

// Names of loggers. They follow the rooms.
const (
	LogAll              = "leat"
	LogAudit            = "leat.audit"
	LogBalance          = "leat.balance"
	LogBroker           = "leat.broker"
	LogController       = "leat.controller"
	LogCoordinator      = "leat.coordinator"
	LogGroups           = "leat.coordinator.group"
	LogLag              = "leat.coordinator.lag"
	LogShareCoordinator = "leat.coordinator.share"
	LogTransactions     = "leat.coordinator.transaction"
	LogEncryption       = "leat.encryption"
	LogListener         = "leat.listener"
	LogMetadata         = "leat.metalog"
	LogQuorum           = "leat.quorum"
	LogVoter            = "leat.quorum.voter"
	LogReplication      = "leat.replication"
	LogRequests         = "leat.request"
	LogSecurity         = "leat.security"
	LogServer           = "leat.server"
	LogSharing          = "leat.sharing"
	LogStorage          = "leat.storage"
	LogTelemetry        = "leat.telemetry"
	LogUplink           = "leat.uplink"
	loggerKey           = "logger"
)

// Loggers are all there are, each behind the one above it.
var Loggers = []Logger{
	{LogAll, "All of the node."},
	{LogAudit, "The audit log itself: where it could not be written."},
	{LogBalance, "Replicas and leaders that are moved between brokers."},
	{LogBroker, "The handlers of requests: what was denied, what failed, changes of log levels."},
	{LogController, "What the active controller does on its own: brokers fenced, leaders elected."},
	{LogCoordinator, "The coordinators of all kinds."},
	{LogGroups, "Groups of all kinds: members that come, leave and are removed, rebalances."},
	{LogLag, "How far groups are behind, which is worked out for metrics."},
	{LogShareCoordinator, "The states of share partitions."},
	{LogTransactions, "Transactions: begun, ended, timed out, producers fenced."},
	{LogEncryption, "Keys of encrypted files."},
	{LogListener, "Connections of clients and nodes: accepted, refused, closed for a reason, logins that fail, handlers that panic."},
	{LogMetadata, "The metadata log and its snapshots on this node's disk."},
	{LogQuorum, "The quorum of controllers: leaders, members."},
	{LogVoter, "This node's vote: elections, and the journal of what it voted."},
	{LogReplication, "Replicas of this node: leading, following, in-sync sets, copies between directories."},
	{LogRequests, "Requests that were slow, if leat.slow.request.log.ms is set."},
	{LogSecurity, "Certificates, secrets, SASL settings and role bindings, read at the start and again."},
	{LogServer, "The node: start, stop, configuration, other nodes that cannot be reached."},
	{LogSharing, "Records acquired from share partitions."},
	{LogStorage, "Log directories: recovery, retention, compaction, room, disks that fail."},
	{LogTelemetry, "The operations listener, and what is sent to a collector."},
	{LogUplink, "This node's line to the active controller: registration, heartbeats, the metadata log of brokers."},
}

// Named is a logger with a name, which stands in each of its lines and has a level of its own. The name must stand in Loggers. Name a logger before it has
// attributes that another one is not to have; a name takes the place of the name before.
func Named(logger *slog.Logger, name string) *slog.Logger {
	if logger == nil {
		return nil
	}
	of, ok := logger.Handler().(leveled)
	if !ok { // a foreign one has its own idea of levels
		return logger.With(loggerKey, name)
	}
	one := of.levels.find(name)
	if one == nil {
		panic(fmt.Sprintf("bug: logger %q does not stand in Loggers", name))
	}
	return slog.New(leveled{of.nameless.WithAttrs([]slog.Attr{slog.String(loggerKey, name)}), of.nameless, one, of.levels})
}
