package admin

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Acls is kafka-acls.
func Acls() *tool.Tool {
	return &tool.Tool{Name: "kafka-acls", Purpose: "This tool helps to manage acls on kafka.", Options: aclsOptions(), Run: acls}
}

func acls(ctx context.Context, c *tool.Call) error {
	if err := checkAcls(c); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err == nil {
		defer cluster.Close()
		switch {
		case c.Has("add"):
			err = addAcls(ctx, c, cluster)
		case c.Has("remove"):
			err = removeAcls(ctx, c, cluster)
		default:
			err = listAcls(ctx, c, cluster)
		}
	}
	if c.Wrong() != nil {
		err = c.Wrong()
	}
	var usage tool.Usage
	if err == nil || errors.As(err, &usage) {
		return err
	}
	c.Println("Error while executing ACL command: " + err.Error())
	return failure
}

func checkAcls(c *tool.Call) error {
	switch c.Count("bootstrap-server", "bootstrap-controller") {
	case 2:
		return tool.Usage("Only one of --bootstrap-server or --bootstrap-controller must be specified")
	case 0:
		return tool.Usage("One of --bootstrap-server or --bootstrap-controller must be specified")
	}
	if c.Count("add", "remove", "list") != 1 {
		return tool.Usage("Command must include exactly one action: --list, --add, --remove. ")
	}
	if err := tool.First(c.Exclude("list", "producer", "consumer", "allow-host", "allow-principal", "deny-host", "deny-principal"),
		c.Exclude("producer", "operation", "deny-principal", "deny-host"),
		c.Exclude("consumer", "operation", "deny-principal", "deny-host")); err != nil {
		return err
	}
	switch {
	case c.Has("principal") && !c.Has("list"):
		return tool.Usage("The --principal option is only available if --list is set")
	case c.Has("producer") && !c.Has("topic"):
		return tool.Usage("With --producer you must specify a --topic")
	case c.Has("idempotent") && !c.Has("producer"):
		return tool.Usage("The --idempotent option is only available if --producer is set")
	case c.Has("consumer") && (!c.Has("topic") || !c.Has("group") || !c.Has("producer") && c.Count("cluster", "transactional-id") > 0):
		return tool.Usage("With --consumer you must specify a --topic and a --group and no --cluster or --transactional-id option should be specified.")
	}
	return nil
}

// resource is what rules are about.
type resource struct{ kind, name, pattern string }

func (r resource) String() string {
	return "ResourcePattern(resourceType=" + r.kind + ", name=" + r.name + ", patternType=" + r.pattern + ")"
}

// rule is who may, or may not, do what.
type rule struct{ principal, host, operation, permission string }

func (r rule) String() string {
	return "(principal=" + r.principal + ", host=" + r.host + ", operation=" + r.operation + ", permissionType=" + r.permission + ")"
}

