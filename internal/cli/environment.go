package cli

import "strings"

// notKeys are variables of Kafka's container images that are about the virtual machine and the scripts around it, and not about the broker.
var notKeys = map[string]bool{
	"OPTS": true, "HEAP_OPTS": true, "JVM_PERFORMANCE_OPTS": true, "GC_LOG_OPTS": true, "LOG4J_OPTS": true, "LOG4J_LOGGERS": true, "LOG4J_ROOT_LOGLEVEL": true,
	"TOOLS_LOG4J_LOGLEVEL": true, "JMX_OPTS": true, "JMX_PORT": true, "JMX_HOSTNAME": true, "HOME": true, "VERSION": true, "DEBUG": true, "LOG4J_CMD_OPTS": true,
}

// fromEnvironment reads configs from variables that begin with a prefix, named as in Kafka's container images: KAFKA_LOG_DIRS is log.dirs, two underscores stand
// for one, and three for a hyphen.
func fromEnvironment(prefix string, environment []string) map[string]string {
	set := map[string]string{}
	for _, variable := range environment {
		name, value, _ := strings.Cut(variable, "=")
		name, ours := strings.CutPrefix(name, prefix)
		if !ours || name == "" || notKeys[name] {
			continue
		}
		key := strings.NewReplacer("___", "-", "__", "_", "_", ".").Replace(strings.ToLower(name))
		set[key] = value
	}
	return set
}
