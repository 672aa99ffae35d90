package broker

import (
	"crypto/rand"
	"hash/crc32"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/telemetry"
)

const (
	keyGetTelemetrySubscriptions int16 = 71
	keyPushTelemetry             int16 = 72
)

// clientTelemetryRoutes are the APIs by which clients tell of themselves (KIP-714). They are advertised while there is a subscription: a Kafka without
// anybody to take reports does not advertise them either.
var clientTelemetryRoutes = []route{
	{key: keyGetTelemetrySubscriptions, handle: (*Handlers).getTelemetrySubscriptions},
	{key: keyPushTelemetry, handle: (*Handlers).pushTelemetry, waits: true}, // it decompresses
}

// wantsClientTelemetry reports whether somebody has asked for reports of clients.
func wantsClientTelemetry(im *metadata.Image) bool {
	return len(im.ConfigNames(metadata.ClientMetricsResource)) > 0
}

const (
	mostInstances       = 10_000
	defaultPushInterval = 5 * time.Minute
	mostUncompressed    = 16 << 20
)

// instances are the clients that have asked what to report, bounded: the one that was silent for longest goes.
type instances struct {
	mu   sync.Mutex
	byID map[record.UUID]*instance
}

// instance is one client. Its fields are guarded by instances.mu.
type instance struct {
	asOf         int64 // offset of the image
	subscription subscription
	got, pushed  time.Time // when it last asked and reported
	forgiven     bool      // it may ask at once: it was told that what it has is no good
	terminating  bool
}

// subscription is what a client is to report.
type subscription struct {
	id       int32
	metrics  []string
	interval time.Duration
}

// of finds a client or makes it known. mu is held.
func (s *instances) of(id record.UUID, now time.Time) *instance {
	if i := s.byID[id]; i != nil {
		return i
	}
	if s.byID == nil {
		s.byID = map[record.UUID]*instance{}
	}
	for other, i := range s.byID {
		if now.Sub(i.last()) > 3*max(i.subscription.interval, time.Minute) {
			delete(s.byID, other)
		}
	}
	for other := range s.byID {
		if len(s.byID) < mostInstances {
			break
		}
		delete(s.byID, other) // any: it will be told to ask again
	}
	i := &instance{asOf: -1}
	s.byID[id] = i
	return i
}

func (i *instance) last() time.Time {
	if i.pushed.After(i.got) {
		return i.pushed
	}
	return i.got
}

// renew works out what the client is to report, if configurations may have changed. It tells whether that is something else than before.
func (i *instance) renew(h *Handlers, c *Call, id record.UUID) bool {
	if i.asOf == c.Image.Offset {
		return false
	}
	before := i.subscription.id
	first := i.asOf < 0
	i.asOf, i.subscription = c.Image.Offset, h.subscriptionOf(c, id)
	return !first && before != i.subscription.id
}

// subscriptionOf adds up the subscriptions that match a client.
func (h *Handlers) subscriptionOf(c *Call, id record.UUID) subscription {
	s := subscription{interval: defaultPushInterval}
	matched, all := false, false
	var metrics []string
	for _, name := range c.Image.ConfigNames(metadata.ClientMetricsResource) {
		values := h.Config().ForClientMetrics(c.Image.Config(metadata.ClientMetricsResource, name))
		if !matchesClient(values.List("match"), c, id) {
			continue
		}
		interval := time.Duration(values.Int("interval.ms")) * time.Millisecond
		if !matched || interval < s.interval {
			s.interval = interval
		}
		matched = true
		for _, m := range values.List("metrics") {
			all = all || m == "*"
			metrics = append(metrics, m)
		}
	}
	slices.Sort(metrics)
	s.metrics = slices.Compact(metrics)
	if all {
		s.metrics = []string{"*"}
	}
	s.id = int32(crc32.Checksum([]byte(strings.Join(s.metrics, ",")+" "+s.interval.String()), crc32.MakeTable(crc32.Castagnoli)))
	return s
}

// matchesClient reports whether a client is what a subscription is about: all patterns fit.
func matchesClient(patterns []string, c *Call, id record.UUID) bool {
	for _, item := range patterns {
		name, pattern, _ := strings.Cut(item, "=")
		re, err := regexp.Compile(`^(?:` + strings.TrimSpace(pattern) + `)$`)
		if err != nil || !re.MatchString(clientProperty(strings.TrimSpace(name), c, id)) {
			return false
		}
	}
	return true
}

