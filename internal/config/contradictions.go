package config

import (
	"fmt"
	"slices"
	"strings"
)

// contradictions are the values that are right by themselves and wrong together. They are those that Kafka looks for when it starts.
func (v *Values) contradictions() []error {
	var wrongs []error
	for _, check := range []func() error{
		v.checkNode, v.CheckListeners, v.checkVoters, v.checkDirs, v.checkLogTimes, v.checkCleaner, v.checkCodec, v.checkConnections, v.checkProtocols,
		v.checkEncryption, v.checkLimits, v.checkTenants,
	} {
		if err := check(); err != nil {
			wrongs = append(wrongs, err)
		}
	}
	for _, r := range ordered {
		if err := v.checkOrder(r); err != nil {
			wrongs = append(wrongs, err)
		}
	}
	return wrongs
}

func (v *Values) checkNode() error {
	node, broker := v.Int("node.id"), v.Int("broker.id")
	if broker >= 0 && broker != node {
		return wrong("node.id", fmt.Sprint(node), fmt.Errorf("broker.id is %d: give only node.id", broker))
	}
	return nil
}

// CheckListeners says what of the keys about listeners is wrong together, as overrides may make them.
func (v *Values) CheckListeners() error {
	ls, err := v.Listeners()
	if err != nil {
		return err
	}
	text := v.text("listeners")
	unbound := slices.IndexFunc(ls.Controllers, func(name string) bool {
		return !slices.ContainsFunc(ls.Bind, func(l Listener) bool { return l.Name == name })
	})
	client := slices.ContainsFunc(ls.Bind, func(l Listener) bool { return !l.Control })
	switch {
	case v.HasRole("controller") && unbound >= 0:
		return wrong("listeners", text, fmt.Errorf("a controller needs the listener %s (controller.listener.names): add for instance %s://127.0.0.1:9093",
			ls.Controllers[unbound], ls.Controllers[unbound]))
	case !v.HasRole("controller") && slices.ContainsFunc(ls.Bind, func(l Listener) bool { return l.Control }):
		return wrong("listeners", text, fmt.Errorf("process.roles has no controller, so no listener of controller.listener.names (%s) may be here",
			strings.Join(ls.Controllers, ",")))
	case v.HasRole("broker") && !client:
		return wrong("listeners", text, fmt.Errorf("a broker needs a listener that is not for controllers: add for instance PLAINTEXT://127.0.0.1:9092"))
	case !v.HasRole("broker") && client:
		return wrong("listeners", text, fmt.Errorf("process.roles has no broker, so only listeners of controller.listener.names (%s) may be here",
			strings.Join(ls.Controllers, ",")))
	}
	if ls.Protocols[ls.Controllers[0]] == "" {
		return wrong("controller.listener.names", ls.Controllers[0], fmt.Errorf("no security protocol: add %s:PLAINTEXT to listener.security.protocol.map",
			ls.Controllers[0]))
	}
	if !v.HasRole("broker") {
		return nil
	}
	return v.checkInterBroker(&ls)
}

func (v *Values) checkInterBroker(ls *Listeners) error {
	key, text := "inter.broker.listener.name", v.text("inter.broker.listener.name")
	if text == "" {
		key, text = "security.inter.broker.protocol", v.text("security.inter.broker.protocol")
	}
	if slices.Contains(ls.Controllers, ls.InterBroker) {
		return wrong(key, text, fmt.Errorf("listener %s is for controllers (controller.listener.names): brokers need another one", ls.InterBroker))
	}
	for _, l := range ls.Advertised {
		if l.Name == ls.InterBroker {
			return nil
		}
	}
	return wrong(key, text, fmt.Errorf("listener %s is not advertised: name one of advertised.listeners in inter.broker.listener.name", ls.InterBroker))
}

