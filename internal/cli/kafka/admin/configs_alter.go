package admin

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// What quotas and credentials are called among the settings of users, clients and addresses.
var (
	quotaNames = []string{"producer_byte_rate", "consumer_byte_rate", "request_percentage", "controller_mutation_rate"}
	ipQuotas   = []string{"connection_creation_rate"}
	scramNames = map[string]int8{"SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2}
)

func (c *configCall) alter(ctx context.Context) error {
	add, err := c.added()
	if err != nil {
		return err
	}
	var remove []string
	for _, name := range c.Values("delete-config") {
		remove = append(remove, strings.TrimSpace(name))
	}
	kind, name := c.types[0], c.names[0]
	switch kind {
	case userType, clientType:
		err = c.alterClients(ctx, add, remove)
	case ipType:
		err = c.alterAddress(ctx, add, remove)
	default:
		var changes []change
		for _, n := range remove {
			changes = append(changes, change{n, nil})
		}
		for _, s := range add {
			changes = append(changes, change{s.name, &s.value})
		}
		if kind == loggerType {
			err = c.knownLoggers(ctx, name, changes)
		}
		if err == nil {
			err = tool.Executed(alterConfigs(ctx, c.cluster, resourceKinds[kind], name, changes))
		}
	}
	if err != nil {
		return err
	}
	if name != "" {
		c.Println("Completed updating config for " + strings.TrimSuffix(kind, kind[len(kind)-1:]) + " " + name + ".")
	} else {
		c.Println("Completed updating default config for " + kind + " in the cluster.")
	}
	return nil
}

// knownLoggers refuses loggers that a broker does not have.
func (c *configCall) knownLoggers(ctx context.Context, broker string, changes []change) error {
	all, err := describeConfigs(ctx, c.cluster, kmsg.ConfigResourceTypeBrokerLogger, []string{broker}, false)
	if err != nil {
		return tool.Executed(err)
	}
	known := make(map[string]bool)
	for _, s := range all[broker] {
		known[s.Name] = true
	}
	var unknown []string
	for _, change := range changes {
		if !known[change.name] {
			unknown = append(unknown, change.name)
		}
	}
	if len(unknown) > 0 {
		return &tool.Exception{Class: "org.apache.kafka.common.errors.InvalidConfigurationException", Message: "Invalid broker logger(s): " + strings.Join(unknown, ",")}
	}
	return nil
}

func scala(names []string) string { return "List(" + strings.Join(names, ", ") + ")" }

func set(names []string) string { return "Set(" + strings.Join(names, ", ") + ")" }

// alterClients changes quotas of users and clients, or credentials of a user.
func (c *configCall) alterClients(ctx context.Context, add []setting, remove []string) error {
	var unknown, scram []string
	quotas := false
	for _, s := range add {
		switch {
		case has(quotaNames, s.name):
			quotas = true
		case scramNames[s.name] != 0:
			scram = append(scram, s.name)
		default:
			unknown = append(unknown, s.name)
		}
	}
	var unknownGone, scramGone []string
	for _, n := range remove {
		switch {
		case has(quotaNames, n):
			quotas = true
		case scramNames[n] != 0:
			scramGone = append(scramGone, n)
		default:
			unknownGone = append(unknownGone, n)
		}
	}
	if c.types[0] == clientType || len(c.types) == 2 {
		if len(unknown)+len(scram) > 0 {
			return tool.Illegal("Only quota configs can be added for 'clients' using --bootstrap-server. Unexpected config names: %s", set(append(unknown, scram...)))
		}
		if len(unknownGone)+len(scramGone) > 0 {
			return tool.Illegal("Only quota configs can be deleted for 'clients' using --bootstrap-server. Unexpected config names: %s", scala(append(unknownGone, scramGone...)))
		}
		return c.alterQuotas(ctx, add, remove)
	}
	switch {
	case len(unknown) > 0:
		return tool.Illegal("Only quota and SCRAM credential configs can be added for 'users' using --bootstrap-server. Unexpected config names: %s", set(unknown))
	case len(unknownGone) > 0:
		return tool.Illegal("Only quota and SCRAM credential configs can be deleted for 'users' using --bootstrap-server. Unexpected config names: %s", scala(unknownGone))
	case len(scram)+len(scramGone) == 0:
		return c.alterQuotas(ctx, add, remove)
	case has(c.names, ""):
		return tool.Illegal("The use of --entity-default or --user-defaults is not allowed with User SCRAM Credentials using --bootstrap-server.")
	case quotas:
		return tool.Illegal("Cannot alter both quota and SCRAM credential configs simultaneously for 'users' using --bootstrap-server.")
	}
	return c.alterCredentials(ctx, c.names[0], add, scramGone)
}

func (c *configCall) alterAddress(ctx context.Context, add []setting, remove []string) error {
	var unknown []string
	for _, s := range add {
		if !has(ipQuotas, s.name) {
			unknown = append(unknown, s.name)
		}
	}
	for _, n := range remove {
		if !has(ipQuotas, n) {
			unknown = append(unknown, n)
		}
	}
	if len(unknown) > 0 {
		return tool.Illegal("Only connection quota configs can be added for 'ips' using --bootstrap-server. Unexpected config names: %s", strings.Join(unknown, ","))
	}
	return c.alterQuotas(ctx, add, remove)
}

var quotaTypes = map[string]string{userType: "user", clientType: "client-id", ipType: "ip"}

func (c *configCall) alterQuotas(ctx context.Context, add []setting, remove []string) error {
	old, err := c.quotas(ctx)
	if err != nil {
		return tool.Executed(err)
	}
	var unknown []string
	for _, n := range remove {
		if len(old) == 0 || !slices.ContainsFunc(old[0].Values, func(v kmsg.DescribeClientQuotasResponseEntryValue) bool { return v.Key == n }) {
			unknown = append(unknown, n)
		}
	}
	if len(unknown) > 0 {
		return &tool.Exception{Class: "org.apache.kafka.common.errors.InvalidConfigurationException", Message: "Invalid config(s): " + strings.Join(unknown, ",")}
	}
	entry := kmsg.NewAlterClientQuotasRequestEntry()
	for i, t := range c.types {
		e := kmsg.NewAlterClientQuotasRequestEntryEntity()
		if e.Type = quotaTypes[t]; c.names[i] != "" {
			e.Name = &c.names[i]
		}
		entry.Entity = append(entry.Entity, e)
	}
	for _, s := range add {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key = s.name
		if op.Value, err = strconv.ParseFloat(s.value, 64); err != nil {
			return tool.Illegal("Cannot parse quota configuration value for %s: %s", s.name, s.value)
		}
		entry.Ops = append(entry.Ops, op)
	}
	for _, n := range remove {
		op := kmsg.NewAlterClientQuotasRequestEntryOp()
		op.Key, op.Remove = n, true
		entry.Ops = append(entry.Ops, op)
	}
	request := kmsg.NewPtrAlterClientQuotasRequest()
	request.Entries = append(request.Entries, entry)
	answer, err := tool.Ask[*kmsg.AlterClientQuotasResponse](ctx, c.cluster, request)
	if err != nil {
		return tool.Executed(err)
	}
	for _, e := range answer.Entries {
		if err := tool.Refused(e.ErrorCode, e.ErrorMessage); err != nil {
			return tool.Executed(err)
		}
	}
	return nil
}

var credential = regexp.MustCompile(`^(?:iterations=(-?[0-9]*),)?password=(.*)$`)

func (c *configCall) alterCredentials(ctx context.Context, user string, add []setting, remove []string) error {
	request := kmsg.NewPtrAlterUserSCRAMCredentialsRequest()
	for _, n := range remove {
		d := kmsg.NewAlterUserSCRAMCredentialsRequestDeletion()
		d.Name, d.Mechanism = user, scramNames[n]
		request.Deletions = append(request.Deletions, d)
	}
	for _, s := range add {
		u, err := upsertion(user, s)
		if err != nil {
			return err
		}
		request.Upsertions = append(request.Upsertions, u)
	}
	answer, err := tool.Ask[*kmsg.AlterUserSCRAMCredentialsResponse](ctx, c.cluster, request)
	if err != nil {
		return tool.Executed(err)
	}
	for _, r := range answer.Results {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return tool.Executed(err)
		}
	}
	return nil
}

