package broker

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/telemetry"
)

// alterTimeout bounds the wait for the controller: these requests carry no timeout of their own.
const alterTimeout = 30 * time.Second

// resourceKey names a config resource of a request.
type resourceKey struct {
	t    kmsg.ConfigResourceType
	name string
}

// alteration is what becomes of one resource of a request: decided here, or by the controller.
type alteration struct {
	resourceKey
	index   int // of the resource in the request
	decided bool
	problem *configProblem
}

// incrementalAlterConfigs changes log levels here and hands everything else to the controller, which checks and stores it. What this
// node refuses does not get there.
func (h *Handlers) incrementalAlterConfigs(c *Call) {
	rq := c.Body.(*kmsg.IncrementalAlterConfigsRequest)
	keys := make([]resourceKey, len(rq.Resources))
	for i, res := range rq.Resources {
		keys[i] = resourceKey{res.ResourceType, res.ResourceName}
	}
	alterations := h.sortOut(keys, c.Conn.Control)
	forward := *rq
	forward.Resources = nil
	for i := range alterations {
		a := &alterations[i]
		switch {
		case a.decided:
		case a.t == kmsg.ConfigResourceTypeBrokerLogger:
			a.decided, a.problem = true, h.alterLogLevels(rq.Resources[a.index].Configs, rq.ValidateOnly)
		default:
			if a.problem = h.checkSecurity(c, &rq.Resources[a.index]); a.problem != nil {
				a.decided = true
				continue
			}
			forward.Resources = append(forward.Resources, rq.Resources[a.index])
		}
	}
	theirs, problem := askFor[*kmsg.IncrementalAlterConfigsResponse](h, c, &forward, len(forward.Resources))
	if open := undecided(alterations); theirs != nil {
		for _, r := range theirs.Resources {
			settle(open, resourceKey{r.ResourceType, r.ResourceName}, r.ErrorCode, r.ErrorMessage)
		}
		if !rq.ValidateOnly {
			h.awaitImage(c, func(im *metadata.Image) bool { return showsChanges(im, forward.Resources, theirs) })
		}
	}
	resp := kmsg.NewPtrIncrementalAlterConfigsResponse()
	for _, a := range alterations {
		out := kmsg.NewIncrementalAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = a.t, a.name
		out.ErrorCode, out.ErrorMessage = a.outcome(problem)
		resp.Resources = append(resp.Resources, out)
	}
	c.Respond(resp)
}

// alterConfigs is the older request, which replaces all configs of a resource. It does not know log levels.
func (h *Handlers) alterConfigs(c *Call) {
	rq := c.Body.(*kmsg.AlterConfigsRequest)
	keys := make([]resourceKey, len(rq.Resources))
	for i, res := range rq.Resources {
		keys[i] = resourceKey{res.ResourceType, res.ResourceName}
	}
	alterations := h.sortOut(keys, c.Conn.Control)
	forward := *rq
	forward.Resources = nil
	for i := range alterations {
		a := &alterations[i]
		if a.decided {
			continue
		}
		if a.problem = h.checkReplaced(c, &rq.Resources[a.index]); a.problem != nil {
			a.decided = true
			continue
		}
		forward.Resources = append(forward.Resources, rq.Resources[a.index])
	}
	theirs, problem := askFor[*kmsg.AlterConfigsResponse](h, c, &forward, len(forward.Resources))
	if open := undecided(alterations); theirs != nil {
		for _, r := range theirs.Resources {
			settle(open, resourceKey{r.ResourceType, r.ResourceName}, r.ErrorCode, r.ErrorMessage)
		}
	}
	resp := kmsg.NewPtrAlterConfigsResponse()
	for _, a := range alterations {
		out := kmsg.NewAlterConfigsResponseResource()
		out.ResourceType, out.ResourceName = a.t, a.name
		out.ErrorCode, out.ErrorMessage = a.outcome(problem)
		resp.Resources = append(resp.Resources, out)
	}
	c.Respond(resp)
}

// sortOut makes one alteration of each resource, and decides those that cannot be carried out: what a request names twice, and what
// belongs to another broker. A controller is asked about any broker's configs: brokers forward what concerns them.
func (h *Handlers) sortOut(keys []resourceKey, toController bool) []alteration {
	var out []alteration
	at := make(map[resourceKey]int, len(keys))
	for i, key := range keys {
		if first, twice := at[key]; twice {
			out[first].decided, out[first].problem = true, badConfigRequest("Each resource must appear at most once.")
			continue
		}
		at[key] = len(out)
		a := alteration{resourceKey: key, index: i}
		if key.t == kmsg.ConfigResourceTypeBrokerLogger || key.t == kmsg.ConfigResourceTypeBroker && key.name != "" && !toController {
			a.problem = h.checkOwnID(key.name, "%d, but")
			a.decided = a.problem != nil
		}
		out = append(out, a)
	}
	return out
}

// settle takes the controller's word for a resource.
func settle(open map[resourceKey]*alteration, key resourceKey, code int16, message *string) {
	a := open[key]
	if a == nil {
		return
	}
	delete(open, key)
	a.decided = true
	if err := kerr.TypedErrorForCode(code); err != nil {
		a.problem = &configProblem{code: err}
		if message != nil {
			a.problem.message = *message
		}
	}
}