func (v *Values) checkVoters() error {
	voters, node := v.Voters(), v.Int("node.id")
	among := slices.ContainsFunc(voters, func(o Voter) bool { return int(o.ID) == node })
	switch {
	case len(voters) == 0 && len(v.List("controller.quorum.bootstrap.servers")) == 0 && !v.HasRole("controller"):
		return wrong("controller.quorum.bootstrap.servers", "", fmt.Errorf("a broker that is not a controller must know where the controllers are: "+
			"give host:port of one or more"))
	case len(voters) == 0:
		return nil
	case v.HasRole("controller") && !among:
		return wrong("controller.quorum.voters", v.text("controller.quorum.voters"), fmt.Errorf("a controller is one of the voters, and node.id=%d is not there", node))
	case !v.HasRole("controller") && among:
		return wrong("controller.quorum.voters", v.text("controller.quorum.voters"), fmt.Errorf("node.id=%d is there, but process.roles has no controller", node))
	}
	return nil
}

func (v *Values) checkDirs() error {
	dirs := v.LogDirs()
	for _, dir := range v.List("cordoned.log.dirs") {
		if dir != "*" && !slices.Contains(dirs, dir) {
			return wrong("cordoned.log.dirs", v.text("cordoned.log.dirs"), fmt.Errorf("%s is not one of log.dirs", dir))
		}
	}
	return nil
}

// checkLogTimes wants a retention and a roll time that mean something, whichever unit they are in. (Synonyms: ms before minutes before hours.)
func (v *Values) checkLogTimes() error {
	for _, key := range []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"} {
		text, set, _ := v.Lookup(key)
		if !set {
			continue
		}
		if text == "0" {
			return wrong(key, text, fmt.Errorf("nothing would be kept: give 1 or more, or -1 for ever"))
		}
		break
	}
	if text, set, _ := v.Lookup("log.roll.ms"); set && v.Int64("log.roll.ms") < 1 {
		return wrong("log.roll.ms", text, fmt.Errorf("too small: the least is 1"))
	}
	if jitter := v.Int64("log.roll.jitter.ms"); jitter < 0 {
		return wrong("log.roll.jitter.ms", fmt.Sprint(jitter), fmt.Errorf("too small: the least is 0"))
	}
	return nil
}

func (v *Values) checkCleaner() error {
	buffer, threads := v.Int64("log.cleaner.dedupe.buffer.size"), max(1, v.Int64("log.cleaner.threads"))
	if buffer/threads <= 1<<20 {
		return wrong("log.cleaner.dedupe.buffer.size", fmt.Sprint(buffer),
			fmt.Errorf("too small: it must be more than %d, 1 MiB for each of log.cleaner.threads", threads<<20))
	}
	return nil
}

func (v *Values) isSet(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		_, set, _ := v.Lookup(name)
		return set
	})
}

func (v *Values) checkCodec() error {
	if codec := v.Int("offsets.topic.compression.codec"); codec < 0 || codec > 4 {
		return wrong("offsets.topic.compression.codec", fmt.Sprint(codec), fmt.Errorf("not a codec: 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd"))
	}
	return nil
}

func (v *Values) checkConnections() error {
	all, one := v.Int64("queued.max.request.bytes"), v.Int64("socket.request.max.bytes")
	if all > 0 && all < one {
		return wrong("queued.max.request.bytes", fmt.Sprint(all),
			fmt.Errorf("less than socket.request.max.bytes, which is %d: a request of that size could never be read", one))
	}
	idle, delay := v.Int64("connections.max.idle.ms"), v.Int64("connection.failed.authentication.delay.ms")
	if idle >= 0 && idle <= delay {
		return wrong("connections.max.idle.ms", fmt.Sprint(idle), fmt.Errorf("it must be more than connection.failed.authentication.delay.ms, which is %d", delay))
	}
	if v.Int("max.connections.per.ip") == 0 && v.String("max.connections.per.ip.overrides") == "" {
		return wrong("max.connections.per.ip", "0", fmt.Errorf("nobody could connect: give 1 or more, or exceptions in max.connections.per.ip.overrides"))
	}
	return nil
}