var (
	resourceTypes = map[string]kmsg.ACLResourceType{"TOPIC": 2, "GROUP": 3, "CLUSTER": 4, "TRANSACTIONAL_ID": 5, "DELEGATION_TOKEN": 6, "USER": 7}
	patternTypes  = map[string]kmsg.ACLResourcePatternType{"ANY": 1, "MATCH": 2, "LITERAL": 3, "PREFIXED": 4}
	permissions   = map[string]kmsg.ACLPermissionType{"DENY": 2, "ALLOW": 3}
	operations    = []string{"UNKNOWN", "ANY", "ALL", "READ", "WRITE", "CREATE", "DELETE", "ALTER", "DESCRIBE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS",
		"IDEMPOTENT_WRITE", "CREATE_TOKENS", "DESCRIBE_TOKENS", "TWO_PHASE_COMMIT"}
	// allowedOperations are those that rules about a type of resource can be about.
	allowedOperations = map[string][]string{
		"TOPIC":            {"READ", "WRITE", "CREATE", "DESCRIBE", "DELETE", "ALTER", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"},
		"GROUP":            {"READ", "DESCRIBE", "DELETE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"},
		"CLUSTER":          {"CREATE", "CLUSTER_ACTION", "DESCRIBE_CONFIGS", "ALTER_CONFIGS", "IDEMPOTENT_WRITE", "ALTER", "DESCRIBE"},
		"TRANSACTIONAL_ID": {"DESCRIBE", "WRITE", "TWO_PHASE_COMMIT"},
		"DELEGATION_TOKEN": {"DESCRIBE"},
		"USER":             {"CREATE_TOKENS", "DESCRIBE_TOKENS"},
	}
)

func keyOf[K cmp.Ordered, V comparable](m map[K]V, v V) K {
	var found K
	for k, w := range m {
		if w == v {
			found = k
		}
	}
	return found
}

// resources are those that the options name.
func resources(c *tool.Call, needed bool) ([]resource, error) {
	pattern := strings.ToUpper(c.Value("resource-pattern-type"))
	if patternTypes[pattern] == 0 {
		return nil, &tool.OptionError{Class: "OptionArgumentConversionException", Message: "Cannot parse argument '" + c.Value("resource-pattern-type") + "' of option resource-pattern-type"}
	}
	var all []resource
	add := func(option, kind string) {
		for _, name := range c.Values(option) {
			all = append(all, resource{kind, strings.TrimSpace(name), pattern})
		}
	}
	add("topic", "TOPIC")
	if pattern == "LITERAL" && c.Count("cluster", "idempotent") > 0 {
		all = append(all, resource{"CLUSTER", "kafka-cluster", pattern})
	}
	add("group", "GROUP")
	add("transactional-id", "TRANSACTIONAL_ID")
	add("delegation-token", "DELEGATION_TOKEN")
	add("user-principal", "USER")
	if len(all) == 0 && needed {
		return nil, tool.Usage("You must provide at least one resource: --topic <topic> or --cluster or --group <group> or --delegation-token <Delegation Token ID>")
	}
	slices.SortFunc(all, compareResources)
	return slices.Compact(all), nil
}

func compareResources(a, b resource) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name), cmp.Compare(a.pattern, b.pattern))
}

// rules are those that the principals, hosts and operations make.
func rules(c *tool.Call, operations ...string) ([]rule, error) {
	var all []rule
	for _, side := range []struct{ principals, hosts, permission string }{{"allow-principal", "allow-host", "ALLOW"}, {"deny-principal", "deny-host", "DENY"}} {
		hosts := c.Values(side.hosts)
		if len(hosts) == 0 {
			hosts = []string{"*"}
		}
		for _, p := range c.Values(side.principals) {
			p = strings.TrimSpace(p)
			if _, name, ok := strings.Cut(p, ":"); !ok || name == "" {
				return nil, tool.Illegal("expected a string in format principalType:principalName but got %s", p)
			}
			for _, host := range hosts {
				for _, o := range operations {
					all = append(all, rule{p, strings.TrimSpace(host), o, side.permission})
				}
			}
		}
	}
	return all, nil
}

// operation is one as Kafka's names it: --operation DescribeConfigs.
func operation(text string) string {
	plain := strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(text), "_", ""))
	for _, o := range operations {
		if strings.ReplaceAll(o, "_", "") == plain {
			return o
		}
	}
	return "UNKNOWN"
}

