package config

import (
	"fmt"
	"regexp"
	"strings"
)

// leatAuditKeys are about the audit log.
var leatAuditKeys = []Key{
	{Name: "leat.audit.data.rules", Type: String, Default: "", Valid: auditRules, Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "What access to data the audit log tells, rules with ; between them: operations (read, write, all), a resource (topic:, group: or transactional-id: and a name, * at its end for all that begin so), and by or except with principals that have | between them."},
	{Name: "leat.audit.enable", Type: Boolean, Default: "false", Mode: ClusterWide, Importance: "HIGH", Built: true,
		Doc: "Whether this node keeps an audit log: who authenticated or did not, who was refused what, who asked for which change, and by leat.audit.data.rules who accessed which data."},
	{Name: "leat.audit.file", Type: String, Default: "", Importance: "MEDIUM", Built: true,
		Doc: "File to which audit events are appended, a line of JSON each; empty: none."},
	{Name: "leat.audit.file.keep", Type: Int, Default: "10", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How many full audit files are kept, as leat.audit.file with .1 (the newest), .2 and so on."},
	{Name: "leat.audit.file.max.bytes", Type: Long, Default: "104857600", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "Size at which the audit file is set aside and a new one begins; 0: never."},
	{Name: "leat.audit.queue.max", Type: Int, Default: "10000", Valid: atLeast(1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "How many audit events may wait to be written, to each place; what comes then is dropped and counted, because no request waits for the audit log."},
	{Name: "leat.audit.summary.interval.ms", Type: Long, Default: "60000", Valid: atLeast(100), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "How often access to data and refusals that repeat are told, after the first time: with their number since the last."},
	{Name: "leat.audit.topic.enable", Type: Boolean, Default: "true", Importance: "MEDIUM", Built: true,
		Doc: "Whether audit events go to the topic __leat_audit, which is made with the first of them."},
	{Name: "leat.audit.topic.min.isr", Type: Int, Default: "2", Valid: atLeast(1), Importance: "LOW", Built: true,
		Doc: "In-sync replicas that the audit topic needs, when it is made."},
	{Name: "leat.audit.topic.num.partitions", Type: Int, Default: "6", Valid: atLeast(1), Importance: "LOW", Built: true,
		Doc: "Partitions of the audit topic, when it is made; a node writes to one that it leads."},
	{Name: "leat.audit.topic.replication.factor", Type: Short, Default: "3", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "Replicas of the audit topic, when it is made."},
	{Name: "leat.audit.topic.retention.ms", Type: Long, Default: "2592000000", Valid: atLeast(-1), Importance: "MEDIUM", Built: true,
		Doc: "How long the audit topic keeps events, when it is made; -1: for ever."},
}

// oneAuditRule is how a rule is written; principals may have blanks and commas in their names.
var oneAuditRule = regexp.MustCompile(`^(read|write|all)(,(read|write|all))*\s+(topic|group|transactional-id):\S+(\s+by\s+[^:|]+:[^|]+(\|[^:|]+:[^|]+)*)?(\s+except\s+[^:|]+:[^|]+(\|[^:|]+:[^|]+)*)?$`)

// auditRules is the form of leat.audit.data.rules, which the audit log reads.
var auditRules Rule = described{"rules", func(value any) error {
	for _, one := range strings.Split(value.(string), ";") {
		if one = strings.TrimSpace(one); one != "" && !oneAuditRule.MatchString(one) {
			return fmt.Errorf("rule %q: write for instance read,write topic:payments-* except User:monitor", one)
		}
	}
	return nil
}}