func (v *Values) checkProtocols() error {
	const key = "group.coordinator.rebalance.protocols"
	if protocols := v.List(key); !slices.Contains(protocols, "classic") {
		return wrong(key, strings.Join(protocols, ","), fmt.Errorf("classic must be among them"))
	}
	const early = "early.start.listeners"
	ls, err := v.Listeners()
	for _, name := range upper(v.List(early)) {
		if err == nil && !slices.Contains(ls.Controllers, name) && !slices.ContainsFunc(ls.Bind, func(l Listener) bool { return l.Name == name }) {
			return wrong(early, v.text(early), fmt.Errorf("listener %s is not in listeners", name))
		}
	}
	return nil
}

// order is a pair of keys the first of which must not be more (or, if strict, must be less) than the second.
type order struct {
	low, high string
	strict    bool
}

// ordered are the pairs that Kafka compares at start.
var ordered = []order{
	{"replica.fetch.wait.max.ms", "replica.socket.timeout.ms", false},
	{"replica.fetch.wait.max.ms", "replica.lag.time.max.ms", false},
	{"group.min.session.timeout.ms", "group.max.session.timeout.ms", false},

	{"group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms", false},
	{"group.consumer.min.heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms", false},
	{"group.consumer.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms", false},
	{"group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms", false},
	{"group.consumer.min.session.timeout.ms", "group.consumer.session.timeout.ms", false},
	{"group.consumer.session.timeout.ms", "group.consumer.max.session.timeout.ms", false},
	{"group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms", true},
	{"group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms", false},
	{"group.consumer.assignment.interval.ms", "group.consumer.max.assignment.interval.ms", false},
	{"group.consumer.min.assignment.interval.ms", "group.consumer.assignment.interval.ms", false},

	{"group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms", false},
	{"group.share.min.heartbeat.interval.ms", "group.share.heartbeat.interval.ms", false},
	{"group.share.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms", false},
	{"group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms", false},
	{"group.share.min.session.timeout.ms", "group.share.session.timeout.ms", false},
	{"group.share.session.timeout.ms", "group.share.max.session.timeout.ms", false},
	{"group.share.heartbeat.interval.ms", "group.share.session.timeout.ms", true},
	{"group.share.min.record.lock.duration.ms", "group.share.record.lock.duration.ms", false},
	{"group.share.record.lock.duration.ms", "group.share.max.record.lock.duration.ms", false},
	{"group.share.min.delivery.count.limit", "group.share.delivery.count.limit", false},
	{"group.share.delivery.count.limit", "group.share.max.delivery.count.limit", false},
	{"group.share.min.partition.max.record.locks", "group.share.partition.max.record.locks", false},
	{"group.share.partition.max.record.locks", "group.share.max.partition.max.record.locks", false},

	{"group.streams.min.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms", false},
	{"group.streams.min.heartbeat.interval.ms", "group.streams.heartbeat.interval.ms", false},
	{"group.streams.heartbeat.interval.ms", "group.streams.max.heartbeat.interval.ms", false},
	{"group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms", false},
	{"group.streams.min.session.timeout.ms", "group.streams.session.timeout.ms", false},
	{"group.streams.session.timeout.ms", "group.streams.max.session.timeout.ms", false},
	{"group.streams.heartbeat.interval.ms", "group.streams.session.timeout.ms", true},
	{"group.streams.num.standby.replicas", "group.streams.max.standby.replicas", false},
	{"group.streams.num.warmup.replicas", "group.streams.max.warmup.replicas", false},
	{"group.streams.min.task.offset.interval.ms", "group.streams.task.offset.interval.ms", false},
	{"group.share.max.size", "group.share.max.share.sessions", false},
}

func (v *Values) checkOrder(o order) error {
	low, high := v.Int64(o.low), v.Int64(o.high)
	if low < high || low == high && !o.strict {
		return nil
	}
	key, other := o.low, o.high
	relation := "it must not be more than"
	if o.strict {
		relation = "it must be less than"
	}
	if !v.isSet(o.low) { // blame what the user wrote
		return wrong(other, fmt.Sprint(high), fmt.Errorf("too small for %s, which is %d: %s this", key, low, relation))
	}
	return wrong(key, fmt.Sprint(low), fmt.Errorf("too large: %s %s, which is %d", relation, other, high))
}