// wanted are the rules that the options make, by the resources that they are about.
func wanted(c *tool.Call) (map[resource][]rule, error) {
	all := make(map[resource][]rule)
	of, err := resources(c, true)
	if err != nil {
		return nil, err
	}
	give := func(operations map[string][]string) error {
		for _, r := range of {
			if operations[r.kind] == nil {
				continue
			}
			some, err := rules(c, operations[r.kind]...)
			if err != nil {
				return err
			}
			all[r] = append(all[r], some...)
		}
		return nil
	}
	if c.Count("producer", "consumer") == 0 {
		var some []string
		for _, o := range c.Values("operation") {
			some = append(some, operation(o))
		}
		every := make(map[string][]string)
		for kind := range resourceTypes {
			every[kind] = some
		}
		err = give(every)
	}
	if c.Has("producer") {
		producer := map[string][]string{"TOPIC": {"WRITE", "DESCRIBE", "CREATE"}, "TRANSACTIONAL_ID": {"WRITE", "DESCRIBE"}}
		if c.Has("idempotent") {
			producer["CLUSTER"] = []string{"IDEMPOTENT_WRITE"}
		}
		err = tool.First(err, give(producer))
	}
	if c.Has("consumer") {
		err = tool.First(err, give(map[string][]string{"TOPIC": {"READ", "DESCRIBE"}, "GROUP": {"READ"}}))
	}
	if err != nil {
		return nil, err
	}
	for _, r := range inOrder(all) {
		valid := append([]string{"ALL"}, allowedOperations[r.kind]...)
		slices.SortFunc(all[r], compareRules)
		all[r] = slices.Compact(all[r])
		for _, one := range all[r] {
			if !has(valid, one.operation) {
				return nil, tool.Usage("ResourceType " + r.kind + " only supports operations [" + strings.Join(valid, ", ") + "]")
			}
		}
	}
	return all, nil
}

func compareRules(a, b rule) int { return cmp.Compare(a.String(), b.String()) }

func inOrder(all map[resource][]rule) []resource {
	var of []resource
	for r := range all {
		of = append(of, r)
	}
	slices.SortFunc(of, compareResources)
	return of
}

func addAcls(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	if p := strings.ToUpper(c.Value("resource-pattern-type")); p == "ANY" || p == "MATCH" {
		return tool.Usage("A '--resource-pattern-type' value of '" + p + "' is not valid when adding acls.")
	}
	all, err := wanted(c)
	if err != nil {
		return err
	}
	for _, r := range inOrder(all) {
		if len(all[r]) == 0 {
			return tool.Usage("You must specify one of: --allow-principal, --deny-principal when trying to add ACLs.")
		}
	}
	for _, r := range inOrder(all) {
		there, err := describeAcls(ctx, cluster, &r)
		if err != nil {
			return tool.Executed(err)
		}
		var lines []string
		request := kmsg.NewPtrCreateACLsRequest()
		for _, one := range all[r] {
			if slices.Contains(there[r], one) {
				c.Println("Acl (pattern=" + r.String() + ", entry=" + one.String() + ") already exists.")
				continue
			}
			lines = append(lines, "\t"+one.String())
			a := kmsg.NewCreateACLsRequestCreation()
			a.ResourceType, a.ResourceName, a.ResourcePatternType = resourceTypes[r.kind], r.name, patternTypes[r.pattern]
			a.Principal, a.Host, a.Operation, a.PermissionType = one.principal, one.host, kmsg.ACLOperation(slices.Index(operations, one.operation)), permissions[one.permission]
			request.Creations = append(request.Creations, a)
		}
		if len(lines) == 0 {
			continue
		}
		c.Println("Adding ACLs for resource `" + r.String() + "`: \n " + strings.Join(lines, "\n") + "\n")
		answer, err := tool.Ask[*kmsg.CreateACLsResponse](ctx, cluster, request)
		if err != nil {
			return tool.Executed(err)
		}
		for _, result := range answer.Results {
			if err := tool.Refused(result.ErrorCode, result.ErrorMessage); err != nil {
				return tool.Executed(err)
			}
		}
	}
	return nil
}