func upsertion(user string, s setting) (kmsg.AlterUserSCRAMCredentialsRequestUpsertion, error) {
	u := kmsg.NewAlterUserSCRAMCredentialsRequestUpsertion()
	u.Name, u.Mechanism, u.Iterations = user, scramNames[s.name], 4096
	m := credential.FindStringSubmatch(s.value)
	if m == nil {
		return u, tool.Illegal("Invalid credential property %s=%s", strings.ReplaceAll(s.name, "-", "_"), s.value)
	}
	if m[1] != "" && m[1] != "-1" {
		n, err := parseInt32(m[1])
		if err != nil {
			return u, err
		}
		u.Iterations = n
	}
	if u.Iterations < 4096 {
		return u, tool.Illegal("Iterations %d is less than the minimum 4096 required for %s", u.Iterations, s.name)
	}
	if u.Iterations > 16384 {
		return u, tool.Illegal("Iterations %d is greater than the maximum 16384 allowed for %s", u.Iterations, s.name)
	}
	u.Salt = make([]byte, 24)
	if _, err := rand.Read(u.Salt); err != nil {
		return u, err
	}
	var err error
	switch s.name {
	case "SCRAM-SHA-256":
		u.SaltedPassword, err = pbkdf2.Key(sha256.New, m[2], u.Salt, int(u.Iterations), sha256.Size)
	case "SCRAM-SHA-512":
		u.SaltedPassword, err = pbkdf2.Key(sha512.New, m[2], u.Salt, int(u.Iterations), sha512.Size)
	default:
		err = errors.New(s.name + ": no such mechanism")
	}
	return u, err
}