func clientProperty(name string, c *Call, id record.UUID) string {
	switch name {
	case "client_instance_id":
		return id.String()
	case "client_id":
		return c.Header.ClientID
	case "client_software_name":
		return c.Conn.SoftwareName
	case "client_software_version":
		return c.Conn.SoftwareVersion
	case "client_source_address":
		return c.Conn.Remote.Addr().Unmap().String()
	case "client_source_port":
		return strconv.Itoa(int(c.Conn.Remote.Port()))
	}
	return ""
}

// getTelemetrySubscriptions tells a client what to report, and how often.
func (h *Handlers) getTelemetrySubscriptions(c *Call) {
	rq, now := c.Body.(*kmsg.GetTelemetrySubscriptionsRequest), time.Now()
	resp := kmsg.NewPtrGetTelemetrySubscriptionsResponse()
	id := record.UUID(rq.ClientInstanceID)
	for id.IsZero() || metadata.ReservedUUID(id) && rq.ClientInstanceID == [16]byte{} {
		rand.Read(id[:]) // never fails
	}
	h.instances.mu.Lock()
	i := h.instances.of(id, now)
	changed := i.renew(h, c, id)
	early := now.Sub(i.last()) < i.subscription.interval && !i.forgiven && !changed
	s := i.subscription
	if !early {
		i.got, i.forgiven = now, false
	}
	h.instances.mu.Unlock()
	resp.ClientInstanceID = id
	if early {
		resp.ErrorCode = kerr.ThrottlingQuotaExceeded.Code
		resp.ThrottleMillis = 0
		c.Respond(resp)
		return
	}
	resp.SubscriptionID, resp.PushIntervalMillis, resp.RequestedMetrics = s.id, int32(s.interval.Milliseconds()), s.metrics
	for _, codec := range []record.Codec{record.Zstd, record.LZ4, record.Gzip, record.Snappy} {
		resp.AcceptedCompressionTypes = append(resp.AcceptedCompressionTypes, int8(codec))
	}
	resp.DeltaTemporality = true // as Kafka wants it: what was added since the last report
	resp.TelemetryMaxBytes = int32(h.Config().Int("telemetry.max.bytes"))
	c.Respond(resp)
}

// pushTelemetry takes a report.
func (h *Handlers) pushTelemetry(c *Call) {
	rq := c.Body.(*kmsg.PushTelemetryRequest)
	resp := kmsg.NewPtrPushTelemetryResponse()
	if err := h.takeReport(c, rq, time.Now()); err != nil {
		resp.ErrorCode = err.Code
	}
	c.Respond(resp)
}

func (h *Handlers) takeReport(c *Call, rq *kmsg.PushTelemetryRequest, now time.Time) *kerr.Error {
	id := record.UUID(rq.ClientInstanceID)
	if id.IsZero() {
		return kerr.InvalidRequest
	}
	interval, problem := h.mayPush(c, rq, id, now)
	if problem != nil {
		return problem
	}
	data := rq.Metrics
	if rq.CompressionType != 0 {
		var err error
		if data, err = record.Decompress(nil, rq.Metrics, record.Codec(rq.CompressionType), mostUncompressed); err != nil {
			return kerr.InvalidRecord
		}
	}
	of := telemetry.Client{Instance: id.String(), ID: c.Header.ClientID, Principal: c.Conn.Principal.String(), Software: c.Conn.SoftwareName, Version: c.Conn.SoftwareVersion}
	if h.ClientMetrics == nil || len(data) == 0 {
		return nil
	}
	if err := h.ClientMetrics.Push(of, data, now, interval, rq.Terminating); err != nil {
		return kerr.InvalidRecord
	}
	return nil
}

// mayPush decides as Kafka does, and in its order.
func (h *Handlers) mayPush(c *Call, rq *kmsg.PushTelemetryRequest, id record.UUID, now time.Time) (time.Duration, *kerr.Error) {
	h.instances.mu.Lock()
	defer h.instances.mu.Unlock()
	i := h.instances.of(id, now)
	i.renew(h, c, id)
	early := !i.got.After(i.pushed) && now.Sub(i.pushed) < i.subscription.interval
	switch {
	case i.terminating:
		return 0, kerr.InvalidRequest
	case early && !rq.Terminating:
		return 0, kerr.ThrottlingQuotaExceeded
	}
	i.pushed = now
	switch {
	case rq.SubscriptionID != i.subscription.id:
		i.forgiven = true
		return 0, kerr.UnknownSubscriptionID
	case rq.CompressionType < 0 || rq.CompressionType > int8(record.Zstd):
		i.forgiven = true
		return 0, kerr.UnsupportedCompressionType
	case len(rq.Metrics) > h.Config().Int("telemetry.max.bytes"):
		return 0, kerr.TelemetryTooLarge
	}
	i.terminating = rq.Terminating
	return i.subscription.interval, nil
}