// describeAcls asks for the rules about a resource, or about all.
func describeAcls(ctx context.Context, cluster *tool.Cluster, of *resource) (map[resource][]rule, error) {
	request := kmsg.NewPtrDescribeACLsRequest()
	request.ResourceType, request.ResourcePatternType, request.Operation, request.PermissionType = 1, 1, 1, 1
	if of != nil {
		request.ResourceType, request.ResourceName, request.ResourcePatternType = resourceTypes[of.kind], &of.name, patternTypes[of.pattern]
	}
	answer, err := tool.Ask[*kmsg.DescribeACLsResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, answer.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	all := make(map[resource][]rule)
	for _, a := range answer.Resources {
		r := resource{keyOf(resourceTypes, a.ResourceType), a.ResourceName, keyOf(patternTypes, a.ResourcePatternType)}
		for _, one := range a.ACLs {
			name := "UNKNOWN"
			if int(one.Operation) < len(operations) {
				name = operations[one.Operation]
			}
			all[r] = append(all[r], rule{one.Principal, one.Host, name, keyOf(permissions, one.PermissionType)})
		}
		slices.SortFunc(all[r], compareRules)
	}
	return all, nil
}

func listAcls(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	of, err := resources(c, false)
	if err != nil {
		return err
	}
	all := make(map[resource][]rule)
	if len(of) == 0 {
		if all, err = describeAcls(ctx, cluster, nil); err != nil {
			return tool.Executed(err)
		}
	}
	for _, r := range of {
		some, err := describeAcls(ctx, cluster, &r)
		if err != nil {
			return tool.Executed(err)
		}
		for at, rules := range some {
			all[at] = rules
		}
	}
	if !c.Has("principal") {
		printAcls(c, all, "")
		return nil
	}
	for _, p := range c.Values("principal") {
		c.Println("ACLs for principal `" + p + "`")
		printAcls(c, all, p)
	}
	return nil
}

// printAcls prints rules, those of a principal or all.
func printAcls(c *tool.Call, all map[resource][]rule, principal string) {
	for _, r := range inOrder(all) {
		var lines []string
		for _, one := range all[r] {
			if principal == "" || one.principal == principal {
				lines = append(lines, "\t"+one.String())
			}
		}
		if len(lines) > 0 {
			c.Println("Current ACLs for resource `" + r.String() + "`:\n" + strings.Join(lines, "\n") + "\n")
		}
	}
}

func removeAcls(ctx context.Context, c *tool.Call, cluster *tool.Cluster) error {
	all, err := wanted(c)
	if err != nil {
		return err
	}
	for _, r := range inOrder(all) {
		question := "Are you sure you want to delete all ACLs for resource filter `" + r.String() + "`? (y/n)"
		if len(all[r]) > 0 {
			var lines []string
			for _, one := range all[r] {
				lines = append(lines, "\t"+one.String())
			}
			question = "Are you sure you want to remove ACLs: \n " + strings.Join(lines, "\n") + "\n from resource filter `" + r.String() + "`? (y/n)"
		}
		if !confirmed(c, question) {
			continue
		}
		if err := deleteAcls(ctx, cluster, r, all[r]); err != nil {
			return tool.Executed(err)
		}
	}
	return nil
}

// confirmed asks, unless --force is there.
func confirmed(c *tool.Call, question string) bool {
	if c.Has("force") {
		return true
	}
	c.Println(question)
	line, err := bufio.NewReader(c.In).ReadString('\n')
	return (err == nil || line != "") && strings.EqualFold(strings.TrimSpace(line), "y")
}

func deleteAcls(ctx context.Context, cluster *tool.Cluster, of resource, rules []rule) error {
	request := kmsg.NewPtrDeleteACLsRequest()
	filter := func() kmsg.DeleteACLsRequestFilter {
		f := kmsg.NewDeleteACLsRequestFilter()
		f.ResourceType, f.ResourceName, f.ResourcePatternType, f.Operation, f.PermissionType = resourceTypes[of.kind], &of.name, patternTypes[of.pattern], 1, 1
		return f
	}
	if len(rules) == 0 {
		request.Filters = append(request.Filters, filter())
	}
	for _, one := range rules {
		f := filter()
		f.Principal, f.Host, f.Operation, f.PermissionType = &one.principal, &one.host, kmsg.ACLOperation(slices.Index(operations, one.operation)), permissions[one.permission]
		request.Filters = append(request.Filters, f)
	}
	answer, err := tool.Ask[*kmsg.DeleteACLsResponse](ctx, cluster, request)
	if err != nil {
		return err
	}
	for _, r := range answer.Results {
		if err := tool.Refused(r.ErrorCode, r.ErrorMessage); err != nil {
			return err
		}
	}
	return nil
}
