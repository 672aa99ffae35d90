package admin

import (
	"context"
	"errors"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/config"
)

// Configs is kafka-configs.
func Configs() *tool.Tool {
	return &tool.Tool{Name: "kafka-configs", Options: configsOptions(), Run: configs,
		Purpose: "This tool helps to manipulate and describe entity config for a topic, client, user, broker, ip, client-metrics or group"}
}

// Types of entities with settings, as the tool calls them.
const (
	topicType, clientType, userType, brokerType, ipType = "topics", "clients", "users", "brokers", "ips"
	metricsType, groupsType, loggerType                 = "client-metrics", "groups", "broker-loggers"
)

var (
	entityTypes = []string{topicType, clientType, userType, brokerType, ipType, metricsType, groupsType, loggerType}
	// entityFlags are options that name an entity and its type at once.
	entityFlags = []struct{ option, kind string }{{"topic", topicType}, {"client", clientType}, {"user", userType}, {"broker", brokerType},
		{"broker-logger", loggerType}, {"ip", ipType}, {"client-metrics", metricsType}, {"group", groupsType}}
	entityDefaults = []struct{ option, kind string }{{"client-defaults", clientType}, {"user-defaults", userType}, {"broker-defaults", brokerType}, {"ip-defaults", ipType}}
	resourceKinds  = map[string]kmsg.ConfigResourceType{topicType: kmsg.ConfigResourceTypeTopic, brokerType: kmsg.ConfigResourceTypeBroker,
		loggerType: kmsg.ConfigResourceTypeBrokerLogger, metricsType: kmsg.ConfigResourceTypeClientMetrics, groupsType: kmsg.ConfigResourceTypeGroupConfig}
)

// configCall is a run of kafka-configs: the entities that it is about.
type configCall struct {
	*tool.Call

	cluster      *tool.Cluster
	types, names []string // of the entities; an empty name is the default
}

func configs(ctx context.Context, c *tool.Call) error {
	call := newConfigCall(c)
	err := tool.First(c.Wrong(), call.check())
	if err == nil {
		err = call.run(ctx)
	}
	if c.Wrong() != nil {
		err = c.Wrong()
	}
	var (
		e      *tool.Exception
		option *tool.OptionError
		usage  tool.Usage
	)
	switch {
	case err == nil || errors.As(err, &usage) || errors.As(err, &option):
		return err
	case errors.As(err, &e) && (e.Class == "java.lang.IllegalArgumentException" || e.Class == "org.apache.kafka.common.errors.InvalidConfigurationException"):
		c.Warnln(err)
	default:
		c.Warnln("Error while executing config command with args '" + strings.Join(c.Args, " ") + "'")
		c.Warnln(tool.Describe(err))
	}
	return failure
}

func newConfigCall(c *tool.Call) *configCall {
	call := &configCall{Call: c, types: slices.Clone(c.Values("entity-type"))}
	names := c.Values("entity-name")
	for _, option := range c.Order {
		switch {
		case option == "entity-name" && len(names) > 0:
			call.names, names = append(call.names, names[0]), names[1:]
		case option == "entity-default":
			call.names = append(call.names, "")
		}
	}
	for _, f := range entityFlags {
		if c.Has(f.option) {
			call.types, call.names = append(call.types, f.kind), append(call.names, c.Value(f.option))
		}
	}
	for _, f := range entityDefaults {
		if c.Has(f.option) {
			call.types, call.names = append(call.types, f.kind), append(call.names, "")
		}
	}
	return call
}

func (c *configCall) is(kinds ...string) bool {
	return slices.ContainsFunc(c.types, func(t string) bool { return has(kinds, t) })
}

func (c *configCall) check() error {
	if c.Count("alter", "describe") != 1 {
		return tool.Usage("Command must include exactly one action: --describe, --alter")
	}
	if err := c.Exclude("describe", "alter", "add-config", "delete-config"); err != nil {
		return err
	}
	if twice := duplicates(c.types); len(twice) > 0 {
		return tool.Illegal("Duplicate entity type(s) specified: %s", strings.Join(twice, ","))
	}
	if c.Count("bootstrap-server", "bootstrap-controller") == 0 {
		return tool.Illegal("Either --bootstrap-server or --bootstrap-controller must be specified.")
	}
	for _, t := range c.types {
		if !has(entityTypes, t) {
			return tool.Illegal("Invalid entity type %s, the entity type must be one of %s with a --bootstrap-server or --bootstrap-controller argument", t, strings.Join(entityTypes, ", "))
		}
	}
	switch {
	case len(c.types) == 0:
		return tool.Illegal("At least one entity type must be specified")
	case len(c.types) > 1 && !(len(c.types) == 2 && has(c.types, userType) && has(c.types, clientType)):
		return tool.Illegal("Only 'users' and 'clients' entity types may be specified together")
	}
	if c.Count("entity-name", "entity-type", "entity-default") > 0 {
		for _, f := range append(slices.Clone(entityFlags), entityDefaults...) {
			if c.Has(f.option) {
				return tool.Illegal("--entity-{type,name,default} should not be used in conjunction with specific entity flags")
			}
		}
	}
	if c.Count("bootstrap-server", "bootstrap-controller") > 1 {
		return tool.Illegal("Only one of --bootstrap-server or --bootstrap-controller can be specified")
	}
	return tool.First(c.checkNames(), c.checkAction())
}

