package broker

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/security"
	"leat/internal/why"
	"leat/internal/wire"
)

// Why answers what is wrong, as JSON: of this node alone as facts, or of the cluster as findings.
type Why interface {
	Facts(ctx context.Context, about why.About) ([]byte, error)
	Report(ctx context.Context, about why.About) ([]byte, error)
}

var whyRoutes = []route{{key: wire.KeyWhy, handle: (*Handlers).why, waits: true}}

// guardWhy lets other nodes ask, and those who may describe the cluster.
func (h *Handlers) guardWhy(c *Call) bool {
	if h.mayClusterQuietly(c, security.OpClusterAction) || h.mayCluster(c, security.OpDescribe) {
		return true
	}
	c.Respond(&wire.WhyResponse{ErrorCode: kerr.ClusterAuthorizationFailed.Code,
		Message: c.Conn.Principal.String() + " needs DESCRIBE on the cluster to ask what is wrong with it"})
	return false
}

// why explains.
func (h *Handlers) why(c *Call) {
	rq := c.Body.(*wire.Why)
	about, err := why.ParseAbout(rq.About)
	if err != nil || h.Why == nil {
		text := "this node cannot be asked yet"
		if err != nil {
			text = err.Error()
		}
		c.Respond(&wire.WhyResponse{ErrorCode: kerr.InvalidRequest.Code, Message: cutText(text)})
		return
	}
	answer := h.Why.Report
	if rq.Facts {
		answer = h.Why.Facts
	}
	json, err := answer(c.Gone, about)
	if err != nil {
		c.Respond(&wire.WhyResponse{ErrorCode: kerr.UnknownServerError.Code, Message: cutText(err.Error())})
		return
	}
	c.Respond(&wire.WhyResponse{JSON: json})
}

// lower is an operation as tools write it.
func lower(operation string) string { return strings.ToLower(strings.ReplaceAll(operation, "_", "")) }
