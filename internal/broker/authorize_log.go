package broker

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"leat/internal/security"
	"leat/internal/wire"
)

// operationNames are as Kafka writes them in requests, resourceNames as its authorizer writes them into its log.
var (
	operationNames = [...]string{"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS",
		"IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT"}
	resourceTypeNames = [...]string{"Unknown", "Any", "Topic", "Group", "Cluster", "TransactionalId", "DelegationToken", "User"}
)

// denials writes a line for each refusal, as long as there are not too many: who tries without end must not fill the disk.
type denials struct {
	mu      sync.Mutex
	since   time.Time // guarded by mu
	written int       // since then; guarded by mu
	left    int       // that were not written since then; guarded by mu
}

// denialsLogged is how many lines are written in denialsEvery.
const (
	denialsLogged = 100
	denialsEvery  = 10 * time.Second
	denialsName   = 300 // of a name, which need not be that of something
)

func (d *denials) log(logger *slog.Logger, c *Call, op security.Operation, t security.ResourceType, name string) {
	write, left := d.due(time.Now())
	if left > 0 {
		logger.Info("operations denied, not each of them told", "count", left)
	}
	if len(name) > denialsName {
		name = strings.ToValidUTF8(name[:denialsName], "") + "..."
	}
	if write {
		logger.Info("operation denied", "principal", c.Conn.Principal.String(), "operation", operationNames[op], "host", hostText(c.Conn.Remote.Addr())[1:],
			"resource", resourceTypeNames[t]+":LITERAL:"+name, "api", apiName(c.Header.Key), "listener", c.Conn.Listener)
	}
}

// due reports whether another line may be written, and how many were left out in the time that has passed.
func (d *denials) due(now time.Time) (write bool, left int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.since) >= denialsEvery {
		left = d.left
		d.since, d.written, d.left = now, 0, 0
	}
	if d.written >= denialsLogged {
		d.left++
		return false, left
	}
	d.written++
	return true, left
}

func apiName(key int16) string {
	if api, ok := wire.Lookup(key); ok {
		return api.Name
	}
	return "an unknown request"
}