func (c *configCall) checkNames() error {
	for _, name := range c.names {
		if name == "" {
			continue
		}
		if _, err := parseInt32(name); err != nil && c.is(brokerType, loggerType) {
			return tool.Illegal("The entity name for %s must be a valid integer broker id, but it is: %s", c.types[0], name)
		}
		if c.is(ipType) && net.ParseIP(name) == nil {
			if _, err := net.DefaultResolver.LookupHost(context.Background(), name); err != nil {
				return tool.Illegal("The entity name for %s must be a valid IP or resolvable host, but it is: %s", c.types[0], name)
			}
		}
	}
	return nil
}

func (c *configCall) checkAction() error {
	named, byDefault := slices.ContainsFunc(c.names, func(n string) bool { return n != "" }), has(c.names, "")
	withDefaults := c.is(userType, clientType, brokerType, ipType)
	types := strings.Join(c.types, ",")
	if c.Has("describe") {
		if !withDefaults && byDefault {
			return tool.Illegal("--entity-default must not be specified with --describe of %s", types)
		}
		if c.is(loggerType) && !named {
			return tool.Illegal("An entity name must be specified with --describe of %s", types)
		}
		return nil
	}
	switch {
	case withDefaults && !named && !byDefault:
		return tool.Illegal("An entity-name or default entity must be specified with --alter of users, clients, brokers or ips")
	case !withDefaults && !named:
		return tool.Illegal("An entity name must be specified with --alter of %s", types)
	case c.Count("add-config", "add-config-file") == 2:
		return tool.Illegal("Only one of --add-config or --add-config-file must be specified")
	case c.Count("add-config", "add-config-file", "delete-config") == 0:
		return tool.Illegal("At least one of --add-config, --add-config-file, or --delete-config must be specified with --alter")
	}
	return nil
}

func (c *configCall) run(ctx context.Context) error {
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	c.cluster = cluster
	if c.Has("describe") {
		return c.describe(ctx)
	}
	if len(c.types) != len(c.names) {
		return tool.Illegal("An entity name must be specified for every entity type")
	}
	return c.alter(ctx)
}

// setting is a setting to make.
type setting struct{ name, value string }

var settingName = regexp.MustCompile(`^[$a-zA-Z0-9._-]*$`)

// added are the settings of --add-config or --add-config-file, in the order of a Java map.
func (c *configCall) added() ([]setting, error) {
	set := make(map[string]string)
	if c.Has("add-config-file") {
		text, err := os.ReadFile(c.Value("add-config-file"))
		if err == nil {
			set, err = config.ReadProperties(text)
		}
		if err != nil {
			return nil, &tool.Exception{Class: "java.nio.file.NoSuchFileException", Message: c.Value("add-config-file")}
		}
	}
	if c.Has("add-config") {
		for _, pair := range splitOutside(c.Value("add-config"), ',') {
			parts := splitOutside(pair, '=')
			if len(parts) != 2 || strings.TrimSpace(parts[1]) == "" {
				return nil, tool.Illegal("requirement failed: Invalid entity config: all configs to be added must be in the format \"key=val\" or  \"key=[val1,val2]\" to group values which contain commas.")
			}
			set[strings.TrimSpace(parts[0])] = strings.TrimSpace(strings.NewReplacer("[", "", "]", "").Replace(parts[1]))
		}
	}
	var names []string
	for name := range set {
		if !settingName.MatchString(name) {
			return nil, tool.Illegal("Invalid character found for config key: %s", name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	var all []setting
	for _, name := range names {
		all = append(all, setting{name, set[name]})
	}
	return all, nil
}

// splitOutside cuts a text at a character, but not within brackets.
func splitOutside(text string, at rune) []string {
	var parts []string
	depth, start := 0, 0
	for i, c := range text {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == at && depth == 0:
			parts = append(parts, text[start:i])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}