// undecided are the alterations that wait for the controller.
func undecided(alterations []alteration) map[resourceKey]*alteration {
	open := make(map[resourceKey]*alteration, len(alterations))
	for i := range alterations {
		if !alterations[i].decided {
			open[alterations[i].resourceKey] = &alterations[i]
		}
	}
	return open
}

// outcome are the error fields of the answer; otherwise is why the controller did not decide.
func (a *alteration) outcome(otherwise *configProblem) (int16, *string) {
	problem := a.problem
	if !a.decided {
		problem = otherwise
	}
	if problem == nil {
		return 0, nil
	}
	return problem.parts()
}

// showsChanges reports whether the image has what a request set and removed, as far as the controller agreed.
func showsChanges(im *metadata.Image, resources []kmsg.IncrementalAlterConfigsRequestResource, answer *kmsg.IncrementalAlterConfigsResponse) bool {
	refused := map[resourceKey]bool{}
	for _, r := range answer.Resources {
		refused[resourceKey{r.ResourceType, r.ResourceName}] = r.ErrorCode != 0
	}
	for _, res := range resources {
		if refused[resourceKey{res.ResourceType, res.ResourceName}] {
			continue
		}
		have := im.Config(metadata.ResourceType(res.ResourceType), res.ResourceName)
		for _, op := range res.Configs {
			value, set := have[op.Name]
			if op.Op == kmsg.IncrementalAlterConfigOpSet && op.Value != nil && (!set || value != *op.Value) ||
				op.Op == kmsg.IncrementalAlterConfigOpDelete && set {
				return false
			}
		}
	}
	return true
}

// askFor hands a request to the controller. It answers nil, and why, if there was no answer; for a request without resources there is
// nothing to ask.
func askFor[R kmsg.Response](h *Handlers, c *Call, rq kmsg.Request, resources int) (answer R, problem *configProblem) {
	if resources == 0 {
		return answer, nil
	}
	ctx, cancel := context.WithTimeout(c.Gone, alterTimeout)
	defer cancel()
	resp, err := h.controllerFor(c).Do(asCaller(ctx, c), c.Conn.Principal, rq)
	switch answer, ok := resp.(R); {
	case errors.Is(err, context.DeadlineExceeded):
		return answer, &configProblem{kerr.RequestTimedOut, err.Error()}
	case errors.Is(err, kerr.UnknownServerError):
		return answer, &configProblem{kerr.UnknownServerError, err.Error()}
	case err != nil:
		return answer, &configProblem{kerr.NotController, err.Error()}
	case !ok:
		return answer, &configProblem{kerr.UnknownServerError, "the controller answered another request"}
	default:
		return answer, nil
	}
}

// alterLogLevels changes what this node logs, unless one of the changes is wrong.
func (h *Handlers) alterLogLevels(configs []kmsg.IncrementalAlterConfigsRequestResourceConfig, validateOnly bool) *configProblem {
	for _, op := range configs {
		if problem := h.checkLogLevel(op); problem != nil {
			return problem
		}
	}
	if validateOnly || h.LogLevels == nil {
		return nil
	}
	for _, op := range configs {
		before := h.LogLevels.LevelOf(op.Name)
		if op.Op == kmsg.IncrementalAlterConfigOpDelete {
			h.LogLevels.UnsetLevelOf(op.Name)
		} else if level, err := telemetry.ParseLevel(*op.Value); err == nil { // it was checked
			h.LogLevels.SetLevelOf(op.Name, level)
		}
		h.Logger.Info("log level changed", "of", op.Name, "level", h.LogLevels.LevelOf(op.Name), "before", before)
	}
	return nil
}

// logLevels are the names that Kafka takes; it does not take them in small letters.
var logLevels = []string{"DEBUG", "ERROR", "FATAL", "INFO", "TRACE", "WARN"}

func (h *Handlers) checkLogLevel(op kmsg.IncrementalAlterConfigsRequestResourceConfig) *configProblem {
	switch op.Op {
	case kmsg.IncrementalAlterConfigOpAppend, kmsg.IncrementalAlterConfigOpSubtract:
		return badConfigRequest("%s operation is not allowed for the BROKER_LOGGER resource", op.Op)
	}
	if h.LogLevels != nil && !h.LogLevels.Has(op.Name) || h.LogLevels == nil && op.Name != telemetry.RootLogger {
		return &configProblem{kerr.InvalidConfig, "Logger " + op.Name + " does not exist!"}
	}
	if op.Op == kmsg.IncrementalAlterConfigOpDelete {
		if op.Name == telemetry.RootLogger {
			return badConfigRequest("Removing the log level of the root logger is not allowed")
		}
		return nil
	}
	if op.Value == nil {
		return badConfigRequest("Null value not supported for : %s", op.Name)
	}
	if !slices.Contains(logLevels, *op.Value) {
		return &configProblem{kerr.InvalidConfig, "Cannot set the log level of " + op.Name + " to " + *op.Value +
			" as it is not a supported log level. Valid log levels are " + strings.Join(logLevels, ", ")}
	}
	return nil
}
